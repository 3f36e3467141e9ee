"""`-o column`: columns aligned by blanks under a header, no rules: for eyes, `sort` and `awk`."""

from __future__ import annotations

from typing import TextIO

from cmk.output import Reply, Screen
from cmk.output.table import write_grid


def write(reply: Reply, stream: TextIO, screen: Screen) -> None:
    """The rows under their names; nothing for no rows."""
    write_grid(reply, stream, screen, "plain", 2)
