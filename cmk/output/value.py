"""`-o value`: bare values, tabs between the columns of a row, for `id=$(cmk … -o value)`."""

from __future__ import annotations

from typing import TextIO

from cmk.environment import harmless, harmless_lines
from cmk.output import Reply, Screen, text_of


def write(reply: Reply, stream: TextIO, screen: Screen) -> None:
    """A line a row; a tab or newline inside a value is written as \\t or \\n, unless that is all
    there is: one value is as it is, so that a private key goes into its file."""
    found = list(reply.kept().cells())
    is_alone = len(found) == 1 and len(found[0]) == 1
    for cells in found:
        texts = [text_of(cell) for cell in cells]
        if is_alone:
            text = texts[0].removesuffix("\n")
            stream.write((harmless_lines(text) if screen.width else text) + "\n")
            continue
        if screen.width:
            texts = [harmless(text) for text in texts]
        stream.write("\t".join(t.replace("\t", "\\t").replace("\n", "\\n") for t in texts) + "\n")
