"""`-o value`: bare values, tabs between the columns of a row, for `id=$(cmk … -o value)`."""

from __future__ import annotations

from typing import TextIO

from cmk.environment import harmless
from cmk.output import Reply, text_of


def write(reply: Reply, stream: TextIO, width: int) -> None:
    """A line a row; a tab or newline inside a value is written as \\t or \\n."""
    for cells in reply.kept().cells():
        texts = (text_of(cell) for cell in cells)
        if width:
            texts = (harmless(text) for text in texts)
        stream.write("\t".join(t.replace("\t", "\\t").replace("\n", "\\n") for t in texts) + "\n")
