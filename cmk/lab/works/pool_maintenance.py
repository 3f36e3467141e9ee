"""Storage pools on their hosts: tried before they are taken in, emptied before they go."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from cmk.errors import CmkError
from cmk.lab.api import invalid
from cmk.lab.events import record
from cmk.lab.hosts.host import Host
from cmk.lab.hosts.pools import any_host
from cmk.lab.jobs import Job, Work
from cmk.lab.store import new_uuid
from cmk.lab.works.deployment import machine_row, set_state

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

Json = dict[str, Any]


def try_pool(lab: Lab, columns: Json) -> Json:
    """Have every host that will reach the pool use it, and one see what another wrote.

    Its capacity and use in bytes. Raises ApiError 431 with the host that cannot.
    """
    hosts = lab.store.rows(
        "SELECT * FROM host WHERE removed IS NULL AND status = 'Up' AND data_center_id = ? "
        "AND (? IS NULL OR id = ?) AND (? IS NULL OR cluster_id = ?) ORDER BY id",
        columns["data_center_id"],
        *[columns.get("host_id")] * 2,
        *[columns.get("cluster_id")] * 2,
    )
    if not hosts:
        raise invalid("There is no host Up that would reach the pool.")
    path, mark = columns["path"], f"cmk-{new_uuid()}"
    room: Json = {}
    for number, row in enumerate(hosts):
        with Host(lab, row) as host:
            try:
                if number == 0:
                    host.reach.run(f"mkdir -p '{path}' && : > '{path}/{mark}'")
                else:
                    host.reach.run(f"test -e '{path}/{mark}'")
                with host.pool(columns["uuid"], path):
                    found = host.agent.ask("space", pool=path)
                if number == len(hosts) - 1:
                    host.reach.run(f"rm -f '{path}/{mark}'")
            except CmkError as problem:
                raise invalid(
                    f"Host {row['name']} cannot use {path} as the pool: {problem.message}"
                ) from None
            room = {"capacity": found["total"], "used": found["total"] - found["free"]}
    return room


def empty_pool(lab: Lab, pool: sqlite3.Row, forced: bool) -> None:
    """Remove the lab's copies of templates from a pool."""
    copies = lab.store.rows(
        "SELECT install_path FROM template_spool_ref WHERE pool_id = ? "
        "UNION SELECT path FROM orphan WHERE pool_id = ?",
        pool["id"],
        pool["id"],
    )
    try:
        for copy in copies:
            with any_host(lab, pool["id"]) as host:
                host.agent.ask("remove", pool=pool["path"], name=copy["install_path"])
    except CmkError as problem:
        if not forced:
            raise invalid(
                f"The copies on {pool['name']} cannot be removed: {problem.message}; forced=true "
                "leaves them."
            ) from None
    with lab.store.change():
        for table in ("template_spool_ref", "orphan", "residue"):
            lab.store.execute(f"DELETE FROM {table} WHERE pool_id = ?", pool["id"])


def maintain(job: Job) -> Json:
    """Stop the VMs whose disks are on a pool, then call it in maintenance."""
    from cmk.lab.libvirt import domain

    lab = job.lab
    vms = lab.store.rows(
        "SELECT DISTINCT m.* FROM vm_instance m JOIN volumes v ON v.instance_id = m.id "
        "WHERE v.pool_id = ? AND v.removed IS NULL AND m.state = 'Running'",
        job.instance_id,
    )
    for vm in vms:
        job.progress(f"Stopping {vm['name']}")
        with Host.of(lab, vm["host_id"]) as host:
            known = domain.find(host.connection, vm["uuid"], lab.id)
            if known is not None:
                domain.stop(known, forced=False)
        set_state(lab, machine_row(lab, vm["id"]), "Stopped", host_id=None)
    return _settle(job, "Maintenance")


def undo(job: Job, reason: str) -> None:
    """The pool takes no disks, and somebody must look."""
    job.lab.store.update("storage_pool", job.instance_id or 0, status="ErrorInMaintenance")


def cancel(job: Job) -> Json:
    """Let a pool take disks again."""
    return _settle(job, "Up")


def _settle(job: Job, status: str) -> Json:
    from cmk.lab.nouns.storage_pool import list_storage_pools

    lab = job.lab
    lab.store.update("storage_pool", job.instance_id or 0, status=status)
    [row] = lab.store.rows("SELECT * FROM storage_pool WHERE id = ?", job.instance_id)
    record(lab, "MAINT.PREPARE.PS", f"The storage pool {row['name']} is {status}")
    return {"storagepool": list_storage_pools(lab, {"id": row["uuid"]})["storagepool"][0]}


MAINTENANCE = Work(maintain, undo)
CANCEL_MAINTENANCE = Work(cancel, undo)
