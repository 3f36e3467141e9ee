"""Writing an event: what happened, to what, for `list events`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cmk.lab.store import new_uuid, now

if TYPE_CHECKING:
    from cmk.lab.engine import Lab


def record(
    lab: Lab,
    type: str,
    description: str,
    resource_type: str = "",
    resource: str = "",
    level: str = "INFO",
    state: str = "Completed",
) -> None:
    """Add an event; `resource` is the id of the thing it happened to."""
    from cmk.lab.engine import ADMIN_ACCOUNT

    lab.store.insert(
        "event",
        uuid=new_uuid(),
        type=type,
        state=state,
        level=level,
        description=description,
        account_id=ADMIN_ACCOUNT,
        resource_type=resource_type or None,
        resource_uuid=resource or None,
        created=now(),
    )
