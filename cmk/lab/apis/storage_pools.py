"""Storage pools: where templates are downloaded to and disks live."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

from cmk.lab.api import PAGING, Args, Json, api, optional
from cmk.lab.fields import fields
from cmk.lab.query import Query, listing, present

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

STORAGE_POOL = fields(
    "id name state type scope path zoneid zonename podid podname clusterid clustername "
    "hypervisor disksizetotal disksizeused created",
    state="storagepoolstatus",
)


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
        "c.uuid AS clusterid, c.name AS clustername",
        "storage_pool s JOIN data_center z ON z.id = s.data_center_id "
        "LEFT JOIN host h ON h.id = s.host_id LEFT JOIN host_pod_ref p ON p.id = h.pod_id "
        "LEFT JOIN cluster c ON c.id = h.cluster_id",
        "s.removed IS NULL",
    )
    query.equal("s.uuid", args.get("id")).equal("s.name", args.get("name"))
    query.equal("z.uuid", args.get("zoneid")).equal("c.uuid", args.get("clusterid"))
    query.equal("s.scope", args.get("scope")).equal("s.path", args.get("path"))
    query.contains("s.name", args.get("keyword"))
    return listing(lab.store, args, "storagepool", query, "s.id", _storage_pool)


def _storage_pool(row: sqlite3.Row) -> Json:
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
        created=row["created"],
    )


def capacity(path: str) -> tuple[int | None, int | None]:
    """Total and used bytes of the file system that a pool of this machine is on."""
    try:
        found = os.statvfs(path)
    except OSError:
        return None, None
    return found.f_blocks * found.f_frsize, (found.f_blocks - found.f_bavail) * found.f_frsize
