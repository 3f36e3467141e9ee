"""Events: what happened in the lab, newest first; and the one way to write one."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from cmk.lab.api import PAGING, Args, Json, api, optional
from cmk.lab.fields import fields
from cmk.lab.query import Query, listing, present

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

EVENT = fields(
    "id type state level description resourcetype resourceid username account domain domainid "
    "created",
    state="state",
)


@api(
    "listEvents",
    "Lists events, the newest first",
    optional("id", "uuid", "the event with this id"),
    optional("type", "string", "events of this type, such as VM.CREATE"),
    optional("level", "string", "events of this level", ("INFO", "WARN", "ERROR")),
    optional("resourceid", "string", "events of the thing with this id"),
    optional("resourcetype", "string", "events of this kind of thing"),
    *PAGING,
    fields=EVENT,
)
def list_events(lab: Lab, args: Args) -> Json:
    query = Query("*", "event")
    for column, name in (
        ("uuid", "id"),
        ("type", "type"),
        ("level", "level"),
        ("resource_uuid", "resourceid"),
        ("resource_type", "resourcetype"),
    ):
        query.equal(column, args.get(name))
    query.contains("description", args.get("keyword"))
    return listing(lab.store, args, "event", query, "id DESC", lambda row: _event(lab, row))


def _event(lab: Lab, row: sqlite3.Row) -> Json:
    return present(
        id=row["uuid"],
        type=row["type"],
        state=row["state"],
        level=row["level"],
        description=row["description"],
        resourcetype=row["resource_type"],
        resourceid=row["resource_uuid"],
        username="admin",
        **lab.owner,
        created=row["created"],
    )
