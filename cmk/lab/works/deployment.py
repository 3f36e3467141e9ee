"""Bringing a VM up: a suitable host, the template on its pool, a root disk, a running domain.

Each step writes what it is about to do before it does it and can be done again, so a job whose
worker was killed in the middle is simply run once more.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from cmk.errors import ApiError, CmkError, Unreachable
from cmk.lab.events import record
from cmk.lab.hosts import pools
from cmk.lab.hosts.host import AgentFailure, Host
from cmk.lab.hosts.placement import TIES, Plan, demand_of, plan
from cmk.lab.jobs import Cancelled, Job, Work
from cmk.lab.settings import number
from cmk.lab.store import new_uuid, now
from cmk.lab.virtual_machine_rows import one_row
from cmk.lab.works import spool
from cmk.lab.works.failure import Failure
from cmk.lab.works.leftover import clear_away

if TYPE_CHECKING:
    from cmk.lab.engine import Lab
    from cmk.lab.libvirt.domain import Machine

Json = dict[str, Any]


def deploy(job: Job) -> Json:
    """The first start of a VM."""
    vm = machine_row(job.lab, job.instance_id)
    if job.info["startvm"]:
        bring_up(job, vm)
    record(job.lab, "VM.CREATE", f"Deployed {vm['name']}", "VirtualMachine", vm["uuid"])
    return {"virtualmachine": one_row(job.lab, vm["id"])}


def start(job: Job) -> Json:
    """A later start."""
    vm = machine_row(job.lab, job.instance_id)
    bring_up(job, vm)
    record(job.lab, "VM.START", f"Started {vm['name']}", "VirtualMachine", vm["uuid"])
    return {"virtualmachine": one_row(job.lab, vm["id"])}


def undo_deploy(job: Job, reason: str) -> None:
    """A VM that never ran is left in Error, with no disk behind."""
    vm = machine_row(job.lab, job.instance_id)
    set_state(job.lab, vm, "Error", host_id=None)
    spool.give_up(job, reason)
    record(
        job.lab,
        "VM.CREATE",
        f"Deploying {vm['name']} failed: {reason}",
        "VirtualMachine",
        vm["uuid"],
        level="ERROR",
    )
    for row in hosts_of(job.lab, vm):
        with Host(job.lab, row) as host:
            remove_from(host, vm)


def undo_start(job: Job, reason: str) -> None:
    """A VM that did not start rests in Stopped, with its disk; one that runs after all, runs."""
    vm = machine_row(job.lab, job.instance_id)
    spool.give_up(job, reason)
    rest(job.lab, vm, "Stopped")
    record(
        job.lab,
        "VM.START",
        f"Starting {vm['name']} failed: {reason}",
        "VirtualMachine",
        vm["uuid"],
        level="ERROR",
    )


DEPLOY = Work(deploy, undo_deploy)
START = Work(start, undo_start)


def machine_row(lab: Lab, id: int | None) -> sqlite3.Row:
    """A VM with its offering."""
    row = lab.store.one(
        "SELECT v.*, o.cpu, o.speed, o.ram_size FROM vm_instance v "
        "JOIN service_offering o ON o.id = v.service_offering_id WHERE v.id = ?",
        id,
    )
    assert row is not None  # jobs are made for VMs that are there
    return row


def set_state(lab: Lab, vm: sqlite3.Row, state: str, **columns: Any) -> None:
    """Write a VM's state, and other columns with it."""
    lab.store.update("vm_instance", vm["id"], state=state, update_time=now(), **columns)


def bring_up(job: Job, vm: sqlite3.Row) -> None:
    """Start a VM on the first suitable host that can, each tried once.

    Raises ApiError 533 where none is suitable, 530 with the story of all that were tried.
    """
    lab = job.lab
    ties = {name: job.info.get(name) for name in TIES if job.info.get(name)}
    found = plan(lab, demand_of(lab, vm), ties)
    if not found.places:
        told = f"No destination found for a deployment of {vm['name']} ({vm['uuid']})."
        raise ApiError(533, "\n".join([told, found.story()]).rstrip())
    failures: list[Failure] = []
    for place in found.places[: number(lab.store, "start.retry")]:
        with Host(lab, place.host) as host:
            try:
                _place(job, vm, host, place.pool)
                return
            except CmkError as problem:
                failures.append(Failure(host.name, problem))
                _tell_failed_attempt(lab, vm, host, problem)
                clear_away(host, vm, place.pool)
                if isinstance(problem, Cancelled) or _is_same_digest(failures):
                    break
    raise ApiError(530, _story(vm, failures, ties, found))


