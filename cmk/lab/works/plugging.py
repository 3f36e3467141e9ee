"""NICs put into running VMs, and taken out of them."""

from __future__ import annotations

from cmk.lab.events import record
from cmk.lab.hosts.guest import domain_of
from cmk.lab.hosts.host import OpenHost
from cmk.lab.hosts.plug import implement, interface_of, plug_in
from cmk.lab.jobs import Job, Work
from cmk.lab.model.machine import Machine, MachineState
from cmk.lab.model.network import Nic
from cmk.lab.works.routing import route


def add(job: Job) -> None:
    """Put a new NIC into a VM, at once where that runs."""
    vm, nic = Machine.of(job.store, job.instance_id), Nic.of(job.store, job.info["nic"])
    with job.store.change():
        implement(job.store, nic.network(job.store))
    if vm.state == MachineState.RUNNING:
        with OpenHost.of(job.lab, vm.host_id) as host:
            known = domain_of(host, vm)
            if known is not None:
                from cmk.lab.libvirt import domain

                plug_in(job.lab, host, vm)
                domain.add_interface(known, interface_of(job.store, host, nic.again(job.store)))
    record(job.call, "NIC.CREATE", f"{vm.name} is on {nic.network(job.store).name}", vm)


def undo_add(job: Job, reason: str) -> None:
    """A NIC that could not be put in is not there."""
    nic = Nic.of(job.store, job.info["nic"])
    _take_out(job, Machine.of(job.store, job.instance_id), nic)
    nic.remove(job.store)
    route(job.lab)


def remove(job: Job) -> None:
    """Take a NIC out of a VM, at once where that runs."""
    vm, nic = Machine.of(job.store, job.instance_id), Nic.of(job.store, job.info["nic"])
    _take_out(job, vm, nic)
    nic.remove(job.store)
    route(job.lab)
    record(job.call, "NIC.DELETE", f"{vm.name} is not on {nic.network(job.store).name} now", vm)


def _take_out(job: Job, vm: Machine, nic: Nic) -> None:
    if vm.state != MachineState.RUNNING:
        return
    with OpenHost.of(job.lab, vm.host_id) as host:
        known = domain_of(host, vm)
        if known is not None:
            from cmk.lab.libvirt import domain

            domain.remove_interface(known, nic.mac_address)


def stands(job: Job, reason: str) -> None:
    """A NIC that could not be taken out stays."""


def readdress(job: Job) -> None:
    """Tell the router of the addresses that a VM has now."""
    vm = Machine.of(job.store, job.instance_id)
    route(job.lab)
    record(job.call, "NIC.SECONDARY.IP.CONFIGURE", f"{vm.name} has other addresses", vm)


ADD = Work(add, undo_add)
READDRESS = Work(readdress, stands)
REMOVE = Work(remove, stands)
