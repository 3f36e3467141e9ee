"""What really is: the store's hosts and VMs compared with what the hosts show now.

Only the hosts of the rows that are shown are asked, all at once, and none for longer than a second;
where one does not answer, the last known state stands, and whoever asks is told since when.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from threading import Thread
from typing import Any, NamedTuple

from cmk.errors import CmkError
from cmk.lab.call import Call
from cmk.lab.events import record
from cmk.lab.hosts.host import OpenHost
from cmk.lab.model.host import Host, HostState
from cmk.lab.model.machine import Machine
from cmk.lab.settings import GUESTS, flag

#: Seconds that a host is waited for; the lab's own daemon may have to start first.
PATIENCE = 1.0
OWN_PATIENCE = 20.0


class _Connected(NamedTuple):
    """A host in a thread of its own: nothing of the store may be touched there."""

    name: str
    connection: Any


def refresh(call: Call, running: list[Machine]) -> bool:
    """Mark VMs that are called Running and are off as Stopped; whether there were any."""
    if not flag(call.store, GUESTS):
        return False
    hosts = Host.among(call.store, {vm.host_id for vm in running if vm.host_id is not None})
    changed = False
    for host, on in _ask_all(call, hosts, _guests_on).items():
        if isinstance(on, CmkError):
            continue
        for vm in running:
            if vm.host_id == host and vm.uuid not in on and vm.found_off(call.store):
                record(call, "VM.STOP", f"{vm.name} was found off on its host", vm, level="WARN")
                changed = True
    return changed


def look_at(call: Call, hosts: list[Host]) -> None:
    """Ask hosts whether they answer, and write that down; the lab's own needs no asking."""
    _ask_all(call, hosts, _answers)


def _ask_all(call: Call, rows: list[Host], question: Callable[[_Connected], Any]) -> dict[int, Any]:
    """By host, its answer or the CmkError that it gave. Hosts are asked side by side."""
    answers: dict[int, Any] = {}
    hosts = [OpenHost(call.lab, row) for row in rows]
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
        row = host.row
        if isinstance(answer, CmkError):
            row.missed(call.store, answer.message)
            since = f" since {row.last_seen}" if row.last_seen else ""
            call.tell(
                f"Host {host.name} does not answer{since}, its VMs are shown as last known: "
                f"{answer}"
            )
        elif row.status != HostState.UP or not row.is_embedded:
            row.answered(call.store)
    return answers


def _ask(host: OpenHost, question: Callable[[_Connected], Any], answers: dict[int, Any]) -> None:
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


def _answers(host: _Connected) -> bool:
    from cmk.lab.libvirt.connection import errors

    with errors(f"libvirt on {host.name} does not answer"):
        return bool(host.connection.getHostname())


def _guests_on(host: _Connected) -> set[str]:
    """The UUIDs of the domains that are active on a host."""
    from cmk.lab.libvirt.connection import errors, load

    libvirt = load()
    with errors(f"libvirt on {host.name} does not list its VMs"):
        domains: Iterable[Any] = host.connection.listAllDomains(
            libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE
        )
        return {domain.UUIDString() for domain in domains}
