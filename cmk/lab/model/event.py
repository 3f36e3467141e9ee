"""Events: what happened, to what, for `list events`."""

from __future__ import annotations

from cmk.lab.model.record import Record
from cmk.lab.store import Store, new_uuid, now


class Event(Record):
    """One thing that happened."""

    TABLE, KIND, THERE = "event", "event", "1"

    type: str
    level: str
    description: str
    account_id: int
    created: str

    @classmethod
    def write(
        cls,
        store: Store,
        account: int,
        type: str,
        description: str,
        about: Record | None,
        level: str,
    ) -> None:
        """Add one."""
        store.insert(
            cls.TABLE,
            uuid=new_uuid(),
            type=type,
            state="Completed",
            level=level,
            description=description,
            account_id=account,
            resource_type=about.resource if about else None,
            resource_uuid=about.uuid if about else None,
            created=now(),
        )
