"""Bringing a VM up: a suitable host, the template on its pool, a root disk, a running domain.

Each step writes what it is about to do before it does it and can be done again, so a job whose
worker was killed in the middle is simply run once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cmk.errors import CmkError, Unreachable
from cmk.lab.events import record
from cmk.lab.faults import strike
from cmk.lab.hosts.agent import AgentFailure
from cmk.lab.hosts.guest import refuse_second_qemu, remove_from, rest
from cmk.lab.hosts.host import OpenHost
from cmk.lab.hosts.placement import TIES, Plan, demand_of, plan
from cmk.lab.hosts.plug import implement, plug_in
from cmk.lab.hosts.pools import measure_own
from cmk.lab.hosts.seed_disk import give_seed
from cmk.lab.jobs import Cancelled, Job, StoryError, Work
from cmk.lab.model.affinity import Affinity, AffinityGroup
from cmk.lab.model.machine import Machine, MachineState, Volume, VolumeState
from cmk.lab.model.pool import Pool
from cmk.lab.model.template import Template
from cmk.lab.settings import number
from cmk.lab.works import spool
from cmk.lab.works.failure import Failure
from cmk.lab.works.leftover import clear_away

if TYPE_CHECKING:
    from cmk.lab.libvirt.domain import Guest, Interface


def deploy(job: Job) -> None:
    """The first start of a VM."""
    vm = Machine.of(job.store, job.instance_id)
    if job.info["startvm"]:
        bring_up(job, vm)
    record(job.call, "VM.CREATE", f"Deployed {vm.name}", vm)


def start(job: Job) -> None:
    """A later start."""
    vm = Machine.of(job.store, job.instance_id)
    bring_up(job, vm)
    record(job.call, "VM.START", f"Started {vm.name}", vm)


def undo_deploy(job: Job, reason: str) -> None:
    """A VM that never ran is left in Error, with no disk behind."""
    vm = Machine.of(job.store, job.instance_id)
    vm.become(job.store, MachineState.ERROR, host_id=None)
    spool.give_up(job, reason)
    record(job.call, "VM.CREATE", f"Deploying {vm.name} failed: {reason}", vm, level="ERROR")
    for row in vm.hosts(job.store):
        with OpenHost(job.lab, row) as host:
            remove_from(host, vm)


def undo_start(job: Job, reason: str) -> None:
    """A VM that did not start rests in Stopped, with its disk; one that runs after all, runs."""
    vm = Machine.of(job.store, job.instance_id)
    spool.give_up(job, reason)
    rest(job.lab, vm, MachineState.STOPPED)
    record(job.call, "VM.START", f"Starting {vm.name} failed: {reason}", vm, level="ERROR")


DEPLOY = Work(deploy, undo_deploy)
START = Work(start, undo_start)


def bring_up(job: Job, vm: Machine) -> None:
    """Start a VM on the first suitable host that can, each tried once.

    Raises StoryError 533 where none is suitable, 530 with the story of all that were tried.
    """
    lab, store = job.lab, job.store
    ties = {name: job.info[name] for name in TIES if job.info.get(name)}
    measure_own(store)
    found = plan(store, demand_of(store, vm), ties)
    if not found.places:
        told = f"No destination found for a deployment of {vm.name} ({vm.uuid})."
        raise StoryError(533, [told, *found.story()])
    failures: list[Failure] = []
    for place in found.places[: number(store, "start.retry")]:
        with OpenHost(lab, place.host) as host:
            try:
                _place(job, vm, host, place.pool)
                return
            except CmkError as problem:
                failures.append(Failure(host.name, problem))
                _tell_failed_attempt(job, vm, host, problem)
                clear_away(host, vm, place.pool)
                if isinstance(problem, Cancelled) or is_same_digest(failures):
                    break
    raise StoryError(530, _story(vm, failures, ties, found))


def is_same_digest(failures: list[Failure]) -> bool:
    """Whether two hosts got the same wrong bytes: then the source is wrong, and no host will do."""
    digests = [failure.digest for failure in failures if failure.digest]
    return len(digests) > len(set(digests))


def _story(vm: Machine, failures: list[Failure], ties: Mapping[str, str], found: Plan) -> list[str]:
    """Why a VM did not come up: each host that was tried, each that was not, what to do."""
    lines = [f"Unable to start the VM {vm.name} ({vm.uuid})."]
    lines += [line for failure in failures for line in failure.lines()]
    if is_same_digest(failures):
        lines.append(
            "Two hosts got the same wrong digest: the source is wrong; no more were tried."
        )
    elif ties:
        lines.append(f"No other host was tried, since {' and '.join(ties)} was given.")
    lines += [f"Host {name} was not tried: {reason}." for name, reason in found.refused if not ties]
    return lines


def _tell_failed_attempt(job: Job, vm: Machine, host: OpenHost, problem: CmkError) -> None:
    if not isinstance(problem, AgentFailure):
        told = f"{vm.name} did not come up on host {host.name}: {problem.message}"
        record(job.call, "VM.START", told, vm, level="WARN")
        return
    template = vm.template(job.store)
    label = "ISO" if template.is_iso else "TEMPLATE"
    told = f"{template.name} could not be downloaded to host {host.name}: {problem.message}"
    record(job.call, f"{label}.DIRECT.DOWNLOAD.FAILURE", told, template, level="ERROR")


def _place(job: Job, vm: Machine, host: OpenHost, pool: Pool) -> None:
    """Bring the VM up on one host, with its disk on one pool."""
    store = job.store
    host.warm_up()
    vm.become(store, MachineState.STARTING, host_id=host.id)
    _refuse_company(job, vm, host)
    disk = _root_disk(job, vm, host, pool)
    iso = _iso(job, vm, host, pool)
    job.progress("Starting")
    kind, _ = host.virt_type()
    strike(job.call, "start", host.row)
    with store.change():
        for nic in vm.nics(store):
            implement(store, nic.network(store))
    if host.has_guests:
        refuse_second_qemu(host, vm)

        from cmk.lab.libvirt import domain

        nics = plug_in(job.lab, host, vm)
        seed = give_seed(host, pool, vm)
        domain.start(host.connection, _guest(job, vm, host, pool, disk, iso, kind, nics, seed))
    vm.become(store, MachineState.RUNNING, host_id=host.id, last_host_id=host.id, virt_type=kind)


def _refuse_company(job: Job, vm: Machine, host: OpenHost) -> None:
    """Raise Unreachable where another VM, which is on its way too, has come first to a host that an
    affinity group allows only one of them."""
    groups = AffinityGroup.of_machine(job.store, vm.id)
    reason = Affinity.of(job.store, groups, vm.id).forbids(host.id)
    if reason:
        raise Unreachable(reason)


def _root_disk(job: Job, vm: Machine, host: OpenHost, pool: Pool) -> Volume:
    """The VM's root volume, ready on the pool: made now unless it is there."""
    store = job.store
    volume = vm.root(store)
    if volume.state == VolumeState.READY:
        return volume
    template = vm.template(store)
    size, base = volume.size or 0, None
    if not template.is_iso:
        copy = spool.ensure(job, host, pool, template)
        size, base = max(size, copy.template_size or 0), copy.install_path
    if not host.has_guests:
        ready = {"state": VolumeState.READY, "pool_id": pool.id, "size": size}
        volume.update(store, **ready)
        return volume.again(store)
    job.progress("Making the root disk")
    volume.update(
        store,
        state=VolumeState.CREATING,
        pool_id=pool.id,
        path=volume.uuid,
        size=size,
        base_path=base,
    )

    from cmk.lab.libvirt import storage

    path = f"{pool.path}/{base}" if base else ""
    base_format = "raw" if template.format == "RAW" else "qcow2"
    with host.pool(pool) as place:
        storage.create(place, volume.uuid, size, path, base_format)
    volume.update(store, state=VolumeState.READY)
    return volume.again(store)


def _iso(job: Job, vm: Machine, host: OpenHost, pool: Pool) -> str:
    """The path of the ISO in the VM's drive, on this pool; "" for an empty drive."""
    if vm.iso_id is None:
        return ""
    copy = spool.ensure(job, host, pool, Template.of(job.store, vm.iso_id))
    return f"{pool.path}/{copy.install_path}"


def _guest(
    job: Job,
    vm: Machine,
    host: OpenHost,
    pool: Pool,
    disk: Volume,
    iso: str,
    virt_type: str,
    nics: tuple[Interface, ...],
    seed: str,
) -> Guest:
    from cmk.lab.libvirt.domain import Guest

    offering = vm.offering(job.store)
    return Guest(
        uuid=vm.uuid,
        name=vm.instance_name,
        title=vm.name,
        lab_id=job.lab.id,
        virt_type=virt_type,
        cpus=offering.cpu,
        memory=offering.ram_size,
        disk=f"{pool.path}/{disk.path}",
        nics=nics,
        log=host.console_log(pool.path, vm.instance_name),
        iso=iso,
        seed=seed,
        boots_from_iso=vm.iso_id is not None and vm.iso_id == vm.vm_template_id,
    )
