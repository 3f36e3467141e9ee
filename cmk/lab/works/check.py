"""`cmk lab check`: what the store says against what there is; with --repair, mended."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from cmk.errors import CmkError
from cmk.lab.events import record
from cmk.lab.hosts.host import Host
from cmk.lab.hosts.pools import REACHES, any_host
from cmk.lab.store import now

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

Json = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """Something that is not as the store says, and what mends it (None: nobody can)."""

    kind: str
    name: str
    what: str
    mend: Callable[[], None] | None = None


def check(lab: Lab, repair: bool) -> list[Json]:
    """All findings; mended where that is wanted and possible."""
    rows = []
    for finding in _findings(lab):
        mended = "no"
        if repair and finding.mend is not None:
            finding.mend()
            record(lab, "LAB.REPAIR", f"{finding.kind} {finding.name}: {finding.what}; mended")
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


def _findings(lab: Lab) -> Iterator[Finding]:
    for row in lab.store.rows("SELECT * FROM host WHERE removed IS NULL ORDER BY id"):
        with Host(lab, row) as host:
            try:
                yield from _of_host(lab, host)
            except CmkError as problem:
                yield Finding("host", host.name, f"it does not answer: {problem.message}")
    yield from _copies(lab)
    yield from _stuck(lab)
    yield from different_copies(lab)


def _of_host(lab: Lab, host: Host) -> Iterator[Finding]:
    """Domains of this lab that the store does not have there, and VMs that are not there."""
    from cmk.lab.libvirt import domain
    from cmk.lab.libvirt.connection import errors

    with errors(f"libvirt on {host.name} does not list its VMs"):
        mine = {
            known.UUIDString(): known
            for known in host.connection.listAllDomains(0)
            if domain.owner_of(known) == lab.id
        }
    vms = {
        row["uuid"]: row
        for row in lab.store.rows("SELECT * FROM vm_instance WHERE removed IS NULL")
    }
    for uuid, known in mine.items():
        vm = vms.get(uuid)
        elsewhere = vm is not None and vm["host_id"] not in (None, host.id)
        if vm is None or elsewhere:
            what = "a domain of this lab that no VM has" if vm is None else "its VM is elsewhere"
            yield Finding("domain", known.name(), what, partial(_end, known))
        elif domain.is_on(known) and vm["state"] in ("Stopped", "Error", "Destroyed"):
            yield Finding(
                "vm",
                vm["name"],
                f"it runs on {host.name}, and the store says {vm['state']}",
                partial(domain.stop, known, forced=True),
            )
    for vm in vms.values():
        if vm["host_id"] == host.id and vm["state"] == "Running" and vm["uuid"] not in mine:
            yield Finding(
                "vm", vm["name"], f"its domain on {host.name} is gone", partial(_rest, lab, vm)
            )
    guests = host.agent.ask("guests")
    for uuid, pid in guests.items():
        if uuid in vms and uuid not in mine and vms[uuid]["host_id"] in (None, host.id):
            yield Finding("qemu", vms[uuid]["name"], f"pid {pid} on {host.name} is not libvirt's")
    yield from _disks(lab, host)


def _end(known: Any) -> None:
    from cmk.lab.libvirt import domain

    domain.stop(known, forced=True)
    domain.undefine(known)


def _rest(lab: Lab, vm: sqlite3.Row) -> None:
    lab.store.update("vm_instance", vm["id"], state="Stopped", host_id=None, update_time=now())


def _lose_disk(lab: Lab, volume: int) -> None:
    lab.store.update("volumes", volume, state="Allocated", pool_id=None, path=None, base_path=None)


def _disks(lab: Lab, host: Host) -> Iterator[Finding]:
    """Root disks that are not on their pool any more: the VM can be reinstalled only."""
    rows = lab.store.rows(
        "SELECT v.id, v.path, s.path AS directory, m.name, m.state FROM volumes v "
        "JOIN storage_pool s ON s.id = v.pool_id JOIN vm_instance m ON m.id = v.instance_id "
        f"JOIN host h ON {REACHES} WHERE h.id = ? AND v.state = 'Ready' AND v.removed IS NULL "
        "AND m.removed IS NULL AND (s.scope = 'HOST' OR h.id = (SELECT min(o.id) FROM host o "
        "WHERE o.removed IS NULL AND o.data_center_id = s.data_center_id))",
        host.id,
    )
    for row in rows:
        if host.agent.ask("facts", pool=row["directory"], name=row["path"]) is None:
            yield Finding(
                "disk",
                row["name"],
                f"{row['directory']}/{row['path']} is gone; a new one is made from the template "
                "at its next start",
                partial(_lose_disk, lab, row["id"]),
            )


def _copies(lab: Lab) -> Iterator[Finding]:
    """Copies of templates that are not as they were recorded."""
    rows = lab.store.rows(
        "SELECT c.*, t.name AS template, s.path AS directory, s.name AS pool "
        "FROM template_spool_ref c JOIN vm_template t ON t.id = c.template_id "
        "JOIN storage_pool s ON s.id = c.pool_id WHERE c.download_state = 'DOWNLOADED'"
    )
    for row in rows:
        recorded = {"size": row["physical_size"], "inode": row["inode"], "mtime": row["mtime"]}
        try:
            with any_host(lab, row["pool_id"]) as host:
                found = host.agent.ask("facts", pool=row["directory"], name=row["install_path"])
        except CmkError:
            continue  # its host was told of above
        if found != recorded:
            what = "is gone" if found is None else "was changed behind the lab's back"
            yield Finding(
                "copy",
                row["template"],
                f"its copy on {row['pool']} {what}; the next VM downloads it again",
                partial(_forget, lab, row),
            )


def _forget(lab: Lab, row: sqlite3.Row) -> None:
    from cmk.lab.works.spool import orphan

    with lab.store.change():
        orphan(lab.store, row, row["install_path"])
        lab.store.execute("DELETE FROM template_spool_ref WHERE id = ?", row["id"])


def _stuck(lab: Lab) -> Iterator[Finding]:
    """VMs in the middle of something that no job is about."""
    rows = lab.store.rows(
        "SELECT * FROM vm_instance m WHERE removed IS NULL "
        "AND state IN ('Starting', 'Stopping', 'Expunging') AND NOT EXISTS (SELECT 1 "
        "FROM async_job j WHERE j.job_status = 0 AND j.instance_type = 'VirtualMachine' "
        "AND j.instance_id = m.id)"
    )
    for row in rows:
        yield Finding(
            "vm",
            row["name"],
            f"it is {row['state']}, and no job is about it",
            partial(_rest, lab, row),
        )


def different_copies(lab: Lab) -> Iterator[Finding]:
    """Templates of which pools have different bytes: VMs of one name that are not alike."""
    rows = lab.store.rows(
        "SELECT t.name, group_concat(s.name || ' ' || substr(c.stored_digest, 1, 12), ', ') "
        "AS pools FROM template_spool_ref c JOIN vm_template t ON t.id = c.template_id "
        "JOIN storage_pool s ON s.id = c.pool_id WHERE c.download_state = 'DOWNLOADED' "
        "GROUP BY t.id HAVING count(DISTINCT c.stored_digest) > 1"
    )
    for row in rows:
        yield Finding(
            "template",
            row["name"],
            f"its copies differ ({row['pools']}); prepare template … refresh=true makes them alike",
        )
