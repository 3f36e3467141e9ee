"""`-o csv`: RFC 4180 with a header line, rows ended by a bare newline as Unix tools expect."""

from __future__ import annotations

import csv
from typing import TextIO

from cmk.output import Reply, harmless, text_of


def write(reply: Reply, stream: TextIO, width: int) -> None:
    """A header and a line a row; nothing at all for no rows and no columns."""
    names = reply.names()
    if not names:
        return
    out = csv.writer(_UnixLines(stream))
    show = harmless if width else str
    out.writerow([show(name) for name in names])
    out.writerows([show(text_of(cell)) for cell in row] for row in reply.cells())


class _UnixLines:
    """A row at a time, ended by \\n. csv's own lineterminator would leave a bare \\r unquoted."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, row: str) -> int:
        return self._stream.write(row.removesuffix("\r\n") + "\n")
