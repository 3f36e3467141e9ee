"""What happens to a VM after its deployment: stop, reboot, destroy, expunge, reinstall."""

from __future__ import annotations

import sqlite3
from typing import Any

from cmk.errors import ApiError
from cmk.lab.events import record
from cmk.lab.hosts.host import Host
from cmk.lab.hosts.pools import any_host
from cmk.lab.jobs import Job, Work
from cmk.lab.store import now
from cmk.lab.virtual_machine_rows import one_row
from cmk.lab.works import spool
from cmk.lab.works.collection import forget_unregistered, remove_orphans
from cmk.lab.works.deployment import (
    bring_up,
    hosts_of,
    machine_row,
    new_root_volume,
    remove_from,
    rest,
    root_volume,
    set_state,
)

Json = dict[str, Any]


def stop(job: Job) -> Json:
    """Switch a VM off: by its power button, and by force where that does nothing."""
    vm = machine_row(job.lab, job.instance_id)
    _switch_off(job, vm, bool(job.info.get("forced")))
    set_state(job.lab, vm, "Stopped", host_id=None)
    record(job.lab, "VM.STOP", f"Stopped {vm['name']}", "VirtualMachine", vm["uuid"])
    return {"virtualmachine": one_row(job.lab, vm["id"])}


def reboot(job: Job) -> Json:
    """Reset a VM; forced: off and on again."""
    vm = machine_row(job.lab, job.instance_id)
    if job.info.get("forced"):
        _switch_off(job, vm, forced=True)
        bring_up(job, vm)
    else:
        _reset(job, vm)
        set_state(job.lab, vm, "Running")
    record(job.lab, "VM.REBOOT", f"Rebooted {vm['name']}", "VirtualMachine", vm["uuid"])
    return {"virtualmachine": one_row(job.lab, vm["id"])}


def destroy(job: Job) -> Json:
    """Switch a VM off for good; it can be recovered until it is expunged."""
    vm = machine_row(job.lab, job.instance_id)
    _switch_off(job, vm, forced=True)
    set_state(job.lab, vm, "Destroyed", host_id=None)
    record(job.lab, "VM.DESTROY", f"Destroyed {vm['name']}", "VirtualMachine", vm["uuid"])
    shown = one_row(job.lab, vm["id"])
    if job.info.get("expunge"):
        expunge(job)
        shown["state"] = "Expunging"
    return {"virtualmachine": shown}


def expunge(job: Job) -> Json:
    """Remove all that is left of a VM."""
    vm = machine_row(job.lab, job.instance_id)
    set_state(job.lab, vm, "Expunging")
    job.progress("Removing the VM's disks")
    for row in hosts_of(job.lab, vm):
        with Host(job.lab, row) as host:
            remove_from(host, vm)
    set_state(job.lab, vm, "Expunging", removed=now(), host_id=None)
    forget_unregistered(job.lab)
    remove_orphans(job.lab)
    record(job.lab, "VM.EXPUNGE", f"Expunged {vm['name']}", "VirtualMachine", vm["uuid"])
    return {"success": True}


def restore(job: Job) -> Json:
    """Reinstall: a new root disk from the template, the old one deleted."""
    vm = machine_row(job.lab, job.instance_id)
    lab, store = job.lab, job.lab.store
    old = root_volume(lab, vm["id"])
    if old["id"] == job.info["volume"]:  # else an earlier attempt at this job has come so far
        _fetch_first(job, old)
        _switch_off(job, vm, forced=True)
        job.progress("Deleting the old root disk")
        _delete_volume(job, old)
        with store.change():
            store.update("volumes", old["id"], state="Expunged", removed=now())
            store.update("vm_instance", vm["id"], vm_template_id=job.info["template"])
            new_root_volume(
                lab, vm["id"], job.info["size"], job.info["template"], old["disk_offering_id"]
            )
    if job.info["running"]:
        bring_up(job, machine_row(lab, vm["id"]))
    else:
        set_state(lab, vm, "Stopped", host_id=None)
    record(lab, "VM.RESTORE", f"Reinstalled {vm['name']}", "VirtualMachine", vm["uuid"])
    return {"virtualmachine": one_row(lab, vm["id"])}


def undo_by_host(job: Job, reason: str) -> None:
    """A VM that something failed for is what its host shows: Running, or else Stopped."""
    _leave(job, reason, "Stopped")


def undo_removal(job: Job, reason: str) -> None:
    """A VM that could not be removed altogether stays Destroyed, unless its guest runs."""
    _leave(job, reason, "Destroyed")


def _leave(job: Job, reason: str, off: str) -> None:
    vm = machine_row(job.lab, job.instance_id)
    spool.give_up(job, reason)
    rest(job.lab, vm, off)
    record(
        job.lab,
        "VM.FAILURE",
        f"{job.cmd} of {vm['name']} failed: {reason}",
        "VirtualMachine",
        vm["uuid"],
        level="ERROR",
    )


STOP = Work(stop, undo_by_host)
REBOOT = Work(reboot, undo_by_host)
DESTROY = Work(destroy, undo_removal)
EXPUNGE = Work(expunge, undo_removal)
RESTORE = Work(restore, undo_by_host)


def _switch_off(job: Job, vm: sqlite3.Row, forced: bool) -> None:
    from cmk.lab.libvirt import domain

    job.progress("Stopping")
    for row in hosts_of(job.lab, vm):
        with Host(job.lab, row) as host:
            known = domain.find(host.connection, vm["uuid"], job.lab.id)
            if known is not None:
                domain.stop(known, forced)


def _reset(job: Job, vm: sqlite3.Row) -> None:
    from cmk.lab.libvirt import domain
    from cmk.lab.libvirt.connection import errors

    job.progress("Rebooting")
    with Host.of(job.lab, vm["host_id"]) as host:
        known = domain.find(host.connection, vm["uuid"], job.lab.id)
        if known is None:
            raise ApiError(530, f"{vm['name']} is not on the host {host.name} any more.")
        with errors(f"libvirt does not reset {vm['name']}"):
            known.reset(0)


def _fetch_first(job: Job, old: sqlite3.Row) -> None:
    """The template on the pool before the old disk goes: a dead URL must not cost a disk."""
    template = job.lab.store.one("SELECT * FROM vm_template WHERE id = ?", job.info["template"])
    pool = job.lab.store.one("SELECT * FROM storage_pool WHERE id = ?", old["pool_id"])
    if template is None or pool is None or template["format"] == "ISO":
        return  # a blank disk needs no template; one that was never made has no pool
    with any_host(job.lab, pool["id"]) as host:
        spool.ensure(job, host, pool, template)


def _delete_volume(job: Job, volume: sqlite3.Row) -> None:
    from cmk.lab.libvirt import storage

    pool = job.lab.store.one("SELECT * FROM storage_pool WHERE id = ?", volume["pool_id"])
    if pool is None:
        return  # it was never made
    with any_host(job.lab, pool["id"]) as host, host.pool(pool["uuid"], pool["path"]) as place:
        storage.delete(place, volume["path"])
