"""The little colour that a terminal is given: states, the keys of JSON, what is aside."""

from __future__ import annotations

import re

from cmk.environment import BLUE, GREEN, RED, YELLOW, painted

_GOOD = "active allocated connected downloaded done enabled implemented ready running succeeded up"
_BAD = "alert disconnected down error failed unreachable"
_ASIDE = "destroyed disabled expunged expunging maintenance removed stopped"

_OF = {
    **dict.fromkeys(_GOOD.split(), GREEN),
    **dict.fromkeys(_BAD.split(), RED),
    **dict.fromkeys(_ASIDE.split(), YELLOW),
}

#: A key at the beginning of its line, as documents are written with indents.
_KEY = re.compile(r'^( *)("(?:[^"\\]|\\.)*")(?=: )', re.MULTILINE)


def of_cell(column: str, text: str) -> str:
    """A cell: coloured where it is a state that has one."""
    name = column.lower()
    colour = _OF.get(text.lower()) if name.endswith(("state", "status")) else None
    return painted(text, colour) if colour else text


def of_json(text: str) -> str:
    """A document in lines, its keys coloured."""
    return _KEY.sub(lambda found: found[1] + painted(found[2], BLUE), text)
