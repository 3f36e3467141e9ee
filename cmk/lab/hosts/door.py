"""The way from this machine to a port of a guest: through the lab's router, or by a forward of
QEMU's user mode that is there for as long as it is needed."""

from __future__ import annotations

import re
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cmk.errors import CmkError, Unreachable
from cmk.lab.hosts.guest import domain_of
from cmk.lab.hosts.host import OpenHost
from cmk.lab.lab import Lab
from cmk.lab.libvirt.namespace import Namespace
from cmk.lab.model.machine import Machine, MachineState
from cmk.lab.model.network import Nic

KNOCK = Path(__file__).with_name("knock.py")


class Door:
    """A port of a guest; `ssh` are the options with which ssh goes through it."""

    def __init__(self, ssh: list[str], target: str) -> None:
        self.ssh = ssh
        self.target = target

    def connect(self) -> socket.socket:
        """A connection to it. Raises Unreachable."""
        raise NotImplementedError


class _Routed(Door):
    """By the router, which hands connections out; nobody else on this machine can take the way."""

    def __init__(self, router: Namespace, address: str, port: int) -> None:
        self._router, self._address, self._port = router, address, port
        words = [sys.executable, "-I", "-S", str(KNOCK), str(router.control), address, str(port)]
        command = shlex.join(words).replace("%", "%%")
        super().__init__(["-o", f"ProxyCommand={command}", "-o", "ProxyUseFdpass=yes"], address)

    def connect(self) -> socket.socket:
        return self._router.connect(self._address, self._port)


class _Forwarded(Door):
    """By a port of this machine's loopback, which QEMU listens on."""

    def __init__(self, port: int) -> None:
        self._port = port
        super().__init__(["-p", str(port)], "127.0.0.1")

    def connect(self) -> socket.socket:
        try:
            return socket.create_connection(("127.0.0.1", self._port), timeout=5)
        except OSError as problem:
            raise Unreachable(f"The guest does not answer: {problem.strerror}.") from None


@contextmanager
def door_to(lab: Lab, vm: Machine, port: int) -> Iterator[Door]:
    """The way to a port of a running VM. Raises CmkError, Unreachable where there is none."""
    if vm.state != MachineState.RUNNING or vm.host_id is None:
        raise CmkError(
            f"{vm.name} is {vm.state}; it has to run.", f"start virtualmachine id={vm.uuid}"
        )
    nic = next((each for each in vm.nics(lab.store) if each.ip4_address), None)
    if nic is None:
        raise CmkError(f"{vm.name} has no address: it is on no network that gives any.")
    with OpenHost.of(lab, vm.host_id) as host:
        if not host.has_guests:
            raise CmkError("The VMs of this lab are only written down: there is nobody inside.")
        if nic.mode == Nic.ROUTER and host.daemon is not None and host.daemon.namespace:
            yield _Routed(host.daemon.namespace, str(nic.ip4_address), port)
        elif nic.mode == Nic.USER and ":///" in host.uri:
            with _forward(host, vm, port) as number:
                yield _Forwarded(number)
        else:
            raise Unreachable(f"No way leads from here to {vm.name} on the host {host.name}.")


@contextmanager
def _forward(host: OpenHost, vm: Machine, port: int) -> Iterator[int]:
    """A port of this machine's loopback that leads to a guest in QEMU's user mode."""
    known = domain_of(host, vm)
    if known is None:
        raise CmkError(f"{vm.name} is not on the host {host.name} any more.")
    before = _ports(known, port)
    told = _monitor(known, f"hostfwd_add hostnet0 tcp:127.0.0.1:0-:{port}")
    if told:
        raise Unreachable(f"QEMU opens no way to {vm.name}: {told}")
    [number] = _ports(known, port) - before
    try:
        yield number
    finally:
        _monitor(known, f"hostfwd_remove hostnet0 tcp:127.0.0.1:{number}")


def _ports(known: Any, port: int) -> set[int]:
    """The ports of this machine that lead to this one of the guest."""
    found = re.findall(
        r"TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)", _monitor(known, "info usernet")
    )
    return {int(here) for here, there in found if int(there) == port}


def _monitor(known: Any, command: str) -> str:
    import libvirt_qemu

    from cmk.lab.libvirt.connection import errors

    flags = libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP
    with errors("QEMU does not take the order"):
        return str(libvirt_qemu.qemuMonitorCommand(known, command, flags)).strip()
