"""`-o csv`: RFC 4180 with a header line, rows ended by a bare newline as Unix tools expect."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TextIO

from cmk.document import dumps, loads
from cmk.output import Reply, harmless, text_of


def write(reply: Reply, stream: TextIO, width: int) -> None:
    """A header and a line a row; nothing at all for no rows and no columns.

    Without `filter=` all rows must be seen before the header can be written: they wait in a file.
    """
    with _with_columns(reply) as ready:
        names = ready.names()
        if not names:
            return
        out = csv.writer(_UnixLines(stream))
        show = harmless if width else str
        out.writerow([show(name) for name in names])
        for cells in ready.cells(names):
            out.writerow([show(text_of(cell)) for cell in cells])


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


class _UnixLines:
    """A row at a time, ended by \\n. csv's own lineterminator would leave a bare \\r unquoted."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, row: str) -> int:
        return self._stream.write(row.removesuffix("\r\n") + "\n")
