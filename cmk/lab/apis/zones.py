"""Zones."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from cmk.lab.api import PAGING, Args, Json, api, no_such, optional, required
from cmk.lab.details import details_of, set_details
from cmk.lab.fields import fields
from cmk.lab.query import Query, listing, present

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

ZONE = fields(
    "id name description networktype dns1 internaldns1 allocationstate dhcpprovider "
    "localstorageenabled securitygroupsenabled resourcedetails"
)


@api(
    "listZones",
    "Lists zones",
    optional("id", "uuid", "the zone with this id"),
    optional("name", "string", "the zone with this name"),
    optional("networktype", "string", "Basic or Advanced"),
    optional("available", "boolean", "also zones without a VM of yours; the lab shows all"),
    *PAGING,
    fields=ZONE,
)
def list_zones(lab: Lab, args: Args) -> Json:
    query = Query("*", "data_center").equal("uuid", args.get("id")).equal("name", args.get("name"))
    query.equal("networktype", args.get("networktype")).contains("name", args.get("keyword"))
    return listing(lab.store, args, "zone", query, "id", lambda row: _zone(lab, row))


@api(
    "updateZone",
    "Changes a zone's details",
    required("id", "uuid", "the zone"),
    optional("details", "map", "details; location is the country that mirrors are preferred from"),
    fields=ZONE,
)
def update_zone(lab: Lab, args: Args) -> Json:
    id = lab.store.value("SELECT id FROM data_center WHERE uuid = ?", args["id"])
    if id is None:
        raise no_such("zone", "id", args["id"])
    with lab.store.change():
        set_details(lab.store, "data_center_details", "dc_id", id, args.get("details") or {})
    return {"zone": list_zones(lab, {"id": args["id"]})["zone"][0]}


def _zone(lab: Lab, row: sqlite3.Row) -> Json:
    return present(
        id=row["uuid"],
        name=row["name"],
        description=row["description"],
        networktype=row["networktype"],
        dns1=row["dns1"],
        internaldns1=row["internal_dns1"],
        allocationstate=row["allocation_state"],
        dhcpprovider="QEMU",
        localstorageenabled=True,
        securitygroupsenabled=False,
        resourcedetails=details_of(lab.store, "data_center_details", "dc_id", row["id"]) or None,
    )
