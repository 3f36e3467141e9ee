"""Faults that were asked for, and are still to happen."""

from __future__ import annotations

from cmk.lab.model.record import Record
from cmk.lab.store import Store


class Mock(Record):
    """A fault: at the API or step `command` (lower case), on one host or any; `wait` in ms; with a
    `code` it fails; `remaining` times, None: always."""

    TABLE, KIND, RESOURCE = "mock_configuration", "simulator mock", "SimulatorMock"

    name: str
    command: str
    host_id: int | None
    wait: int
    code: int | None
    text: str | None
    remaining: int | None
    used: int

    @classmethod
    def take(cls, store: Store, command: str, host: int | None = None) -> Mock | None:
        """The oldest that is to happen now; it has happened once more."""
        condition = "command = ? AND removed IS NULL AND coalesce(remaining, 1) > 0"
        condition += " AND (host_id IS NULL OR host_id = ?) ORDER BY id LIMIT 1"
        if not cls.where(store, condition, command, host):
            return None  # the usual case, without a transaction
        with store.change():
            for found in cls.where(store, condition, command, host):
                left = None if found.remaining is None else found.remaining - 1
                found.update(store, used=found.used + 1, remaining=left)
                return found
        return None
