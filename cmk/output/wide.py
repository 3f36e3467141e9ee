"""`-o wide`: the table with all its columns, also in a terminal."""

from cmk.output.table import write

__all__ = ["write"]
