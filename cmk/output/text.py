"""`-o text`: `key = value` lines, a rule between rows, as CloudMonkey writes them."""

from __future__ import annotations

from typing import TextIO

from cmk.environment import harmless, harmless_lines
from cmk.output import Reply, Screen, names_of, text_of, value_at

RULE = "=" * 80


def write(reply: Reply, stream: TextIO, screen: Screen) -> None:
    """A line a key that a row has; a value of several lines stands as it is."""
    for number, row in enumerate(reply.rows):
        if number:
            stream.write(RULE + "\n")
        for name in reply.columns or names_of(row):
            value = value_at(row, name)
            if value is None:
                continue
            text = text_of(value)
            stream.write(f"{harmless(name)} = {harmless_lines(text) if screen.width else text}\n")
