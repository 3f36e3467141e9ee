"""OS types: what a template says is inside it."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from cmk.lab.api import PAGING, Args, Json, api, optional
from cmk.lab.fields import fields
from cmk.lab.query import Query, listing, present

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

OS_TYPE = fields("id description oscategoryid isuserdefined")


@api(
    "listOsTypes",
    "Lists OS types",
    optional("id", "uuid", "the OS type with this id"),
    optional("description", "string", "the OS type with this name"),
    optional("oscategoryid", "uuid", "OS types of this category"),
    *PAGING,
    fields=OS_TYPE,
)
def list_os_types(lab: Lab, args: Args) -> Json:
    query = Query(
        "g.*, c.uuid AS category", "guest_os g JOIN guest_os_category c ON c.id = g.category_id"
    )
    query.equal("g.uuid", args.get("id")).equal("g.display_name", args.get("description"))
    query.equal("c.uuid", args.get("oscategoryid")).contains("g.display_name", args.get("keyword"))
    return listing(lab.store, args, "ostype", query, "g.id", _os_type)


def _os_type(row: sqlite3.Row) -> Json:
    return present(
        id=row["uuid"],
        description=row["display_name"],
        oscategoryid=row["category"],
        isuserdefined=False,
    )
