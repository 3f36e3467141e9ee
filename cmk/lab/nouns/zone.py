"""Zones."""

from __future__ import annotations

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api
from cmk.lab.events import record
from cmk.lab.model.place import Zone
from cmk.lab.model.record import details_of_all
from cmk.lab.noun import Args, Noun, Row, changed, deleted
from cmk.wire.faults import invalid


def _details(call: Call, rows: list[Row]) -> None:
    details = details_of_all(
        call.store, "data_center_details", "dc_id", {row["row_id"] for row in rows}
    )
    for row in rows:
        row["resourcedetails"] = details.get(row["row_id"])


ZONE = Noun(
    "zone",
    "listZones",
    "zone_view",
    "id name description networktype dns1 internaldns1 allocationstate dhcpprovider "
    "localstorageenabled securitygroupsenabled resourcedetails",
    _details,
)


@api(ZONE)
def list_zones(call: Call, args: Args) -> Json:
    """Lists zones.

    id: the zone with this id
    name: the zone with this name
    networktype: Basic or Advanced
    available: also zones without a VM of yours; the lab shows all
    """
    args.pop("available", None)
    return ZONE.listed(call, args)


@api(ZONE)
def create_zone(call: Call, args: Args) -> Json:
    """Makes a zone.

    name*: its name
    dns1*: the first name server of guests
    internaldns1*: the first name server of hosts
    networktype*=Basic|Advanced: Basic or Advanced
    allocationstate=Enabled|Disabled: Enabled or Disabled
    """
    with call.store.change():
        if Zone.is_taken(call.store, args["name"]):
            raise invalid(f"There is a zone {args['name']} already.")
        zone = Zone.add(
            call.store,
            name=args["name"],
            networktype=args["networktype"].capitalize(),
            dns1=args["dns1"],
            internal_dns1=args["internaldns1"],
            allocation_state=args.get("allocationstate") or "Enabled",
        )
    record(call, "ZONE.CREATE", f"Made the zone {zone.name}")
    return ZONE.answer(call, zone)


@api(DONE)
def delete_zone(call: Call, args: Args) -> Json:
    """Deletes a zone that has no pod.

    id*: the zone
    """
    with call.store.change():
        zone = call.find(Zone, args["id"])
        return deleted(call, zone, zone.users(call.store))


@api(ZONE)
def update_zone(call: Call, args: Args) -> Json:
    """Changes a zone.

    id*: the zone
    name: its name
    dns1: the first name server of guests
    internaldns1: the first name server of hosts
    allocationstate=Enabled|Disabled: Enabled or Disabled
    details: details; location is the country that mirrors are preferred from
    """
    with call.store.change():
        zone = call.find(Zone, args["id"])
        zone.set_details(call.store, args.get("details") or {})
        return changed(
            call,
            ZONE,
            zone,
            name=args.get("name"),
            dns1=args.get("dns1"),
            internal_dns1=args.get("internaldns1"),
            allocation_state=args.get("allocationstate"),
        )
