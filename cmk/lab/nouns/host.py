"""Hosts: the machines that run VMs and download templates."""

from __future__ import annotations

from urllib.parse import urlsplit

from cmk import __version__
from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, job
from cmk.lab.events import record
from cmk.lab.hosts.host import OpenHost
from cmk.lab.jobs import Task
from cmk.lab.model.host import Host, HostState, ResourceState
from cmk.lab.model.machine import LOADING, Machine
from cmk.lab.model.place import Cluster, Pod, Zone
from cmk.lab.noun import Args, Noun, Row, kvm_only
from cmk.lab.remote import check_path, check_uri
from cmk.lab.settings import number
from cmk.lab.store import now
from cmk.wire.faults import invalid, no_such


def _facts(call: Call, rows: list[Row]) -> None:
    """What is not in the view: how each is reached, and what settings make of its CPUs."""
    factor = number(call.store, "cpu.overprovisioning.factor")
    hosts = {host.id: host for host in Host.among(call.store, {row["row_id"] for row in rows})}
    for row in rows:
        host = hosts[row["row_id"]]
        opened = OpenHost(call.lab, host)
        down = {} if host.status == HostState.UP else {"reason": host.reason}
        row["ipaddress"] = urlsplit(opened.uri).hostname or "127.0.0.1"
        row["version"] = __version__
        row.update(_load(row, factor))
        if host.is_embedded:
            row["lastpinged"] = now()
            down = {"reason": str(problem)} if (problem := opened.lack) else {}
            row["state"] = HostState.DOWN if down else HostState.UP
        row["details"] = {**opened.details(), **host.details(call.store), **down}


def _percentage(part: float, whole: float) -> str:
    """A share as CloudStack writes it: at most two places, and two where it is nothing."""
    return f"{100 * part / whole:.2f}".rstrip("0").rstrip(".") + "%" if part and whole else "0.00%"


def _load(row: Row, factor: float) -> Json:
    """What VMs have of a host's CPUs and memory, in CloudStack's several ways of saying it."""
    mhz = row["cpunumber"] * row["cpuspeed"] * factor
    cpus, memory = _percentage(row["cpuallocatedvalue"], mhz), row["memoryallocated"]
    return {
        "cpuwithoverprovisioning": str(mhz),
        "cpuallocated": cpus,
        "cpuallocatedpercentage": cpus,
        "cpuallocatedwithoverprovisioning": cpus,
        "memorywithoverprovisioning": str(row["memorytotal"]),
        "memoryallocatedbytes": memory,
        "memoryallocatedpercentage": _percentage(memory, row["memorytotal"]),
    }


HOST = Noun(
    "host",
    "listHosts",
    "host_view",
    "id name state resourcestate type ipaddress hypervisor zoneid zonename podid podname clusterid "
    "clustername clustertype cpunumber cpuspeed cpuallocated cpuallocatedvalue "
    "cpuallocatedpercentage cpuallocatedwithoverprovisioning cpuwithoverprovisioning memorytotal "
    "memorywithoverprovisioning memoryallocated memoryallocatedbytes memoryallocatedpercentage "
    "capabilities hahost version hosttags lastpinged details created",
    _facts,
)
IN_MAINTENANCE = (ResourceState.MAINTENANCE, ResourceState.PREPARING, ResourceState.FAILED)


@api(HOST)
def list_hosts(call: Call, args: Args) -> Json:
    """Lists hosts.

    id: the host with this id
    name: the host with this name
    zoneid: hosts of this zone
    podid: hosts of this pod
    clusterid: hosts of this cluster
    type: the type of host; the lab has Routing only
    state: Up, Down or Alert
    resourcestate: Enabled, Disabled or Maintenance
    hypervisor: KVM
    """

    def look(rows: list[Row]) -> bool:
        found = Host.among(call.store, {row["row_id"] for row in rows})
        others = [host for host in found if not host.is_embedded]
        if others:
            from cmk.lab.hosts.power import look_at

            look_at(call, others)
        return bool(others)

    return HOST.listed(call, args, look)


