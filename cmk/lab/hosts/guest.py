"""A VM on one host: its domain, what is left of it there, and whether it runs."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

from cmk.errors import Unreachable
from cmk.lab.hosts.host import OpenHost
from cmk.lab.hosts.seed_disk import name_of, needs_seed
from cmk.lab.lab import Lab
from cmk.lab.model.machine import Machine, MachineState
from cmk.lab.model.pool import Pool


def domain_of(host: OpenHost, vm: Machine) -> Any | None:
    """A VM's domain on a host, None where it has none. Raises Unreachable."""
    if not host.has_guests:
        return None
    from cmk.lab.libvirt import domain

    return domain.find(host.connection, vm.uuid, host.lab.id)


def switch_off(host: OpenHost, vm: Machine, forced: bool) -> None:
    """By its power button, by force where that does nothing or is not wanted."""
    from cmk.lab.libvirt import domain

    known = domain_of(host, vm)
    if known is not None:
        domain.stop(known, forced)


def refuse_second_qemu(host: OpenHost, vm: Machine) -> None:
    """Never two QEMUs on one disk: one that libvirt does not know of must end first."""
    from cmk.lab.libvirt import domain

    pid = host.agent.ask("guests").get(vm.uuid)
    if pid is None:
        return
    known = domain_of(host, vm)
    if known is None or not domain.is_on(known):
        raise Unreachable(
            f"a QEMU of this VM runs on it (pid {pid}) that libvirt does not know of; "
            "end it before the VM is started"
        )


def rest(lab: Lab, vm: Machine, off: MachineState) -> None:
    """Write the state in which a host really has the VM: Running there, or else `off`."""
    from cmk.lab.libvirt import domain

    vm.become(lab.store, off)  # also where a host cannot be asked
    for row in vm.hosts(lab.store):
        with OpenHost(lab, row) as host:
            known = domain_of(host, vm)
            if known is not None and domain.is_on(known):
                vm.become(lab.store, MachineState.RUNNING, host_id=host.id, last_host_id=host.id)
                return
    vm.become(lab.store, off, host_id=None)


def remove_from(host: OpenHost, vm: Machine) -> None:
    """Take a VM off a host: its domain, its volumes, its console's log."""
    from cmk.lab.libvirt import domain, storage

    lab = host.lab
    known = domain_of(host, vm)
    if known is not None:
        domain.remove(known)
    for volume in vm.disks(lab.store):
        if not volume.path:
            continue
        pool = Pool.of(lab.store, volume.pool_id)
        if pool.scope == "HOST" and pool.host_id != host.id:
            continue
        with host.pool(pool) as place:
            storage.delete(place, volume.path)
            if needs_seed(lab.store, vm):
                storage.delete(place, name_of(vm))
            if host.daemon is None and vm.instance_name:
                storage.delete(place, f"{vm.instance_name}.log")
    vm.lose_disks(lab.store)
    (lab.directory.console / f"{vm.instance_name}.log").unlink(missing_ok=True)


def open_screen(host: OpenHost, vm: Machine) -> socket.socket:
    """The VNC of a VM's screen, as a socket of its own, whatever password it has.

    Raises Unreachable for a VM that is not on the host, and for hosts on other machines: libvirt
    hands a socket over on its own machine only.
    """
    from cmk.lab.libvirt.connection import errors, load

    if urlsplit(host.uri).hostname:
        raise Unreachable(f"{host.name} is another machine; screens are shown of VMs on this one.")
    domain = domain_of(host, vm)
    if domain is None:
        raise Unreachable(f"{vm.name} is not on the host {host.name} any more.")
    with errors(f"libvirt does not show the screen of {vm.name}"):
        number = domain.openGraphicsFD(0, load().VIR_DOMAIN_OPEN_GRAPHICS_SKIPAUTH)
    return socket.socket(fileno=number)
