"""What the shell's own commands and its prompt may use of the shell that they are in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from cmk.catalog import Catalog
from cmk.completion.engine import Row, Values
from cmk.config.file import Profile
from cmk.environment import Environment

if TYPE_CHECKING:
    from cmk.shell.background import Background
    from cmk.shell.history import History
    from cmk.shell.names import Names
    from cmk.shell.tour import Tour


class ShellParts(Protocol):
    """A shell, without the way in which it runs lines."""

    environment: Environment
    profile: Profile
    #: Of the last line: its exit status, and how many seconds it took.
    status: int
    took: float
    tour: Tour | None
    history: History
    names: Names
    background: Background
    #: For a screen reader: nothing opens or moves by itself.
    is_calm: bool
    #: What somebody has to wait for at this moment, "" for nothing.
    waits_for: str

    def setting(self, name: str) -> str: ...
    def catalog(self) -> Catalog: ...
    def values(self) -> Values: ...
    def known(self, api: str) -> list[dict[str, Any]]: ...
    def rows(self, api: str) -> list[Row]: ...
