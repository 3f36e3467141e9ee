"""Hosts that stop serving: for a while (maintenance), or for good; and that come back."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cmk.errors import ApiError, CmkError
from cmk.lab.api import invalid
from cmk.lab.events import record
from cmk.lab.hosts.host import Host
from cmk.lab.hosts.pools import measure, pool_of
from cmk.lab.jobs import Job, Work
from cmk.lab.store import now
from cmk.lab.works import leftover as residue

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

Json = dict[str, Any]


def depart(lab: Lab, row: sqlite3.Row, forced: bool) -> None:
    """Take a host out, with its own pool and what is on it.

    VMs are a reason not to, unless forced; then those whose disk goes with the host end in Error.
    """
    vms = lab.store.rows(
        "SELECT DISTINCT m.* FROM vm_instance m LEFT JOIN volumes v ON v.instance_id = m.id "
        "AND v.removed IS NULL LEFT JOIN storage_pool s ON s.id = v.pool_id "
        "WHERE m.removed IS NULL AND m.state <> 'Error' AND (m.host_id = ? OR s.host_id = ?)",
        row["id"],
        row["id"],
    )
    if vms and not forced:
        names = ", ".join(vm["name"] for vm in vms)
        raise invalid(f"VMs are on the host {row['name']}: {names}; forced=true gives them up.")
    with Host(lab, row) as host:
        for vm in vms:
            _give_up(lab, host, vm)
        try:
            _clear(lab, host)
        except CmkError as problem:
            if not forced:
                raise
            lab.environment.say(f"What is on {host.name} stays there: {problem.message}")
    with lab.store.change():
        gone = now()
        own = "SELECT id FROM storage_pool WHERE host_id = ?"
        for table in ("template_spool_ref", "orphan", "residue"):
            lab.store.execute(f"DELETE FROM {table} WHERE pool_id IN ({own})", row["id"])
        lab.store.execute("DELETE FROM residue WHERE host_id = ?", row["id"])
        lab.store.execute(
            f"UPDATE volumes SET removed = ?, state = 'Expunged' WHERE removed IS NULL "
            f"AND pool_id IN ({own})",
            gone,
            row["id"],
        )
        lab.store.execute("UPDATE storage_pool SET removed = ? WHERE host_id = ?", gone, row["id"])
        lab.store.update("host", row["id"], removed=gone)


def _give_up(lab: Lab, host: Host, vm: sqlite3.Row) -> None:
    from cmk.lab.works.deployment import remove_from, set_state

    with suppress(CmkError):  # the host is gone, and its VMs with it: that is what forced says
        remove_from(host, vm)
    set_state(lab, vm, "Error", host_id=None)
    record(
        lab,
        "VM.FAILURE",
        f"{vm['name']} was given up with its host {host.name}",
        "VirtualMachine",
        vm["uuid"],
        level="ERROR",
    )


def _clear(lab: Lab, host: Host) -> None:
    """Remove the lab's copies from the host's own pool, and the pool from its libvirt."""
    copies = lab.store.rows(
        "SELECT c.install_path, s.path FROM template_spool_ref c "
        "JOIN storage_pool s ON s.id = c.pool_id WHERE s.host_id = ? UNION "
        "SELECT o.path, s.path FROM orphan o JOIN storage_pool s ON s.id = o.pool_id "
        "WHERE s.host_id = ?",
        host.id,
        host.id,
    )
    for copy in copies:
        host.agent.ask("remove", pool=copy["path"], name=copy["install_path"])


def maintain(job: Job) -> Json:
    """Stop the VMs of a host, then call it in maintenance."""
    from cmk.lab.libvirt import domain
    from cmk.lab.works.deployment import machine_row, set_state

    lab = job.lab
    with Host.of(lab, job.instance_id or 0) as host:
        for vm in lab.store.rows(
            "SELECT * FROM vm_instance WHERE host_id = ? AND removed IS NULL", host.id
        ):
            job.progress(f"Stopping {vm['name']}")
            known = domain.find(host.connection, vm["uuid"], lab.id)
            if known is not None:
                domain.stop(known, forced=False)
            set_state(lab, machine_row(lab, vm["id"]), "Stopped", host_id=None)
            record(
                lab,
                "VM.STOP",
                f"Stopped {vm['name']} for the maintenance of {host.name}",
                "VirtualMachine",
                vm["uuid"],
            )
        lab.store.update("host", host.id, resource_state="Maintenance")
        record(
            lab, "MAINT.PREPARE", f"Host {host.name} is in maintenance", "Host", host.row["uuid"]
        )
    return _reply(job)


def undo_maintain(job: Job, reason: str) -> None:
    """The host takes no VMs, and somebody must look."""
    job.lab.store.update("host", job.instance_id or 0, resource_state="ErrorInMaintenance")


def cancel(job: Job) -> Json:
    """Let a host take VMs again."""
    job.lab.store.update("host", job.instance_id or 0, resource_state="Enabled")
    return _reply(job)


def reconnect(job: Job) -> Json:
    """Try a host: Up again, and what failed attempts have left on it goes; or it stays Down."""
    with Host.of(job.lab, job.instance_id or 0) as host:
        try:
            host.connection.getHostname()
            measure(host, pool_of(job.lab, host.id))
        except CmkError as problem:
            host.missed(problem)
            raise ApiError(530, f"Host {host.name} does not answer: {problem.message}") from None
        host.seen()
    residue.collect(job.lab)
    return _reply(job)


def nothing_to_undo(job: Job, reason: str) -> None:
    """The host is as it was."""


def _reply(job: Job) -> Json:
    from cmk.lab.nouns.host import list_hosts

    uuid = job.lab.store.value("SELECT uuid FROM host WHERE id = ?", job.instance_id)
    return {"host": list_hosts(job.lab, {"id": uuid})["host"][0]}


MAINTENANCE = Work(maintain, undo_maintain)
CANCEL_MAINTENANCE = Work(cancel, nothing_to_undo)
RECONNECT = Work(reconnect, nothing_to_undo)