def _is_same_digest(failures: list[Failure]) -> bool:
    """Whether two hosts got the same wrong bytes: then the source is wrong, and no host will do."""
    digests = [
        failure.problem.digest
        for failure in failures
        if isinstance(failure.problem, AgentFailure) and failure.problem.digest
    ]
    return len(digests) > len(set(digests))


def _story(vm: sqlite3.Row, failures: list[Failure], ties: Json, found: Plan) -> str:
    """Why a VM did not come up: each host that was tried, each that was not, what to do."""
    lines = [f"Unable to start the VM {vm['name']} ({vm['uuid']})."]
    lines += [line for failure in failures for line in failure.lines()]
    if _is_same_digest(failures):
        lines.append(
            "Two hosts got the same wrong digest: the source is wrong; no more were tried."
        )
    elif ties:
        lines.append(f"No other host was tried, since {' and '.join(ties)} was given.")
    lines += [f"Host {name} was not tried: {reason}." for name, reason in found.refused if not ties]
    return "\n".join(lines)


def _tell_failed_attempt(lab: Lab, vm: sqlite3.Row, host: Host, problem: CmkError) -> None:
    if not isinstance(problem, AgentFailure):
        record(
            lab,
            "VM.START",
            f"{vm['name']} did not come up on host {host.name}: {problem.message}",
            "VirtualMachine",
            vm["uuid"],
            level="WARN",
        )
        return
    template = template_of(lab, vm)
    label = "ISO" if template["format"] == "ISO" else "TEMPLATE"
    record(
        lab,
        f"{label}.DIRECT.DOWNLOAD.FAILURE",
        f"{template['name']} could not be downloaded to host {host.name}: {problem.message}",
        "Template",
        template["uuid"],
        level="ERROR",
    )


def template_of(lab: Lab, vm: sqlite3.Row) -> sqlite3.Row:
    """The row of the template or ISO that a VM is made from."""
    row = lab.store.one("SELECT * FROM vm_template WHERE id = ?", vm["vm_template_id"])
    assert row is not None  # its row stays when it is deleted
    return row


def _place(job: Job, vm: sqlite3.Row, host: Host, pool: sqlite3.Row) -> None:
    """Bring the VM up on one host, with its disk on one pool."""
    lab = job.lab
    host.warm_up()
    set_state(lab, vm, "Starting", host_id=host.id)
    disk = _root_disk(job, vm, host, pool)
    iso = _iso(job, vm, host, pool)
    job.progress("Starting")
    kind, _ = host.virt_type()
    machine = _machine(host, vm, disk, iso, pool["path"], kind)
    _refuse_second_qemu(host, vm)

    from cmk.lab.libvirt import domain

    domain.start(host.connection, machine)
    set_state(
        lab,
        vm,
        "Running",
        host_id=host.id,
        last_host_id=host.id,
        virt_type=kind,
        instance_name=machine.name,
    )


def _root_disk(job: Job, vm: sqlite3.Row, host: Host, pool: sqlite3.Row) -> sqlite3.Row:
    """The VM's root volume, ready on the pool: made now unless it is there."""
    store = job.lab.store
    volume = root_volume(job.lab, vm["id"])
    if volume["state"] == "Ready":
        return volume
    template = template_of(job.lab, vm)
    size, base = volume["size"], None
    if template["format"] != "ISO":
        copy = spool.ensure(job, host, pool, template)
        size, base = max(size or 0, copy["template_size"]), copy["install_path"]
    job.progress("Making the root disk")
    store.update(
        "volumes",
        volume["id"],
        state="Creating",
        pool_id=pool["id"],
        path=volume["uuid"],
        size=size,
        base_path=base,
    )

    from cmk.lab.libvirt import storage

    path = f"{pool['path']}/{base}" if base else ""
    base_format = "raw" if template["format"] == "RAW" else "qcow2"
    with host.pool(pool["uuid"], pool["path"]) as place:
        storage.create(place, volume["uuid"], size, path, base_format)
    store.update("volumes", volume["id"], state="Ready")
    return root_volume(job.lab, vm["id"])


def root_volume(lab: Lab, vm: int) -> sqlite3.Row:
    """The row of a VM's root disk."""
    row = lab.store.one(
        "SELECT * FROM volumes WHERE instance_id = ? AND volume_type = 'ROOT' AND removed IS NULL",
        vm,
    )
    assert row is not None  # made with the VM
    return row


def new_root_volume(
    lab: Lab, vm: int, size: int | None, template: int, offering: int | None
) -> None:
    """The row of a root disk that is to be made at the next start."""
    lab.store.insert(
        "volumes",
        uuid=new_uuid(),
        name=f"ROOT-{vm}",
        instance_id=vm,
        template_id=template,
        disk_offering_id=offering,
        size=size,
        created=now(),
    )


