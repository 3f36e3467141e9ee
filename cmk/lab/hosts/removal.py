"""Taking a host out of the lab, with its own pool and what is on it."""

from __future__ import annotations

from contextlib import suppress

from cmk.errors import CmkError
from cmk.lab.call import Call
from cmk.lab.events import record
from cmk.lab.hosts.guest import remove_from
from cmk.lab.hosts.host import OpenHost
from cmk.lab.model.host import Host
from cmk.lab.model.machine import Machine, MachineState
from cmk.lab.model.pool import Pool
from cmk.wire.faults import invalid


def remove(call: Call, host: Host, forced: bool) -> None:
    """VMs are a reason not to, unless forced; then those whose disk goes with the host end in
    Error. Raises ApiError 431, Unreachable where it cannot be cleared and is not forced."""
    vms = Machine.tied_to(call.store, host)
    if vms and not forced:
        names = ", ".join(vm.name for vm in vms)
        raise invalid(f"VMs are on the host {host.name}: {names}; forced=true gives them up.")
    pools = Pool.there(call.store, host_id=host.id)
    with OpenHost(call.lab, host) as opened:
        for vm in vms:
            _give_up(call, opened, vm)
        try:
            for pool in pools:
                for name in pool.files(call.store):
                    opened.agent.ask("remove", pool=pool.path, name=name)
        except CmkError as problem:
            if not forced:
                raise
            call.tell(f"What is on {host.name} stays there: {problem.message}")
    with call.store.change():
        for pool in pools:
            pool.forget_files(call.store)
            pool.lose_disks(call.store)
            pool.remove(call.store)
        host.forget_leftovers(call.store)
        host.remove(call.store)


def _give_up(call: Call, host: OpenHost, vm: Machine) -> None:
    with suppress(CmkError):  # the host is gone, and its VMs with it: that is what forced says
        remove_from(host, vm)
    vm.become(call.store, MachineState.ERROR, host_id=None)
    record(
        call, "VM.FAILURE", f"{vm.name} was given up with its host {host.name}", vm, level="ERROR"
    )
