"""One lab: its directory, its store, its id; made at its first use."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cmk.lab.directory import LabDirectory
from cmk.lab.store import Store


class Lab:
    """What everything in a lab stands on; `variables` are the environment's."""

    def __init__(self, place: str | Path, variables: Mapping[str, str]) -> None:
        """`place` is its directory; raises ConfigurationError for one that is none."""
        self.directory = LabDirectory.at(place)
        self.variables = variables
        self._store: Store | None = None

    @property
    def store(self) -> Store:
        """The open store. Raises ConfigurationError where it cannot be used."""
        if self._store is None:
            self.directory.make()
            self._store = Store.open(self.directory.store, self.directory.locked, self._seed)
        return self._store

    def _seed(self, store: Store) -> None:
        from cmk.lab.seed import seed

        seed(store, self.directory, self.variables.get("LIBVIRT_DEFAULT_URI", ""))

    @property
    def id(self) -> str:
        """The lab's own id; it stands in the metadata of every domain that is the lab's."""
        return self.store.lab_id

    def close(self) -> None:
        """Let go of the store; the next use opens it again."""
        if self._store is not None:
            self._store.close()
            self._store = None
