"""`-o table`: a grid for people; it fits the terminal when there is one, and never wraps a pipe."""

from __future__ import annotations

from typing import TextIO

from tabulate import tabulate
from wcwidth import wcswidth

from cmk.output import Reply, harmless, text_of


def write(reply: Reply, stream: TextIO, width: int) -> None:
    """The rows under their names; nothing for no rows."""
    write_grid(reply, stream, width, "psql", 3)


def write_grid(reply: Reply, stream: TextIO, width: int, style: str, gap: int) -> None:
    """The rows in a style of tabulate's, whose columns are `gap` characters apart."""
    reply = reply.kept()
    names = [harmless(name) for name in reply.names()]
    rows = [[harmless(text_of(cell)) for cell in cells] for cells in reply.cells(reply.names())]
    if not rows:
        return
    grid = tabulate(
        rows,
        headers=names,
        tablefmt=style,
        disable_numparse=True,
        maxcolwidths=_widths(names, rows, width, gap) if width else None,
    )
    stream.write("\n".join(line.rstrip() for line in grid.split("\n")) + "\n")


def _widths(names: list[str], rows: list[list[str]], width: int, gap: int) -> list[int | None]:
    """How wide each column may be so that the grid fits; the widest columns give first."""
    wanted = [
        max(1, _columns(name), *(_columns(row[i]) for row in rows)) for i, name in enumerate(names)
    ]
    room = max(width - gap * len(names) - 1, 8 * len(names))
    given = list(wanted)
    while sum(given) > room:
        widest = max(range(len(given)), key=given.__getitem__)
        second = max((w for i, w in enumerate(given) if i != widest), default=8)
        less = min(given[widest] - 8, max(1, given[widest] - second), sum(given) - room)
        if less <= 0:
            break
        given[widest] -= less
    return [None if new >= old else new for new, old in zip(given, wanted, strict=True)]


def _columns(text: str) -> int:
    return len(text) if text.isascii() else max(wcswidth(text), 0)