@api(HOST)
def add_host(call: Call, args: Args) -> Json:
    """Adds a host, after trying all that it must be able to do, with a pool of its own.

    hypervisor*: KVM
    zoneid*: its zone
    podid*: its pod
    url*: qemu:///system, qemu+unix:///session?socket=PATH, or qemu+ssh://user@host/session
    clusterid: its cluster (default: the pod's first)
    hosttags: its tags, which offerings may ask for
    allocationstate=Enabled|Disabled: Enabled or Disabled
    details (map): details: pool is the directory of its pool, location its country
    """
    from cmk.lab.hosts.admission import admit

    kvm_only(args)
    check_uri(call, args["url"])
    cluster = _cluster(call, args)
    if Host.first(call.store, url=args["url"]):
        raise invalid(f"{args['url']} is a host of this lab already.")
    details = dict(args.get("details") or {})
    if details.get("pool"):
        check_path(call, f"file://{details['pool']}")
    pod = Pod.of(call.store, cluster.pod_id)
    host = admit(
        call.lab,
        {
            "data_center_id": pod.data_center_id,
            "pod_id": pod.id,
            "cluster_id": cluster.id,
            "url": args["url"],
            "status": HostState.UP,
            "resource_state": args.get("allocationstate") or ResourceState.ENABLED,
            "tags": ",".join(args.get("hosttags") or []),
        },
        details.pop("pool", ""),
    )
    host.set_details(call.store, details)
    record(call, "HOST.ADD", f"Added host {host.name}", host)
    return HOST.answer(call, host)


def _cluster(call: Call, args: Args) -> Cluster:
    """The cluster that was named, or the pod's first; raises ApiError 431."""
    pod, wanted = Pod.known(call.store, args["podid"]), args.get("clusterid")
    clusters = pod.clusters(call.store) if pod else []
    fitting = [cluster for cluster in clusters if wanted in (None, cluster.uuid)]
    if pod is None or not fitting:
        raise no_such("cluster in this pod", "clusterid", str(wanted))
    zone = Zone.of(call.store, pod.data_center_id)
    if zone.removed or zone.uuid != args["zoneid"]:
        raise invalid(f"The pod {args['podid']} is not in the zone {args['zoneid']}.")
    return fitting[0]


@api(HOST)
def update_host(call: Call, args: Args) -> Json:
    """Changes a host's details, its tags, and whether it takes new VMs.

    id*: the host
    allocationstate=Enable|Disable: Enable or Disable
    hosttags: its tags, which offerings may ask for
    details (map): details; location is the country that mirrors are preferred from
    """
    with call.store.change():
        host = call.find(Host, args["id"])
        if args.get("allocationstate"):
            host.update(call.store, resource_state=args["allocationstate"].capitalize() + "d")
        if args.get("hosttags") is not None:
            host.update(call.store, tags=",".join(args["hosttags"]))
        host.set_details(call.store, args.get("details") or {})
    return HOST.answer(call, host)


@api(DONE)
def delete_host(call: Call, args: Args) -> Json:
    """Takes a host out of the lab, with its own pool.

    id*: the host
    forced: also when VMs are on it, and when it cannot be reached
    """
    from cmk.lab.hosts.removal import remove

    host = call.find(Host, args["id"])
    remove(call, host, forced=bool(args.get("forced")))
    record(call, "HOST.DELETE", f"Deleted host {host.name}", host)
    return {"success": True, "displaytext": f"Host {host.name} is deleted"}


@job(HOST)
def prepare_host_for_maintenance(call: Call, args: Args) -> Task:
    """Takes no more VMs on a host, and stops those that are on it.

    id*: the host
    forced (boolean): stop the VMs that run on it; without it they are a reason not to
    """
    host = call.find(Host, args["id"])
    running = [vm for vm in Machine.there(call.store, host_id=host.id) if vm.state in LOADING]
    if running and not args.get("forced"):
        names = ", ".join(vm.name for vm in running)
        raise invalid(f"VMs run on the host {host.name}: {names}; forced=true stops them.")
    host.update(call.store, resource_state=ResourceState.PREPARING)
    return Task(host)


@job(HOST)
def cancel_host_maintenance(call: Call, args: Args) -> Task:
    """Lets a host take VMs again.

    id*: the host
    """
    host = call.find(Host, args["id"])
    if host.resource_state not in IN_MAINTENANCE:
        raise invalid(f"The host {host.name} is {host.resource_state}, not in maintenance.")
    return Task(host)


@job(HOST)
def reconnect_host(call: Call, args: Args) -> Task:
    """Tries a host again that was Down.

    id*: the host
    """
    return Task(call.find(Host, args["id"]))
