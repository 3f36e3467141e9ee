"""`-o csv`: RFC 4180 with a header line, rows ended by a bare newline as Unix tools expect."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TextIO

from cmk.document import dumps, loads
from cmk.environment import harmless
from cmk.output import Reply, Screen, text_of


def write(reply: Reply, stream: TextIO, screen: Screen) -> None:
    """A header and a line a row; nothing at all for no rows and no columns.

    Without `filter=` all rows must be seen before the header can be written: they wait in a file.
    """
    with _with_columns(reply) as ready:
        names = ready.names()
        if not names:
            return
        show = harmless if screen.width else str
        stream.write(_line([show(name) for name in names]))
        for cells in ready.cells(names):
            stream.write(_line([show(text_of(cell)) for cell in cells]))


@contextmanager
def _with_columns(reply: Reply) -> Iterator[Reply]:
    """A reply whose columns are known and whose rows are still to be read."""
    if reply.columns or isinstance(reply.rows, list):
        yield reply
        return
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogatepass") as spool:
        seen: dict[str, None] = {}
        for row in reply.rows:
            seen.update(dict.fromkeys(row if isinstance(row, dict) else ["value"]))
            spool.write(dumps(row) + "\n")
        spool.seek(0)
        yield replace(reply, rows=_read(spool), columns=tuple(seen))


def _read(spool: Any) -> Iterator[Any]:
    for line in spool:
        yield loads(line)


def _line(cells: list[str]) -> str:
    """One record of RFC 4180. The csv module refuses a NUL before Python 3.11, and a bare newline
    at the end of lines makes it leave a carriage return unquoted."""
    if cells == [""]:
        return '""\n'  # an empty line would be no record
    return ",".join(map(_field, cells)) + "\n"


def _field(text: str) -> str:
    if any(sign in text for sign in ',"\r\n\0'):
        return '"' + text.replace('"', '""') + '"'
    return text
