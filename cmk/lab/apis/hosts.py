"""Hosts: the machines that run VMs and download templates."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from cmk import __version__
from cmk.lab.api import PAGING, Args, Json, api, no_such, optional, required
from cmk.lab.details import details_of, set_details
from cmk.lab.fields import fields
from cmk.lab.query import Query, listing, present
from cmk.lab.settings import number

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

HOST = fields(
    "id name state resourcestate type hypervisor zoneid zonename podid podname clusterid "
    "clustername cpunumber cpuspeed cpuwithoverprovisioning memorytotal memoryallocated version "
    "details created",
    type="type",
    state="status",
    hypervisor="hypervisortype",
    cpuspeed="long",
)

_SOURCE = (
    "host h JOIN data_center z ON z.id = h.data_center_id "
    "JOIN host_pod_ref p ON p.id = h.pod_id JOIN cluster c ON c.id = h.cluster_id"
)

#: The memory of a host's VMs that are not stopped, in bytes.
MEMORY_IN_USE = (
    "(SELECT coalesce(sum(o.ram_size), 0) * 1048576 FROM vm_instance v "
    "JOIN service_offering o ON o.id = v.service_offering_id "
    "WHERE v.host_id = h.id AND v.removed IS NULL "
    "AND v.state IN ('Starting', 'Running', 'Stopping'))"
)


@api(
    "listHosts",
    "Lists hosts",
    optional("id", "uuid", "the host with this id"),
    optional("name", "string", "the host with this name"),
    optional("zoneid", "uuid", "hosts of this zone"),
    optional("podid", "uuid", "hosts of this pod"),
    optional("clusterid", "uuid", "hosts of this cluster"),
    optional("type", "string", "the type of host; the lab has Routing only"),
    optional("state", "string", "Up, Down, Disconnected or Alert"),
    optional("resourcestate", "string", "Enabled, Disabled or Maintenance"),
    optional("hypervisor", "string", "KVM"),
    *PAGING,
    fields=HOST,
)
def list_hosts(lab: Lab, args: Args) -> Json:
    query = Query(
        "h.*, z.uuid AS zoneid, z.name AS zonename, p.uuid AS podid, p.name AS podname, "
        f"c.uuid AS clusterid, c.name AS clustername, {MEMORY_IN_USE} AS memory_in_use",
        _SOURCE,
        "h.removed IS NULL",
    )
    query.equal("h.uuid", args.get("id")).equal("h.name", args.get("name"))
    query.equal("z.uuid", args.get("zoneid")).equal("p.uuid", args.get("podid"))
    query.equal("c.uuid", args.get("clusterid")).equal("'Routing'", args.get("type"))
    query.equal("h.status", args.get("state")).equal("h.resource_state", args.get("resourcestate"))
    query.equal("'KVM'", args.get("hypervisor")).contains("h.name", args.get("keyword"))
    factor = number(lab.store, "cpu.overprovisioning.factor")
    return listing(lab.store, args, "host", query, "h.id", lambda row: _host(lab, row, factor))


@api(
    "updateHost",
    "Changes a host's details and whether it takes new VMs",
    required("id", "uuid", "the host"),
    optional("allocationstate", "string", "Enable or Disable", ("Enable", "Disable")),
    optional("details", "map", "details; location is the country that mirrors are preferred from"),
    fields=HOST,
)
def update_host(lab: Lab, args: Args) -> Json:
    id = lab.store.value("SELECT id FROM host WHERE uuid = ? AND removed IS NULL", args["id"])
    if id is None:
        raise no_such("host", "id", args["id"])
    with lab.store.change():
        if args.get("allocationstate"):
            state = args["allocationstate"].capitalize() + "d"
            lab.store.update("host", id, resource_state=state)
        set_details(lab.store, "host_details", "host_id", id, args.get("details") or {})
    return {"host": list_hosts(lab, {"id": args["id"]})["host"][0]}


def _host(lab: Lab, row: sqlite3.Row, factor: int) -> Json:
    from cmk.lab.host import Host

    return present(
        id=row["uuid"],
        name=row["name"],
        state=row["status"],
        resourcestate=row["resource_state"],
        type="Routing",
        hypervisor="KVM",
        zoneid=row["zoneid"],
        zonename=row["zonename"],
        podid=row["podid"],
        podname=row["podname"],
        clusterid=row["clusterid"],
        clustername=row["clustername"],
        cpunumber=row["cpus"],
        cpuspeed=row["speed"],
        cpuwithoverprovisioning=str(row["cpus"] * row["speed"] * factor),
        memorytotal=row["ram"],
        memoryallocated=row["memory_in_use"],
        version=__version__,
        details={
            **Host(lab, row).details(),
            **details_of(lab.store, "host_details", "host_id", row["id"]),
        },
        created=row["created"],
    )
