"""`cmk lab check`: what the store says against what there is; with --repair, mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from cmk.document import Json
from cmk.errors import CmkError
from cmk.lab.call import Call
from cmk.lab.events import record
from cmk.lab.hosts.host import OpenHost
from cmk.lab.hosts.pools import any_host
from cmk.lab.model.copy import Copy, DownloadState
from cmk.lab.model.host import Host
from cmk.lab.model.machine import Machine, MachineState, PlacedVolume
from cmk.lab.model.pool import Pool
from cmk.lab.model.template import Template

OFF = (MachineState.STOPPED, MachineState.ERROR, MachineState.DESTROYED)


class Finding(NamedTuple):
    """Something that is not as the store says, and what mends it (None: nobody can)."""

    kind: str
    name: str
    what: str
    mend: Callable[[], None] | None = None


def check(call: Call, repair: bool) -> list[Json]:
    """All findings; mended where that is wanted and possible."""
    rows = []
    for finding in _findings(call):
        mended = "no"
        if repair and finding.mend is not None:
            finding.mend()
            record(call, "LAB.REPAIR", f"{finding.kind} {finding.name}: {finding.what}; mended")
            mended = "yes"
        rows.append(
            {
                "kind": finding.kind,
                "name": finding.name,
                "problem": finding.what,
                "mended": mended if finding.mend is not None else "cannot",
            }
        )
    return rows


def _findings(call: Call) -> Iterator[Finding]:
    for row in Host.there(call.store):
        with OpenHost(call.lab, row) as host:
            try:
                yield from _of_host(call, host)
            except CmkError as problem:
                yield Finding("host", host.name, f"it does not answer: {problem.message}")
    yield from _copies(call)
    for vm in Machine.stuck(call.store):
        what = f"it is {vm.state}, and no job is about it"
        yield Finding("vm", vm.name, what, partial(_rest, call, vm))
    yield from different_copies(call)


def _of_host(call: Call, host: OpenHost) -> Iterator[Finding]:
    """Domains of this lab that the store does not have there, and VMs that are not there."""
    from cmk.lab.libvirt import domain
    from cmk.lab.libvirt.connection import errors

    with errors(f"libvirt on {host.name} does not list its VMs"):
        mine = {
            known.UUIDString(): known
            for known in host.connection.listAllDomains(0)
            if domain.owner_of(known) == call.lab.id
        }
    vms = {vm.uuid: vm for vm in Machine.there(call.store)}
    for uuid, known in mine.items():
        vm = vms.get(uuid)
        elsewhere = vm is not None and vm.host_id not in (None, host.id)
        if vm is None or elsewhere:
            what = "a domain of this lab that no VM has" if vm is None else "its VM is elsewhere"
            yield Finding("domain", known.name(), what, partial(domain.remove, known))
        elif domain.is_on(known) and vm.state in OFF:
            what = f"it runs on {host.name}, and the store says {vm.state}"
            yield Finding("vm", vm.name, what, partial(domain.stop, known, forced=True))
    for vm in vms.values():
        if vm.host_id == host.id and vm.state == MachineState.RUNNING and vm.uuid not in mine:
            what = f"its domain on {host.name} is gone"
            yield Finding("vm", vm.name, what, partial(_rest, call, vm))
    for uuid, pid in host.agent.ask("guests").items():
        if uuid in vms and uuid not in mine and vms[uuid].host_id in (None, host.id):
            yield Finding("qemu", vms[uuid].name, f"pid {pid} on {host.name} is not libvirt's")
    yield from _disks(call, host)


def _rest(call: Call, vm: Machine) -> None:
    vm.become(call.store, MachineState.STOPPED, host_id=None)


def _disks(call: Call, host: OpenHost) -> Iterator[Finding]:
    """Root disks that are not on their pool any more: the VM can be reinstalled only."""
    for disk in PlacedVolume.seen_from(call.store, host.row):
        if host.agent.ask("facts", pool=disk.directory, name=disk.path) is None:
            yield Finding(
                "disk",
                disk.machine,
                f"{disk.directory}/{disk.path} is gone; a new one is made from the template "
                "at its next start",
                partial(disk.unmake, call.store),
            )


def _copies(call: Call) -> Iterator[Finding]:
    """Copies of templates that are not as they were recorded."""
    for copy in Copy.there(call.store, download_state=DownloadState.DOWNLOADED):
        pool = Pool.of(call.store, copy.pool_id)
        try:
            with any_host(call.lab, pool) as host:
                found = host.agent.ask("facts", pool=pool.path, name=copy.install_path)
        except CmkError:
            continue  # its host was told of above
        if found != copy.facts:
            what = "is gone" if found is None else "was changed behind the lab's back"
            yield Finding(
                "copy",
                Template.of(call.store, copy.template_id).name,
                f"its copy on {pool.name} {what}; the next VM downloads it again",
                partial(_forget, call, copy),
            )


def _forget(call: Call, copy: Copy) -> None:
    with call.store.change():
        copy.forget(call.store)


def different_copies(call: Call) -> Iterator[Finding]:
    """Templates of which pools have different bytes: VMs of one name that are not alike."""
    by_template: dict[int, list[Copy]] = {}
    for copy in Copy.there(call.store, download_state=DownloadState.DOWNLOADED):
        by_template.setdefault(copy.template_id, []).append(copy)
    for template, copies in by_template.items():
        if len({copy.stored_digest for copy in copies}) > 1:
            pools = ", ".join(
                f"{Pool.of(call.store, copy.pool_id).name} {str(copy.stored_digest)[:12]}"
                for copy in copies
            )
            yield Finding(
                "template",
                Template.of(call.store, template).name,
                f"its copies differ ({pools}); prepare template … refresh=true makes them alike",
            )
