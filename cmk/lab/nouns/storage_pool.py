"""Storage pools: where templates are downloaded to and disks live."""

from __future__ import annotations

import os
import re
import sqlite3
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from cmk.lab.api import PAGING, Args, Json, api, invalid, no_such, optional, required
from cmk.lab.events import record
from cmk.lab.fields import DONE, fields
from cmk.lab.query import Query, listing, present
from cmk.lab.rows import change, delete, row_of
from cmk.lab.settings import number
from cmk.lab.store import new_uuid, now

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

STORAGE_POOL = fields(
    "id name state type scope path zoneid zonename podid podname clusterid clustername "
    "hypervisor disksizetotal disksizeused disksizeallocated overprovisionfactor tags created",
    state="storagepoolstatus",
    tags="string",
)

SCOPES = ("HOST", "CLUSTER", "ZONE")
ID = required("id", "uuid", "the pool")


@api(
    "listStoragePools",
    "Lists primary storage pools",
    optional("id", "uuid", "the pool with this id"),
    optional("name", "string", "the pool with this name"),
    optional("zoneid", "uuid", "pools of this zone"),
    optional("clusterid", "uuid", "pools of this cluster"),
    optional("scope", "string", "HOST, CLUSTER or ZONE"),
    optional("path", "string", "the pool in this directory"),
    *PAGING,
    fields=STORAGE_POOL,
)
def list_storage_pools(lab: Lab, args: Args) -> Json:
    query = Query(
        "s.*, z.uuid AS zoneid, z.name AS zonename, p.uuid AS podid, p.name AS podname, "
        "c.uuid AS clusterid, c.name AS clustername, h.url AS hosturl, "
        "(SELECT sum(v.size) FROM volumes v WHERE v.pool_id = s.id AND v.removed IS NULL) "
        "AS allocated",
        "storage_pool s JOIN data_center z ON z.id = s.data_center_id "
        "LEFT JOIN host h ON h.id = s.host_id "
        "LEFT JOIN cluster c ON c.id = coalesce(s.cluster_id, h.cluster_id) "
        "LEFT JOIN host_pod_ref p ON p.id = c.pod_id",
        "s.removed IS NULL",
    )
    query.equal("s.uuid", args.get("id")).equal("s.name", args.get("name"))
    query.equal("z.uuid", args.get("zoneid")).equal("c.uuid", args.get("clusterid"))
    query.equal("s.scope", args.get("scope")).equal("s.path", args.get("path"))
    query.contains("s.name", args.get("keyword"))
    factor = number(lab.store, "storage.overprovisioning.factor")
    return listing(
        lab.store, args, "storagepool", query, "s.id", lambda row: _storage_pool(row, factor)
    )


@api(
    "createStoragePool",
    "Makes a storage pool in a directory: of one host, or shared by a cluster's or zone's hosts",
    required("name", "string", "its name"),
    required("url", "string", "file:///dir of one host, or SharedMountPoint:///dir of several"),
    required("zoneid", "uuid", "its zone"),
    optional("scope", "string", "HOST, CLUSTER or ZONE", SCOPES),
    optional("podid", "uuid", "its pod; the cluster says it too"),
    optional("clusterid", "uuid", "the cluster, with scope=CLUSTER"),
    optional("hypervisor", "string", "KVM"),
    optional("tags", "string", "its tags, separated by commas, which offerings may ask for"),
    optional("details", "map", "details; hostid is the host, with scope=HOST"),
    fields=STORAGE_POOL,
)
def create_storage_pool(lab: Lab, args: Args) -> Json:
    from cmk.lab.works.pool_maintenance import try_pool

    zone = row_of(lab, "data_center", "zone", args["zoneid"])
    path, shared = _directory(args["url"])
    scope = (args.get("scope") or ("CLUSTER" if args.get("clusterid") else "HOST")).upper()
    if shared and scope == "HOST":
        scope = "ZONE"
    columns = {
        "uuid": new_uuid(),
        "name": args["name"],
        "pool_type": "SharedMountPoint" if shared else "Filesystem",
        "scope": scope,
        "data_center_id": zone["id"],
        "path": path,
        "tags": args.get("tags") or "",
        "created": now(),
        **_owner(lab, args, scope, zone, shared),
    }
    with lab.store.change():
        if lab.store.value(
            "SELECT 1 FROM storage_pool WHERE name = ? COLLATE NOCASE AND removed IS NULL",
            args["name"],
        ):
            raise invalid(f"There is a storage pool {args['name']} already.")
    room = try_pool(lab, columns)
    lab.store.insert("storage_pool", **columns, **room)
    record(lab, "STORAGE.POOL.CREATE", f"Made the storage pool {args['name']} in {path}")
    return {"storagepool": list_storage_pools(lab, {"id": columns["uuid"]})["storagepool"][0]}


