"""Zones."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from cmk.lab.api import PAGING, Args, Json, api, invalid, optional, required
from cmk.lab.details import details_of, set_details
from cmk.lab.events import record
from cmk.lab.fields import DONE, fields
from cmk.lab.query import Query, listing, present
from cmk.lab.rows import change, delete, row_of
from cmk.lab.store import new_uuid

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
    query = Query("*", "data_center", "removed IS NULL").equal("uuid", args.get("id"))
    query.equal("name", args.get("name"))
    query.equal("networktype", args.get("networktype")).contains("name", args.get("keyword"))
    return listing(lab.store, args, "zone", query, "id", lambda row: _zone(lab, row))


@api(
    "createZone",
    "Makes a zone",
    required("name", "string", "its name"),
    required("dns1", "string", "the first name server of guests"),
    required("internaldns1", "string", "the first name server of hosts"),
    required("networktype", "string", "Basic or Advanced", ("Basic", "Advanced")),
    optional("allocationstate", "string", "Enabled or Disabled", ("Enabled", "Disabled")),
    fields=ZONE,
)
def create_zone(lab: Lab, args: Args) -> Json:
    uuid = new_uuid()
    with lab.store.change():
        if lab.store.value(
            "SELECT 1 FROM data_center WHERE name = ? COLLATE NOCASE AND removed IS NULL",
            args["name"],
        ):
            raise invalid(f"There is a zone {args['name']} already.")
        lab.store.insert(
            "data_center",
            uuid=uuid,
            name=args["name"],
            networktype=args["networktype"].capitalize(),
            dns1=args["dns1"],
            internal_dns1=args["internaldns1"],
            allocation_state=args.get("allocationstate") or "Enabled",
        )
    record(lab, "ZONE.CREATE", f"Made the zone {args['name']}")
    return {"zone": list_zones(lab, {"id": uuid})["zone"][0]}


@api(
    "deleteZone", "Deletes a zone that has no pod", required("id", "uuid", "the zone"), fields=DONE
)
def delete_zone(lab: Lab, args: Args) -> Json:
    return delete(lab, "data_center", "zone", args["id"], ("host_pod_ref", "data_center_id"))


@api(
    "updateZone",
    "Changes a zone",
    required("id", "uuid", "the zone"),
    optional("name", "string", "its name"),
    optional("dns1", "string", "the first name server of guests"),
    optional("internaldns1", "string", "the first name server of hosts"),
    optional("allocationstate", "string", "Enabled or Disabled", ("Enabled", "Disabled")),
    optional("details", "map", "details; location is the country that mirrors are preferred from"),
    fields=ZONE,
)
def update_zone(lab: Lab, args: Args) -> Json:
    row = row_of(lab, "data_center", "zone", args["id"])
    with lab.store.change():
        change(
            lab,
            "data_center",
            row,
            name=args.get("name"),
            dns1=args.get("dns1"),
            internal_dns1=args.get("internaldns1"),
            allocation_state=args.get("allocationstate"),
        )
        given = args.get("details") or {}
        set_details(lab.store, "data_center_details", "dc_id", row["id"], given)
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
