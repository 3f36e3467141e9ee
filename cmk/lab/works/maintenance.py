"""Hosts and pools that stop serving for a while, and that come back."""

from __future__ import annotations

from cmk.errors import ApiError, CmkError
from cmk.lab.events import record
from cmk.lab.hosts.guest import switch_off
from cmk.lab.hosts.host import OpenHost
from cmk.lab.hosts.pools import measure, pool_of
from cmk.lab.jobs import Job, Work
from cmk.lab.model.host import Host, ResourceState
from cmk.lab.model.machine import Machine, MachineState
from cmk.lab.model.pool import Pool, PoolState
from cmk.lab.works import leftover


def maintain(job: Job) -> None:
    """Stop the VMs of a host, then call it in maintenance."""
    with OpenHost.of(job.lab, job.instance_id) as host:
        for vm in Machine.there(job.store, host_id=host.row.id):
            _stop(job, host, vm)
            told = f"Stopped {vm.name} for the maintenance of {host.name}"
            record(job.call, "VM.STOP", told, vm)
        host.row.update(job.store, resource_state=ResourceState.MAINTENANCE)
        record(job.call, "MAINT.PREPARE", f"Host {host.name} is in maintenance", host.row)


def _stop(job: Job, host: OpenHost, vm: Machine) -> None:
    job.progress(f"Stopping {vm.name}")
    switch_off(host, vm, forced=False)
    vm.become(job.store, MachineState.STOPPED, host_id=None)


def undo_maintain(job: Job, reason: str) -> None:
    """The host takes no VMs, and somebody must look."""
    Host.of(job.store, job.instance_id).update(job.store, resource_state=ResourceState.FAILED)


def cancel(job: Job) -> None:
    """Let a host take VMs again."""
    host = Host.of(job.store, job.instance_id)
    host.update(job.store, resource_state=ResourceState.ENABLED)


def reconnect(job: Job) -> None:
    """Try a host: Up again, and what failed attempts have left on it goes; or it stays Down."""
    with OpenHost.of(job.lab, job.instance_id) as host:
        try:
            host.connection.getHostname()
            measure(host, pool_of(job.lab, host.row))
        except CmkError as problem:
            host.row.missed(job.store, problem.message)
            raise ApiError(530, f"Host {host.name} does not answer: {problem.message}") from None
        host.row.answered(job.store)
    leftover.collect(job.call)


def nothing_to_undo(job: Job, reason: str) -> None:
    """The host is as it was."""


def maintain_pool(job: Job) -> None:
    """Stop the VMs whose disks are on a pool, then call it in maintenance."""
    for vm in Machine.with_disk_on(job.store, job.instance_id):
        if vm.state != MachineState.RUNNING:
            continue
        with OpenHost.of(job.lab, vm.host_id) as host:
            _stop(job, host, vm)
    _settle(job, PoolState.MAINTENANCE)


def cancel_pool(job: Job) -> None:
    """Let a pool take disks again."""
    _settle(job, PoolState.UP)


def undo_pool(job: Job, reason: str) -> None:
    """The pool takes no disks, and somebody must look."""
    Pool.of(job.store, job.instance_id).update(job.store, status=PoolState.FAILED)


def _settle(job: Job, status: PoolState) -> None:
    pool = Pool.of(job.store, job.instance_id)
    pool.update(job.store, status=status)
    record(job.call, "MAINT.PREPARE.PS", f"The storage pool {pool.name} is {status}")


HOST_MAINTENANCE = Work(maintain, undo_maintain)
CANCEL_HOST_MAINTENANCE = Work(cancel, nothing_to_undo)
RECONNECT = Work(reconnect, nothing_to_undo)
POOL_MAINTENANCE = Work(maintain_pool, undo_pool)
CANCEL_POOL_MAINTENANCE = Work(cancel_pool, undo_pool)
