"""`-o table`: a grid for people; it fits the terminal when there is one, and never wraps a pipe."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from tabulate import tabulate
from wcwidth import wcswidth

from cmk.environment import harmless
from cmk.output import Reply, Screen, text_of
from cmk.output.colour import of_cell
from cmk.output.columns import word_of


def write(reply: Reply, stream: TextIO, screen: Screen) -> None:
    """The rows under their names; nothing for no rows."""
    write_grid(reply, stream, screen, "psql", 3)


def write_grid(reply: Reply, stream: TextIO, screen: Screen, style: str, gap: int) -> None:
    """The rows in a style of tabulate's, whose columns are `gap` characters apart.

    Where they cannot be side by side, each row has its columns below each other.
    """
    reply = reply.side_by_side()
    names = [harmless(name) for name in reply.names()]
    keys, width = reply.names(), screen.width
    if width:
        rows = [
            [_shortened(word_of(key, cell)) for key, cell in zip(keys, cells, strict=True)]
            for cells in reply.cells(keys)
        ]
    else:
        rows = [[harmless(text_of(cell)) for cell in cells] for cells in reply.cells(keys)]
    if not rows:
        return
    widths = _widths(names, rows, width, gap) if width else []
    if screen.colour:
        rows = [[of_cell(*pair) for pair in zip(names, row, strict=True)] for row in rows]
    if widths is None:
        blocks = [
            tabulate(zip(names, row, strict=True), tablefmt="plain", disable_numparse=True)
            for row in rows
        ]
        grid = "\n\n".join(blocks)
    else:
        grid = tabulate(
            rows,
            headers=names,
            tablefmt=style,
            disable_numparse=True,
            maxcolwidths=widths or None,
            maxheadercolwidths=[(w or _ANY) - _PADDING for w in widths] or None,
        )
    stream.write("\n".join(line.rstrip() for line in grid.split("\n")) + "\n")


def _shortened(text: str) -> str:
    """A cell for a terminal: to break a longer text takes minutes, and nobody reads it."""
    return harmless(text) if len(text) <= _LONGEST else harmless(text[:_LONGEST]) + "…"


#: Characters of the longest cell in a terminal; other formats and pipes have all of it.
_LONGEST = 2000

#: What tabulate leaves free beside a header, and a width that no header has.
_PADDING, _ANY = 2, 1000

#: No column is narrower than this, none that has ids than one of those, and none than its name
#: unless that is long.
_NARROWEST, _ID, _LONG = 8, 36, 16


def _widths(
    names: list[str], rows: list[list[str]], width: int, gap: int
) -> list[int | None] | None:
    """How wide each column may be so that the grid fits, the widest columns give first; None where
    it cannot."""
    wanted = [
        max(1, _columns(name) + _PADDING, *(_columns(row[i]) for row in rows))
        for i, name in enumerate(names)
    ]
    least = [
        min(want, _least(name, column))
        for name, column, want in zip(names, zip(*rows, strict=True), wanted, strict=True)
    ]
    room = width - gap * len(names) - 1
    if sum(least) > room:
        return None
    given = list(wanted)
    while sum(given) > room:
        can_give = [i for i in range(len(given)) if given[i] > least[i]]
        widest = max(can_give, key=given.__getitem__)
        second = max((given[i] for i in can_give if i != widest), default=least[widest])
        less = min(given[widest] - least[widest], max(1, given[widest] - second))
        given[widest] -= min(less, sum(given) - room)
    return [None if new >= old else new for new, old in zip(given, wanted, strict=True)]


def _least(name: str, column: Iterable[str]) -> int:
    if any(map(_is_id, column)):
        return _ID
    return min(max(_NARROWEST, _columns(name) + _PADDING), _LONG)


def _is_id(text: str) -> bool:
    return len(text) == _ID and text.count("-") == 4


def _columns(text: str) -> int:
    return len(text) if text.isascii() else max(wcswidth(text), 0)