def _iso(job: Job, vm: sqlite3.Row, host: Host, pool: sqlite3.Row) -> str:
    """The path of the ISO in the VM's drive, on this pool; "" for an empty drive."""
    if vm["iso_id"] is None:
        return ""
    iso = job.lab.store.one("SELECT * FROM vm_template WHERE id = ?", vm["iso_id"])
    assert iso is not None  # its row stays when it is deleted
    copy = spool.ensure(job, host, pool, iso)
    return f"{pool['path']}/{copy['install_path']}"


def _machine(
    host: Host, vm: sqlite3.Row, disk: sqlite3.Row, iso: str, pool: str, virt_type: str
) -> Machine:
    from cmk.lab.libvirt.domain import Machine

    lab = host.lab
    return Machine(
        uuid=vm["uuid"],
        name=vm["instance_name"],
        title=vm["name"],
        lab_id=lab.id,
        virt_type=virt_type,
        cpus=vm["cpu"],
        memory=vm["ram_size"],
        disk=f"{pool}/{disk['path']}",
        mac=lab.store.value("SELECT mac_address FROM nics WHERE instance_id = ?", vm["id"]),
        log=host.console_log(pool, vm["instance_name"]),
        iso=iso,
        boots_from_iso=vm["iso_id"] is not None and vm["iso_id"] == vm["vm_template_id"],
    )


def _refuse_second_qemu(host: Host, vm: sqlite3.Row) -> None:
    """Never two QEMUs on one disk: one that libvirt does not know of must end first."""
    pid = host.agent.ask("guests").get(vm["uuid"])
    if pid is None:
        return

    from cmk.lab.libvirt import domain

    known = domain.find(host.connection, vm["uuid"], host.lab.id)
    if known is None or not domain.is_on(known):
        raise Unreachable(
            f"a QEMU of this VM runs on it (pid {pid}) that libvirt does not know of; "
            "end it before the VM is started"
        )


def hosts_of(lab: Lab, vm: sqlite3.Row) -> list[sqlite3.Row]:
    """The hosts on which something of this VM may be; one at least that reaches its disk."""
    rows = lab.store.rows(
        "SELECT h.* FROM host h WHERE h.removed IS NULL AND (h.id IN (?, ?) OR h.id IN "
        "(SELECT s.host_id FROM volumes v JOIN storage_pool s ON s.id = v.pool_id "
        "WHERE v.instance_id = ?))",
        vm["host_id"],
        vm["last_host_id"],
        vm["id"],
    )
    if rows:
        return rows
    pool = lab.store.value(
        "SELECT pool_id FROM volumes WHERE instance_id = ? AND removed IS NULL", vm["id"]
    )
    return pools.hosts_of(lab, pool)[:1] if pool else []


def rest(lab: Lab, vm: sqlite3.Row, off: str) -> None:
    """Write the state in which a host really has the VM: Running there, or else `off`."""
    from cmk.lab.libvirt import domain

    set_state(lab, vm, off)  # also where a host cannot be asked
    for row in hosts_of(lab, vm):
        with Host(lab, row) as host:
            known = domain.find(host.connection, vm["uuid"], lab.id)
            if known is not None and domain.is_on(known):
                set_state(lab, vm, "Running", host_id=host.id, last_host_id=host.id)
                return
    set_state(lab, vm, off, host_id=None)


def remove_from(host: Host, vm: sqlite3.Row) -> None:
    """Take a VM off a host: its domain, its volumes, its console's log."""
    from cmk.lab.libvirt import domain, storage

    lab = host.lab
    volumes = lab.store.rows(
        "SELECT v.id, v.path, s.uuid, s.path AS directory FROM volumes v "
        "JOIN storage_pool s ON s.id = v.pool_id WHERE v.instance_id = ? AND v.removed IS NULL "
        "AND v.path IS NOT NULL AND (s.host_id = ? OR s.scope <> 'HOST')",
        vm["id"],
        host.id,
    )
    known = domain.find(host.connection, vm["uuid"], lab.id)
    if known is not None:
        domain.stop(known, forced=True)
        domain.undefine(known)
    for volume in volumes:
        with host.pool(volume["uuid"], volume["directory"]) as place:
            storage.delete(place, volume["path"])
            if host.daemon is None and vm["instance_name"]:
                storage.delete(place, f"{vm['instance_name']}.log")
    lab.store.execute(
        "UPDATE volumes SET removed = ?, state = 'Expunged' WHERE instance_id = ? "
        "AND removed IS NULL",
        now(),
        vm["id"],
    )
    (lab.directory.console / f"{vm['instance_name']}.log").unlink(missing_ok=True)
