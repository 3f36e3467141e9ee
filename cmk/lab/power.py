"""What really runs: the store's VMs compared with what their hosts show."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from cmk.errors import CmkError
from cmk.lab.events import record
from cmk.lab.host import Host
from cmk.lab.store import now

if TYPE_CHECKING:
    from cmk.lab.engine import Lab


def refresh(lab: Lab, rows: list[sqlite3.Row]) -> bool:
    """Mark VMs that say Running and are off as Stopped; whether there were any.

    Only the hosts of these rows are asked. Where one does not answer, its VMs keep the state they
    had, and stderr says so.
    """
    running = [row for row in rows if row["state"] == "Running" and row["host_id"] is not None]
    changed = False
    for id in sorted({row["host_id"] for row in running}):
        with Host.of(lab, id) as host:
            try:
                on = _guests_on(host)
            except CmkError as problem:
                lab.environment.say(
                    f"Host {host.name} does not answer, its VMs are shown as last known: {problem}"
                )
                continue
        for row in running:
            if row["host_id"] == id and row["uuid"] not in on:
                changed |= _found_off(lab, row)
    return changed


def _guests_on(host: Host) -> set[str]:
    """The UUIDs of the lab's domains that are active on a host."""
    from cmk.lab.libvirt.connection import errors, load

    libvirt = load()
    with errors(f"libvirt on {host.name} does not list its VMs"):
        domains = host.connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
        return {domain.UUIDString() for domain in domains}


def _found_off(lab: Lab, row: sqlite3.Row) -> bool:
    """Unless a job has changed the row since it was read."""
    count = lab.store.execute(
        "UPDATE vm_instance SET state = 'Stopped', host_id = NULL, update_time = ? "
        "WHERE id = ? AND state = 'Running' AND update_time = ?",
        now(),
        row["id"],
        row["update_time"],
    )
    if count:
        record(
            lab,
            "VM.STOP",
            f"{row['name']} was found off on its host",
            "VirtualMachine",
            row["uuid"],
            level="WARN",
        )
    return bool(count)
