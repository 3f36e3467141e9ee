"""From what stands in the prompt, perhaps over several rows, to lines of the language.

A row that ends in a backslash goes on in the next, and so does one in which a quote is open; all
other rows are lines of their own, as a text that was pasted has them.
"""

from __future__ import annotations

from typing import NamedTuple


class Line(NamedTuple):
    """One line: its text without continuations, and where in the prompt's text it stands."""

    text: str
    start: int
    end: int
    #: Whether something must follow: an open quote, a backslash at the end.
    is_open: bool = False


def lines_of(text: str) -> list[Line]:
    """The lines of a text, the empty ones too; a comment ends with its row, whatever is in it."""
    found: list[Line] = []
    kept: list[str] = []
    start, quote, at = 0, "", 0
    while at < len(text):
        char = text[at]
        if char == "\\" and quote != "'":
            if text[at + 1 : at + 2] != "\n":
                kept.append(text[at : at + 2])
            at += 2
            continue
        if char == "\n" and not quote:
            found.append(Line("".join(kept), start, at))
            kept, start = [], at + 1
        elif char in "'\"" and (not quote or quote == char) and not _is_comment(kept):
            kept.append(char)
            quote = "" if quote else char
        else:
            kept.append(char)
        at += 1
    is_open = bool(quote) or (_ends_in_backslash(text) and quote != "'")
    return [*found, Line("".join(kept), start, len(text), is_open)]


def is_open(text: str) -> bool:
    """Whether Enter goes on in another row."""
    return lines_of(text)[-1].is_open


def _is_comment(kept: list[str]) -> bool:
    return next((char for char in kept if not char.isspace()), "") == "#"


def _ends_in_backslash(text: str) -> bool:
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1
