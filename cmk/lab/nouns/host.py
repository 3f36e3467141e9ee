"""Hosts: the machines that run VMs and download templates."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from cmk import __version__
from cmk.lab.api import PAGING, Args, Json, api, invalid, no_such, optional, required
from cmk.lab.details import details_of, set_details
from cmk.lab.events import record
from cmk.lab.fields import DONE, fields
from cmk.lab.query import Query, listed, present
from cmk.lab.rows import row_of
from cmk.lab.settings import number
from cmk.lab.store import now

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

HOST = fields(
    "id name state resourcestate type hypervisor zoneid zonename podid podname clusterid "
    "clustername cpunumber cpuspeed cpuwithoverprovisioning memorytotal memoryallocated version "
    "hosttags lastpinged details created",
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

ID = required("id", "uuid", "the host")


@api(
    "listHosts",
    "Lists hosts",
    optional("id", "uuid", "the host with this id"),
    optional("name", "string", "the host with this name"),
    optional("zoneid", "uuid", "hosts of this zone"),
    optional("podid", "uuid", "hosts of this pod"),
    optional("clusterid", "uuid", "hosts of this cluster"),
    optional("type", "string", "the type of host; the lab has Routing only"),
    optional("state", "string", "Up, Down or Alert"),
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
    count, rows = query.rows(lab.store, args, "h.id")
    if any(row["url"] != "embedded" for row in rows):
        from cmk.lab.hosts.power import look_at

        look_at(lab, rows)
        count, rows = query.rows(lab.store, args, "h.id")
    factor = number(lab.store, "cpu.overprovisioning.factor")
    return listed("host", count, [_host(lab, row, factor) for row in rows])


@api(
    "addHost",
    "Adds a host, after trying all that it must be able to do, with a pool of its own",
    required("hypervisor", "string", "KVM"),
    required("zoneid", "uuid", "its zone"),
    required("podid", "uuid", "its pod"),
    required(
        "url",
        "string",
        "qemu:///system, qemu+unix:///session?socket=PATH, or qemu+ssh://user@host/session",
    ),
    optional("clusterid", "uuid", "its cluster (default: the pod's first)"),
    optional("hosttags", "list", "its tags, which offerings may ask for"),
    optional("allocationstate", "string", "Enabled or Disabled", ("Enabled", "Disabled")),
    optional("details", "map", "details: pool is the directory of its pool, location its country"),
    fields=HOST,
)
def add_host(lab: Lab, args: Args) -> Json:
    from cmk.lab.hosts.admission import admit

    if args["hypervisor"].upper() != "KVM":
        raise invalid(f"The lab's hosts run KVM, not {args['hypervisor']}.")
    cluster = _cluster(lab, args)
    url = args["url"]
    if lab.store.value("SELECT 1 FROM host WHERE url = ? AND removed IS NULL", url):
        raise invalid(f"{url} is a host of this lab already.")
    details = dict(args.get("details") or {})
    row = {
        "data_center_id": cluster["data_center_id"],
        "pod_id": cluster["pod_id"],
        "cluster_id": cluster["id"],
        "url": url,
        "status": "Up",
        "resource_state": args.get("allocationstate") or "Enabled",
        "tags": ",".join(args.get("hosttags") or []),
    }
    id = admit(lab, row, details.pop("pool", ""))
    set_details(lab.store, "host_details", "host_id", id, details)
    return _shown(lab, id, "HOST.ADD", "Added host")


def _cluster(lab: Lab, args: Args) -> sqlite3.Row:
    row = lab.store.one(
        "SELECT c.*, p.data_center_id, p.uuid AS pod, z.uuid AS zone FROM cluster c "
        "JOIN host_pod_ref p ON p.id = c.pod_id JOIN data_center z ON z.id = p.data_center_id "
        "WHERE c.removed IS NULL AND p.uuid = ? AND (? IS NULL OR c.uuid = ?) ORDER BY c.id",
        args["podid"],
        args.get("clusterid"),
        args.get("clusterid"),
    )
    if row is None:
        raise no_such("cluster in this pod", "clusterid", str(args.get("clusterid")))
    if row["zone"] != args["zoneid"]:
        raise invalid(f"The pod {args['podid']} is not in the zone {args['zoneid']}.")
    return row


@api(
    "updateHost",
    "Changes a host's details, its tags, and whether it takes new VMs",
    ID,
    optional("allocationstate", "string", "Enable or Disable", ("Enable", "Disable")),
    optional("hosttags", "list", "its tags, which offerings may ask for"),
    optional("details", "map", "details; location is the country that mirrors are preferred from"),
    fields=HOST,
)
def update_host(lab: Lab, args: Args) -> Json:
    row = row_of(lab, "host", "host", args["id"])
    with lab.store.change():
        if args.get("allocationstate"):
            state = args["allocationstate"].capitalize() + "d"
            lab.store.update("host", row["id"], resource_state=state)
        if args.get("hosttags") is not None:
            lab.store.update("host", row["id"], tags=",".join(args["hosttags"]))
        set_details(lab.store, "host_details", "host_id", row["id"], args.get("details") or {})
    return {"host": list_hosts(lab, {"id": args["id"]})["host"][0]}


@api(
    "deleteHost",
    "Takes a host out of the lab, with its own pool",
    ID,
    optional("forced", "boolean", "also when VMs are on it, and when it cannot be reached"),
    fields=DONE,
)
def delete_host(lab: Lab, args: Args) -> Json:
    from cmk.lab.works.maintenance import depart

    row = row_of(lab, "host", "host", args["id"])
    depart(lab, row, forced=bool(args.get("forced")))
    record(lab, "HOST.DELETE", f"Deleted host {row['name']}", "Host", row["uuid"])
    return {"success": True, "displaytext": f"Host {row['name']} is deleted"}


@api(
    "prepareHostForMaintenance",
    "Takes no more VMs on a host, and stops those that are on it",
    ID,
    optional(
        "forced", "boolean", "stop the VMs that run on it; without it they are a reason not to"
    ),
    fields=HOST,
    work="cmk.lab.works.maintenance:MAINTENANCE",
)
def prepare_host_for_maintenance(lab: Lab, args: Args) -> Json:
    from cmk.lab import jobs

    row = row_of(lab, "host", "host", args["id"])
    running = lab.store.rows(
        "SELECT name FROM vm_instance WHERE host_id = ? AND removed IS NULL "
        "AND state IN ('Starting', 'Running', 'Stopping') ORDER BY id",
        row["id"],
    )
    if running and not args.get("forced"):
        names = ", ".join(vm["name"] for vm in running)
        raise invalid(f"VMs run on the host {row['name']}: {names}; forced=true stops them.")
    with lab.store.change():
        lab.store.update("host", row["id"], resource_state="PrepareForMaintenance")
        job = jobs.submit(lab, "prepareHostForMaintenance", {}, "Host", row["uuid"], row["id"])
    jobs.hire(lab)
    return job


@api(
    "cancelHostMaintenance",
    "Lets a host take VMs again",
    ID,
    fields=HOST,
    work="cmk.lab.works.maintenance:CANCEL_MAINTENANCE",
)
def cancel_host_maintenance(lab: Lab, args: Args) -> Json:
    from cmk.lab import jobs

    row = row_of(lab, "host", "host", args["id"])
    if row["resource_state"] not in ("Maintenance", "PrepareForMaintenance", "ErrorInMaintenance"):
        raise invalid(f"The host {row['name']} is {row['resource_state']}, not in maintenance.")
    job = jobs.submit(lab, "cancelHostMaintenance", {}, "Host", row["uuid"], row["id"])
    jobs.hire(lab)
    return job


@api(
    "reconnectHost",
    "Tries a host again that was Down",
    ID,
    fields=HOST,
    work="cmk.lab.works.maintenance:RECONNECT",
)
def reconnect_host(lab: Lab, args: Args) -> Json:
    from cmk.lab import jobs

    row = row_of(lab, "host", "host", args["id"])
    job = jobs.submit(lab, "reconnectHost", {}, "Host", row["uuid"], row["id"])
    jobs.hire(lab)
    return job


def _shown(lab: Lab, id: int, event: str, text: str) -> Json:
    row = lab.store.one("SELECT * FROM host WHERE id = ?", id)
    assert row is not None  # it was just written
    record(lab, event, f"{text} {row['name']}", "Host", row["uuid"])
    return {"host": list_hosts(lab, {"id": row["uuid"]})["host"][0]}


def _host(lab: Lab, row: sqlite3.Row, factor: int) -> Json:
    from cmk.lab.hosts.host import Host

    down = {} if row["status"] == "Up" else {"reason": row["reason"]}
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
        hosttags=row["tags"] or None,
        lastpinged=now() if row["url"] == "embedded" else row["last_seen"],
        details={
            **Host(lab, row).details(),
            **details_of(lab.store, "host_details", "host_id", row["id"]),
            **down,
        },
        created=row["created"],
    )
