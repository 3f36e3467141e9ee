"""Service offerings (CPU and memory) and disk offerings (size)."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from cmk.lab.api import PAGING, Args, Json, api, optional
from cmk.lab.fields import fields
from cmk.lab.query import Query, listing, present

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

SERVICE_OFFERING = fields(
    "id name displaytext cpunumber cpuspeed memory storagetype iscustomized issystem created"
)
DISK_OFFERING = fields("id name displaytext disksize storagetype iscustomized created")


@api(
    "listServiceOfferings",
    "Lists service offerings",
    optional("id", "uuid", "the offering with this id"),
    optional("name", "string", "the offering with this name"),
    optional("cpunumber", "integer", "offerings with this many CPUs"),
    optional("cpuspeed", "integer", "offerings with this many MHz a CPU"),
    optional("memory", "integer", "offerings with this many MiB of memory"),
    *PAGING,
    fields=SERVICE_OFFERING,
)
def list_service_offerings(lab: Lab, args: Args) -> Json:
    query = Query("*", "service_offering", "removed IS NULL")
    query.equal("uuid", args.get("id")).equal("name", args.get("name"))
    query.equal("cpu", args.get("cpunumber")).equal("speed", args.get("cpuspeed"))
    query.equal("ram_size", args.get("memory")).contains("name", args.get("keyword"))
    return listing(lab.store, args, "serviceoffering", query, "id", _service_offering)


@api(
    "listDiskOfferings",
    "Lists disk offerings",
    optional("id", "uuid", "the offering with this id"),
    optional("name", "string", "the offering with this name"),
    *PAGING,
    fields=DISK_OFFERING,
)
def list_disk_offerings(lab: Lab, args: Args) -> Json:
    query = Query("*", "disk_offering", "removed IS NULL")
    query.equal("uuid", args.get("id")).equal("name", args.get("name"))
    query.contains("name", args.get("keyword"))
    return listing(lab.store, args, "diskoffering", query, "id", _disk_offering)


def _service_offering(row: sqlite3.Row) -> Json:
    return present(
        id=row["uuid"],
        name=row["name"],
        displaytext=row["display_text"],
        cpunumber=row["cpu"],
        cpuspeed=row["speed"],
        memory=row["ram_size"],
        storagetype="local",
        iscustomized=False,
        issystem=False,
        created=row["created"],
    )


def _disk_offering(row: sqlite3.Row) -> Json:
    return present(
        id=row["uuid"],
        name=row["name"],
        displaytext=row["display_text"],
        disksize=row["disk_size"] >> 30,
        storagetype="local",
        iscustomized=False,
        created=row["created"],
    )
