"""What happens to a VM after its deployment: stop, reboot, destroy, expunge, reinstall."""

from __future__ import annotations

from cmk.errors import ApiError
from cmk.lab.events import record
from cmk.lab.hosts.guest import domain_of, remove_from, rest, switch_off
from cmk.lab.hosts.host import OpenHost
from cmk.lab.hosts.pools import any_host
from cmk.lab.jobs import Job, Work
from cmk.lab.model.machine import OFF, Machine, MachineState, Volume, VolumeState
from cmk.lab.model.pool import Pool
from cmk.lab.model.template import Template
from cmk.lab.model.unused import forget_unregistered
from cmk.lab.store import now
from cmk.lab.works import spool
from cmk.lab.works.collection import remove_orphans
from cmk.lab.works.deployment import bring_up
from cmk.lab.works.routing import leave_networks


def stop(job: Job) -> None:
    """Switch a VM off: by its power button, and by force where that does nothing."""
    vm = Machine.of(job.store, job.instance_id)
    if vm.state not in OFF:
        stop_machine(job, vm, bool(job.info.get("forced")))


def stop_machine(job: Job, vm: Machine, forced: bool) -> None:
    """The same for any VM."""
    _switch_off(job, vm, forced)
    vm.become(job.store, MachineState.STOPPED, host_id=None)
    record(job.call, "VM.STOP", f"Stopped {vm.name}", vm)


def reboot(job: Job) -> None:
    """Reset a VM; forced: off and on again."""
    vm = Machine.of(job.store, job.instance_id)
    if job.info.get("forced"):
        _switch_off(job, vm, forced=True)
        bring_up(job, vm)
    else:
        _reset(job, vm)
        vm.become(job.store, MachineState.RUNNING)
    record(job.call, "VM.REBOOT", f"Rebooted {vm.name}", vm)


def destroy(job: Job) -> None:
    """Switch a VM off for good; it can be recovered until it is expunged."""
    vm = Machine.of(job.store, job.instance_id)
    _switch_off(job, vm, forced=True)
    vm.become(job.store, MachineState.DESTROYED, host_id=None)
    record(job.call, "VM.DESTROY", f"Destroyed {vm.name}", vm)
    if job.info.get("expunge"):
        expunge(job)


def expunge(job: Job) -> None:
    """Remove all that is left of a VM."""
    expunge_machine(job, Machine.of(job.store, job.instance_id))


def expunge_machine(job: Job, vm: Machine) -> None:
    """The same for any VM; a guest that runs ends."""
    vm.become(job.store, MachineState.EXPUNGING)
    job.progress("Removing the VM's disks")
    for row in vm.hosts(job.store):
        with OpenHost(job.lab, row) as host:
            remove_from(host, vm)
    vm.become(job.store, MachineState.EXPUNGING, removed=now(), host_id=None)
    vm.untag(job.store)
    leave_networks(job.store, vm)
    forget_unregistered(job.store)
    remove_orphans(job.call)
    record(job.call, "VM.EXPUNGE", f"Expunged {vm.name}", vm)


def restore(job: Job) -> None:
    """Reinstall: a new root disk from the template, the old one deleted."""
    vm, store = Machine.of(job.store, job.instance_id), job.store
    old = vm.root(store)
    if old.id == job.info["volume"]:  # else an earlier attempt at this job has come so far
        _fetch_first(job, old)
        _switch_off(job, vm, forced=True)
        job.progress("Deleting the old root disk")
        _delete_volume(job, old)
        template = job.info["template"]
        with store.change():
            old.update(store, state=VolumeState.EXPUNGED, removed=now())
            vm.update(store, vm_template_id=template)
            size, offering = job.info["size"], old.disk_offering_id
            Volume.new_root(store, vm.id, size, template, offering)
    if job.info["running"]:
        bring_up(job, vm.again(store))
    else:
        vm.become(store, MachineState.STOPPED, host_id=None)
    record(job.call, "VM.RESTORE", f"Reinstalled {vm.name}", vm)


def undo_by_host(job: Job, reason: str) -> None:
    """A VM that something failed for is what its host shows: Running, or else Stopped."""
    _leave(job, reason, MachineState.STOPPED)


def undo_removal(job: Job, reason: str) -> None:
    """A VM that could not be removed altogether stays Destroyed, unless its guest runs."""
    _leave(job, reason, MachineState.DESTROYED)


def _leave(job: Job, reason: str, off: MachineState) -> None:
    vm = Machine.of(job.store, job.instance_id)
    spool.give_up(job, reason)
    rest(job.lab, vm, off)
    record(job.call, "VM.FAILURE", f"{job.cmd} of {vm.name} failed: {reason}", vm, level="ERROR")


STOP = Work(stop, undo_by_host)
REBOOT = Work(reboot, undo_by_host)
DESTROY = Work(destroy, undo_removal)
EXPUNGE = Work(expunge, undo_removal)
RESTORE = Work(restore, undo_by_host)


def _switch_off(job: Job, vm: Machine, forced: bool) -> None:
    job.progress("Stopping")
    for row in vm.hosts(job.store):
        with OpenHost(job.lab, row) as host:
            switch_off(host, vm, forced)


def _reset(job: Job, vm: Machine) -> None:
    from cmk.lab.libvirt.connection import errors

    job.progress("Rebooting")
    with OpenHost.of(job.lab, vm.host_id) as host:
        if not host.has_guests:
            return
        known = domain_of(host, vm)
        if known is None:
            raise ApiError(530, f"{vm.name} is not on the host {host.name} any more.")
        with errors(f"libvirt does not reset {vm.name}"):
            known.reset(0)


def _fetch_first(job: Job, old: Volume) -> None:
    """The template on the pool before the old disk goes: a dead URL must not cost a disk."""
    template = Template.of(job.store, job.info["template"])
    if old.pool_id is None or template.is_iso:
        return  # a blank disk needs no template; one that was never made has no pool
    pool = Pool.of(job.store, old.pool_id)
    with any_host(job.lab, pool) as host:
        spool.ensure(job, host, pool, template)


def _delete_volume(job: Job, volume: Volume) -> None:
    from cmk.lab.libvirt import storage

    if volume.pool_id is None or volume.path is None:
        return  # it was never made
    pool = Pool.of(job.store, volume.pool_id)
    with any_host(job.lab, pool) as host, host.pool(pool) as place:
        storage.delete(place, volume.path)
