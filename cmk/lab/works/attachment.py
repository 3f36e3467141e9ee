"""The CD-ROM drive of a VM: an ISO put in, taken out, on a running or a stopped VM."""

from __future__ import annotations

from typing import Any

from cmk.lab.events import record
from cmk.lab.hosts.host import Host
from cmk.lab.jobs import Job, Work
from cmk.lab.virtual_machine_rows import one_row
from cmk.lab.works import spool
from cmk.lab.works.deployment import machine_row, root_volume

Json = dict[str, Any]


def attach(job: Job) -> Json:
    """Put an ISO in; a running VM's host downloads it first, a stopped VM's when it starts."""
    store = job.lab.store
    iso = store.one("SELECT * FROM vm_template WHERE id = ?", job.info["iso"])
    assert iso is not None  # its row stays when it is deleted
    vm = machine_row(job.lab, job.instance_id)
    store.update("vm_instance", vm["id"], iso_id=iso["id"])  # so that nobody collects its copy
    if vm["state"] == "Running":
        with Host.of(job.lab, vm["host_id"]) as host:
            disk = root_volume(job.lab, vm["id"])
            pool = store.one("SELECT * FROM storage_pool WHERE id = ?", disk["pool_id"])
            assert pool is not None  # a running VM's disk is on one
            copy = spool.ensure(job, host, pool, iso)
            _change(job, host, vm["uuid"], f"{pool['path']}/{copy['install_path']}")
    record(job.lab, "ISO.ATTACH", f"Attached {iso['name']} to {vm['name']}", "Iso", iso["uuid"])
    return {"virtualmachine": one_row(job.lab, vm["id"])}


def detach(job: Job) -> Json:
    """Take out what is in the drive."""
    vm = machine_row(job.lab, job.instance_id)
    if vm["state"] == "Running":
        with Host.of(job.lab, vm["host_id"]) as host:
            _change(job, host, vm["uuid"], "")
    job.lab.store.update("vm_instance", vm["id"], iso_id=None)
    record(job.lab, "ISO.DETACH", f"Detached the ISO of {vm['name']}", "VirtualMachine", vm["uuid"])
    return {"virtualmachine": one_row(job.lab, vm["id"])}


def _change(job: Job, host: Host, uuid: str, iso: str) -> None:
    from cmk.errors import ApiError
    from cmk.lab.libvirt import domain

    known = domain.find(host.connection, uuid, job.lab.id)
    if known is None:
        raise ApiError(530, f"The VM is not on the host {host.name} any more.")
    domain.change_iso(known, iso)


def undo(job: Job, reason: str) -> None:
    """The drive holds what it held."""
    spool.give_up(job, reason)
    if "was" in job.info:
        job.lab.store.update("vm_instance", job.instance_id or 0, iso_id=job.info["was"])
    vm = machine_row(job.lab, job.instance_id)
    record(
        job.lab,
        "ISO.ATTACH",
        f"{job.cmd} of {vm['name']} failed: {reason}",
        "VirtualMachine",
        vm["uuid"],
        level="ERROR",
    )


ATTACH = Work(attach, undo)
DETACH = Work(detach, undo)
