"""The CD-ROM drive of a VM: an ISO put in, taken out, on a running or a stopped VM."""

from __future__ import annotations

from cmk.errors import ApiError
from cmk.lab.events import record
from cmk.lab.hosts.guest import domain_of
from cmk.lab.hosts.host import OpenHost
from cmk.lab.jobs import Job, Work
from cmk.lab.model.machine import Machine, MachineState
from cmk.lab.model.pool import Pool
from cmk.lab.model.template import Template
from cmk.lab.works import spool


def attach(job: Job) -> None:
    """Put an ISO in; a running VM's host downloads it first, a stopped VM's when it starts."""
    store = job.store
    iso = Template.of(store, job.info["iso"])
    vm = Machine.of(store, job.instance_id)
    vm.update(store, iso_id=iso.id)  # so that nobody collects its copy
    if vm.state == MachineState.RUNNING:
        pool = Pool.of(store, vm.root(store).pool_id)
        with OpenHost.of(job.lab, vm.host_id) as host:
            copy = spool.ensure(job, host, pool, iso)
            _change(host, vm, f"{pool.path}/{copy.install_path}")
    record(job.call, "ISO.ATTACH", f"Attached {iso.name} to {vm.name}", iso)


def detach(job: Job) -> None:
    """Take out what is in the drive, if anything."""
    vm = Machine.of(job.store, job.instance_id)
    if vm.iso_id is None:
        return
    if vm.state == MachineState.RUNNING:
        with OpenHost.of(job.lab, vm.host_id) as host:
            _change(host, vm, "")
    vm.update(job.store, iso_id=None)
    record(job.call, "ISO.DETACH", f"Detached the ISO of {vm.name}", vm)


def _change(host: OpenHost, vm: Machine, iso: str) -> None:
    from cmk.lab.libvirt import domain

    known = domain_of(host, vm)
    if known is None:
        raise ApiError(530, f"The VM is not on the host {host.name} any more.")
    domain.change_iso(known, iso)


def undo(job: Job, reason: str) -> None:
    """The drive holds what it held."""
    spool.give_up(job, reason)
    vm = Machine.of(job.store, job.instance_id)
    if "was" in job.info:
        vm.update(job.store, iso_id=job.info["was"])
    record(job.call, "ISO.ATTACH", f"{job.cmd} of {vm.name} failed: {reason}", vm, level="ERROR")


ATTACH = Work(attach, undo)
DETACH = Work(detach, undo)