def _owner(lab: Lab, args: Args, scope: str, zone: sqlite3.Row, shared: bool) -> Json:
    """The host or cluster that a pool belongs to."""
    if scope == "HOST":
        uuid = (args.get("details") or {}).get("hostid", "")
        host = lab.store.one(
            "SELECT id FROM host WHERE uuid = ? AND removed IS NULL AND data_center_id = ?",
            uuid.lower(),
            zone["id"],
        )
        if host is None:
            raise no_such("host in this zone", "details.hostid", uuid)
        return {"host_id": host["id"]}
    if not shared:
        raise invalid(
            f"A pool of scope {scope} is a directory that several hosts see: "
            "url=SharedMountPoint:///dir."
        )
    if scope == "ZONE":
        return {}
    if not args.get("clusterid"):
        raise invalid("scope=CLUSTER needs clusterid.")
    return {"cluster_id": row_of(lab, "cluster", "cluster", args["clusterid"])["id"]}


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


@api(
    "updateStoragePool",
    "Changes a storage pool's name, tags, and whether it takes new disks",
    ID,
    optional("name", "string", "its name"),
    optional("tags", "list", "its tags"),
    optional("enabled", "boolean", "whether it takes new disks"),
    fields=STORAGE_POOL,
)
def update_storage_pool(lab: Lab, args: Args) -> Json:
    row = row_of(lab, "storage_pool", "storage pool", args["id"])
    tags, enabled = args.get("tags"), args.get("enabled")
    status = None if enabled is None else ("Up" if enabled else "Disabled")
    change(
        lab,
        "storage_pool",
        row,
        name=args.get("name"),
        tags=None if tags is None else ",".join(tags),
        status=status,
    )
    return {"storagepool": list_storage_pools(lab, {"id": args["id"]})["storagepool"][0]}


@api(
    "deleteStoragePool",
    "Takes a storage pool out of the lab, with the copies of templates on it",
    ID,
    optional("forced", "boolean", "also when nothing can be removed from it"),
    fields=DONE,
)
def delete_storage_pool(lab: Lab, args: Args) -> Json:
    from cmk.lab.works.pool_maintenance import empty_pool

    row = row_of(lab, "storage_pool", "storage pool", args["id"])
    used = lab.store.rows(
        "SELECT DISTINCT m.name FROM volumes v JOIN vm_instance m ON m.id = v.instance_id "
        "WHERE v.pool_id = ? AND v.removed IS NULL AND m.removed IS NULL",
        row["id"],
    )
    if used:
        names = ", ".join(vm["name"] for vm in used[:5])
        raise invalid(f"Disks of VMs are on the pool {row['name']}: {names}.")
    empty_pool(lab, row, forced=bool(args.get("forced")))
    return delete(lab, "storage_pool", "storage pool", args["id"])


@api(
    "enableStorageMaintenance",
    "Takes no new disks on a pool, and stops the VMs whose disks are on it",
    ID,
    fields=STORAGE_POOL,
    work="cmk.lab.works.pool_maintenance:MAINTENANCE",
)
def enable_storage_maintenance(lab: Lab, args: Args) -> Json:
    return _submit(lab, args["id"], "enableStorageMaintenance", "PrepareForMaintenance", ("Up",))


@api(
    "cancelStorageMaintenance",
    "Lets a pool take disks again",
    ID,
    fields=STORAGE_POOL,
    work="cmk.lab.works.pool_maintenance:CANCEL_MAINTENANCE",
)
def cancel_storage_maintenance(lab: Lab, args: Args) -> Json:
    states = ("Maintenance", "PrepareForMaintenance", "ErrorInMaintenance")
    return _submit(lab, args["id"], "cancelStorageMaintenance", "", states)


def _submit(lab: Lab, uuid: str, cmd: str, status: str, states: tuple[str, ...]) -> Json:
    from cmk.lab import jobs

    with lab.store.change():
        row = row_of(lab, "storage_pool", "storage pool", uuid)
        if row["status"] not in states:
            raise invalid(f"The pool {row['name']} is {row['status']}, not {' or '.join(states)}.")
        if status:
            lab.store.update("storage_pool", row["id"], status=status)
        job = jobs.submit(lab, cmd, {}, "StoragePool", row["uuid"], row["id"])
    jobs.hire(lab)
    return job


def _storage_pool(row: sqlite3.Row, factor: int) -> Json:
    total, used = row["capacity"], row["used"]
    if row["hosturl"] == "embedded":
        total, used = capacity(row["path"])
    return present(
        id=row["uuid"],
        name=row["name"],
        state=row["status"],
        type=row["pool_type"],
        scope=row["scope"],
        path=row["path"],
        zoneid=row["zoneid"],
        zonename=row["zonename"],
        podid=row["podid"],
        podname=row["podname"],
        clusterid=row["clusterid"],
        clustername=row["clustername"],
        hypervisor="KVM",
        disksizetotal=total,
        disksizeused=used,
        disksizeallocated=row["allocated"] or 0,
        overprovisionfactor=str(factor),
        tags=row["tags"] or None,
        created=row["created"],
    )


def capacity(path: str) -> tuple[int | None, int | None]:
    """Total and used bytes of the file system that a pool of this machine is on."""
    try:
        found = os.statvfs(path)
    except OSError:
        return None, None
    return found.f_blocks * found.f_frsize, (found.f_blocks - found.f_bavail) * found.f_frsize
