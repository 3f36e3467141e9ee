"""What really is: the store's hosts and VMs compared with what the hosts show now.

Only the hosts of the rows that are shown are asked, all at once, and none for longer than a second;
where one does not answer, the last known state stands, and stderr says since when.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from threading import Thread
from typing import TYPE_CHECKING, Any

from cmk.errors import CmkError
from cmk.lab.events import record
from cmk.lab.hosts.host import Host
from cmk.lab.store import now

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

#: Seconds that a host is waited for; the lab's own daemon may have to start first.
PATIENCE = 1.0
OWN_PATIENCE = 20.0


def refresh(lab: Lab, rows: list[sqlite3.Row]) -> bool:
    """Mark VMs that say Running and are off as Stopped, those that were found on as Running;
    whether there were any."""
    running = [row for row in rows if row["state"] == "Running" and row["host_id"] is not None]
    ids = ",".join(str(id) for id in sorted({row["host_id"] for row in running}))
    hosts = lab.store.rows(f"SELECT * FROM host WHERE id IN ({ids})") if ids else []
    changed = False
    for host, on in _ask_all(lab, hosts, _guests_on).items():
        if isinstance(on, CmkError):
            continue
        for row in running:
            if row["host_id"] == host and row["uuid"] not in on:
                changed |= _found_off(lab, row)
    return changed


def look_at(lab: Lab, rows: list[sqlite3.Row]) -> None:
    """Ask hosts whether they answer, and write that down; the lab's own needs no asking."""
    _ask_all(lab, [row for row in rows if row["url"] != "embedded"], _answers)


def _ask_all(
    lab: Lab, rows: list[sqlite3.Row], question: Callable[[_Connected], Any]
) -> dict[int, Any]:
    """By host, its answer or the CmkError that it gave. Hosts are asked side by side."""
    answers: dict[int, Any] = {}
    hosts = [Host(lab, row) for row in rows]
    for host in hosts:
        _ = host.reach.uri  # whatever needs the store, before threads begin
    threads = {
        host: Thread(target=_ask, args=(host, question, answers), daemon=True) for host in hosts
    }
    for thread in threads.values():
        thread.start()
    began = time.monotonic()
    for host, thread in threads.items():
        patience = OWN_PATIENCE if host.daemon is not None else PATIENCE
        thread.join(max(began + patience - time.monotonic(), 0.0))
        answer = answers.setdefault(host.id, CmkError(f"it did not answer within {patience:.0f} s"))
        if isinstance(answer, CmkError):
            host.missed(answer)
            since = f" since {host.row['last_seen']}" if host.row["last_seen"] else ""
            lab.environment.say(
                f"Host {host.name} does not answer{since}, its VMs are shown as last known: "
                f"{answer}"
            )
        elif host.row["status"] != "Up" or host.row["url"] != "embedded":
            host.seen()
    return answers


def _ask(host: Host, question: Callable[[_Connected], Any], answers: dict[int, Any]) -> None:
    from cmk.lab.libvirt.connection import connect

    try:
        uri = host.daemon.ensure() if host.daemon is not None else host.reach.uri
        connection = connect(uri)
        try:
            answers[host.id] = question(_Connected(host.name, connection))
        finally:
            connection.close()
    except CmkError as problem:
        answers[host.id] = problem


class _Connected:
    """A host in a thread of its own: nothing of the store may be touched there."""

    def __init__(self, name: str, connection: Any) -> None:
        self.name = name
        self.connection = connection


def _answers(host: _Connected) -> bool:
    from cmk.lab.libvirt.connection import errors

    with errors(f"libvirt on {host.name} does not answer"):
        return bool(host.connection.getHostname())


def _guests_on(host: _Connected) -> set[str]:
    """The UUIDs of the lab's domains that are active on a host."""
    from cmk.lab.libvirt.connection import errors, load

    libvirt = load()
    with errors(f"libvirt on {host.name} does not list its VMs"):
        domains: Iterable[Any] = host.connection.listAllDomains(
            libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE
        )
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
