"""VMs as response objects."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from cmk.lab.api import Args, Json
from cmk.lab.query import Query, listed, present

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

_COLUMNS = (
    "v.*, z.uuid AS zoneid, z.name AS zonename, h.uuid AS hostid, h.name AS hostname, "
    "t.uuid AS templateid, t.name AS templatename, t.display_text AS templatetext, "
    "t.enable_password, i.uuid AS isoid, i.name AS isoname, i.display_text AS isotext, "
    "o.uuid AS offeringid, o.name AS offeringname, o.cpu, o.speed, o.ram_size, "
    "g.uuid AS guestosid, g.display_name AS osname, w.uuid AS nicid, w.mac_address, "
    "n.uuid AS networkid, n.name AS networkname"
)
_SOURCE = (
    "vm_instance v JOIN data_center z ON z.id = v.data_center_id "
    "LEFT JOIN host h ON h.id = v.host_id JOIN vm_template t ON t.id = v.vm_template_id "
    "LEFT JOIN vm_template i ON i.id = v.iso_id "
    "JOIN service_offering o ON o.id = v.service_offering_id "
    "LEFT JOIN guest_os g ON g.id = v.guest_os_id LEFT JOIN nics w ON w.instance_id = v.id "
    "LEFT JOIN networks n ON n.id = w.network_id"
)


def list_rows(lab: Lab, args: Args) -> Json:
    """The list API of VMs, each in the state that its host shows now."""
    query = Query(_COLUMNS, _SOURCE, "v.removed IS NULL")
    query.equal("v.uuid", args.get("id")).within("v.uuid", args.get("ids"))
    query.equal("v.name", args.get("name")).contains("v.name", args.get("keyword"))
    query.equal("z.uuid", args.get("zoneid")).equal("h.uuid", args.get("hostid"))
    query.equal("t.uuid", args.get("templateid")).equal("i.uuid", args.get("isoid"))
    query.equal("o.uuid", args.get("serviceofferingid")).equal("'KVM'", args.get("hypervisor"))
    state = args.get("state")
    query.equal("v.state", None if (state or "").lower() == "present" else state)
    count, rows = query.rows(lab.store, args, "v.id")
    if any(row["state"] == "Running" for row in rows):
        from cmk.lab.hosts.power import refresh

        if refresh(lab, rows):  # what is off now may not be what was asked for
            count, rows = query.rows(lab.store, args, "v.id")
    return listed("virtualmachine", count, [_machine(lab, row) for row in rows])


def one_row(lab: Lab, id: int) -> Json:
    """One VM as the store has it, also a removed one."""
    query = Query(_COLUMNS, _SOURCE).equal("v.id", id)
    _, rows = query.rows(lab.store, {}, "v.id")
    return _machine(lab, rows[0])


def _machine(lab: Lab, row: sqlite3.Row) -> Json:
    return present(
        id=row["uuid"],
        name=row["name"],
        displayname=row["display_name"],
        **lab.owner,
        created=row["created"],
        state=row["state"],
        haenable=False,
        zoneid=row["zoneid"],
        zonename=row["zonename"],
        hostid=row["hostid"],
        hostname=row["hostname"],
        templateid=row["templateid"],
        templatename=row["templatename"],
        templatedisplaytext=row["templatetext"],
        passwordenabled=bool(row["enable_password"]),
        isoid=row["isoid"],
        isoname=row["isoname"],
        isodisplaytext=row["isotext"],
        serviceofferingid=row["offeringid"],
        serviceofferingname=row["offeringname"],
        cpunumber=row["cpu"],
        cpuspeed=row["speed"],
        memory=row["ram_size"],
        guestosid=row["guestosid"],
        ostypeid=row["guestosid"],
        osdisplayname=row["osname"],
        rootdeviceid=0,
        rootdevicetype="ROOT",
        nic=_nics(row),
        hypervisor="KVM",
        instancename=row["instance_name"],
        displayvm=True,
        lastupdated=row["update_time"],
    )


def _nics(row: sqlite3.Row) -> list[Json]:
    if row["nicid"] is None:
        return []
    return [
        {
            "id": row["nicid"],
            "networkid": row["networkid"],
            "networkname": row["networkname"],
            "macaddress": row["mac_address"],
            "type": "Isolated",
            "traffictype": "Guest",
            "isdefault": True,
        }
    ]
