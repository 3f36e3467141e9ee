"""Storage pools: where templates are downloaded to and disks live."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote, urlsplit

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, job, listing
from cmk.lab.events import record
from cmk.lab.jobs import Task
from cmk.lab.model.host import EMBEDDED, Host
from cmk.lab.model.machine import Machine
from cmk.lab.model.place import Cluster, Zone
from cmk.lab.model.pool import Pool, PoolState
from cmk.lab.noun import Args, Noun, Row, changed, deleted
from cmk.lab.remote import check_path
from cmk.lab.settings import number
from cmk.lab.store import now
from cmk.wire.faults import invalid, no_such


def _capacity(call: Call, rows: list[Row]) -> None:
    """Of the lab's own pools as it is now; of others as a host last told it."""
    factor = number(call.store, "storage.overprovisioning.factor")
    for row in rows:
        row["overprovisionfactor"] = str(factor)
        if row["hosturl"] == EMBEDDED:
            row["disksizetotal"], row["disksizeused"] = capacity(row["path"])


STORAGE_POOL = Noun(
    "storagepool",
    "listStoragePools",
    "storage_pool_view",
    "id name state type scope path zoneid zonename podid podname clusterid clustername "
    "hypervisor disksizetotal disksizeused disksizeallocated overprovisionfactor tags created",
    _capacity,
)
IN_MAINTENANCE = (PoolState.MAINTENANCE, PoolState.PREPARING, PoolState.FAILED)

listing(
    STORAGE_POOL,
    "storage pools",
    "id name zoneid clusterid",
    """
    scope: HOST, CLUSTER or ZONE
    path: the pool in this directory
""",
)


@api(STORAGE_POOL)
def create_storage_pool(call: Call, args: Args) -> Json:
    """Makes a storage pool in a directory: of one host, or shared by a cluster's or zone's hosts.

    name*: its name
    url*: file:///dir of one host, or SharedMountPoint:///dir of several
    zoneid*: its zone
    scope=HOST|CLUSTER|ZONE: HOST, CLUSTER or ZONE
    podid: its pod; the cluster says it too
    clusterid: the cluster, with scope=CLUSTER
    hypervisor: KVM
    tags: its tags, separated by commas, which offerings may ask for
    details: details; hostid is the host, with scope=HOST
    """
    from cmk.lab.hosts.pools import try_pool

    zone = call.find(Zone, args["zoneid"], "zoneid")
    check_path(call, args["url"])
    path, shared = _directory(args["url"])
    scope = (args.get("scope") or ("CLUSTER" if args.get("clusterid") else "HOST")).upper()
    if shared and scope == "HOST":
        scope = "ZONE"
    host, cluster = _owner(call, args, scope, zone, shared)
    if Pool.is_taken(call.store, args["name"]):
        raise invalid(f"There is a storage pool {args['name']} already.")
    columns = {
        "name": args["name"],
        "pool_type": "SharedMountPoint" if shared else "Filesystem",
        "scope": scope,
        "data_center_id": zone.id,
        "host_id": host.id if host else None,
        "cluster_id": cluster.id if cluster else None,
        "path": path,
        "tags": args.get("tags") or "",
        "status": PoolState.UP,
        "created": now(),
    }
    pool = Pool.draft(**columns)
    room = try_pool(call.lab, pool)
    made = Pool.add(call.store, uuid=pool.uuid, **columns, **room)
    record(call, "STORAGE.POOL.CREATE", f"Made the storage pool {made.name} in {path}")
    return STORAGE_POOL.answer(call, made)


def _owner(
    call: Call, args: Args, scope: str, zone: Zone, shared: bool
) -> tuple[Host | None, Cluster | None]:
    """The host or cluster that a pool belongs to."""
    if scope == "HOST":
        uuid = (args.get("details") or {}).get("hostid", "")
        host = Host.known(call.store, uuid)
        if host is None or host.data_center_id != zone.id:
            raise no_such("host in this zone", "details.hostid", uuid)
        return host, None
    if not shared:
        raise invalid(
            f"A pool of scope {scope} is a directory that several hosts see: "
            "url=SharedMountPoint:///dir."
        )
    if scope == "ZONE":
        return None, None
    if not args.get("clusterid"):
        raise invalid("scope=CLUSTER needs clusterid.")
    return None, call.find(Cluster, args["clusterid"], "clusterid")


def _directory(url: str) -> tuple[str, bool]:
    """The path of a pool's URL, and whether it is one that several hosts see."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    path = unquote(parts.path)
    if scheme not in ("file", "sharedmountpoint") or not re.fullmatch(r"/[\w./+@-]+", path):
        raise invalid(
            "A storage pool's url names a directory: file:///dir, or SharedMountPoint:///dir where "
            "several hosts see it."
        )
    return path.rstrip("/"), scheme == "sharedmountpoint"


@api(STORAGE_POOL)
def update_storage_pool(call: Call, args: Args) -> Json:
    """Changes a storage pool's name, tags, and whether it takes new disks.

    id*: the pool
    name: its name
    tags: its tags
    enabled: whether it takes new disks
    """
    pool = call.find(Pool, args["id"])
    tags, enabled = args.get("tags"), args.get("enabled")
    status = None if enabled is None else (PoolState.UP if enabled else PoolState.DISABLED)
    told = None if tags is None else ",".join(tags)
    return changed(call, STORAGE_POOL, pool, name=args.get("name"), tags=told, status=status)


@api(DONE)
def delete_storage_pool(call: Call, args: Args) -> Json:
    """Takes a storage pool out of the lab, with the copies of templates on it.

    id*: the pool
    forced: also when nothing can be removed from it
    """
    from cmk.lab.hosts.pools import empty_pool

    pool = call.find(Pool, args["id"])
    used = [vm.name for vm in Machine.with_disk_on(call.store, pool.id)]
    if used:
        raise invalid(f"Disks of VMs are on the pool {pool.name}: {', '.join(used[:5])}.")
    empty_pool(call.lab, pool, forced=bool(args.get("forced")))
    return deleted(call, pool, [])


@job(STORAGE_POOL)
def enable_storage_maintenance(call: Call, args: Args) -> Task:
    """Takes no new disks on a pool, and stops the VMs whose disks are on it.

    id*: the pool
    """
    pool = _in_state(call, args, (PoolState.UP,))
    pool.update(call.store, status=PoolState.PREPARING)
    return Task(pool)


@job(STORAGE_POOL)
def cancel_storage_maintenance(call: Call, args: Args) -> Task:
    """Lets a pool take disks again.

    id*: the pool
    """
    return Task(_in_state(call, args, IN_MAINTENANCE))


def _in_state(call: Call, args: Args, states: tuple[PoolState, ...]) -> Pool:
    pool = call.find(Pool, args["id"])
    if pool.status not in states:
        raise invalid(f"The pool {pool.name} is {pool.status}, not {' or '.join(states)}.")
    return pool


def capacity(path: str) -> tuple[int | None, int | None]:
    """Total and used bytes of the file system that a directory of this machine is on."""
    try:
        found = os.statvfs(path)
    except OSError:
        return None, None
    return found.f_blocks * found.f_frsize, (found.f_blocks - found.f_bavail) * found.f_frsize
