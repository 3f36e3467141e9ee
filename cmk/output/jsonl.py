"""`-o jsonl`: one row a line, written as it comes."""

from __future__ import annotations

from typing import TextIO

from cmk.document import dumps
from cmk.environment import harmless
from cmk.output import Reply, Screen
from cmk.output.json import filtered_row, is_narrow


def write(reply: Reply, stream: TextIO, screen: Screen) -> None:
    """A compact JSON document a row."""
    ascii = is_narrow(stream)
    for row in reply.rows:
        text = dumps(filtered_row(row, reply.columns), ascii=ascii)
        stream.write((harmless(text) if screen.width else text) + "\n")
