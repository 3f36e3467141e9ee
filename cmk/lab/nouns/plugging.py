"""NICs that come to VMs, and leave them, after their deployment."""

from __future__ import annotations

from cmk.lab.call import Call
from cmk.lab.declaration import job
from cmk.lab.jobs import Task
from cmk.lab.model.machine import Machine, MachineState
from cmk.lab.model.network import Balanced, Network, Nic, PublicAddress, Rule
from cmk.lab.noun import Args
from cmk.lab.nouns.nic import address_on, refuse_foreign
from cmk.lab.nouns.virtual_machine import MACHINE, refuse_busy
from cmk.wire.faults import invalid


def _machine(call: Call, args: Args) -> Machine:
    vm = call.find(Machine, args["virtualmachineid"], "virtualmachineid")
    refuse_busy(call, vm)
    if vm.state not in (MachineState.RUNNING, MachineState.STOPPED):
        raise invalid(f"{vm.name} is {vm.state}; NICs are changed when it is Running or Stopped.")
    return vm


def _nic(call: Call, vm: Machine, uuid: str) -> Nic:
    found = next((nic for nic in vm.nics(call.store) if nic.uuid == uuid), None)
    if found is None:
        raise invalid(f"{vm.name} has no NIC {uuid}.")
    return found


@job(MACHINE)
def add_nic_to_virtual_machine(call: Call, args: Args) -> Task:
    """Puts a VM on another network, also while it runs.

    virtualmachineid*: the VM
    networkid*: the network
    ipaddress: its address there
    """
    vm = _machine(call, args)
    network = call.use(Network, args["networkid"], "networkid")
    refuse_foreign(call, network, vm.account_id)
    if any(nic.network_id == network.id for nic in vm.nics(call.store)):
        raise invalid(f"{vm.name} is on the network {network.name} already.")
    if network.data_center_id != vm.data_center_id:
        raise invalid(f"The network {network.name} is not in the zone of {vm.name}.")
    address = address_on(call.store, network, args.get("ipaddress"))
    nic = Nic.plug(call.store, call.lab.id, vm.id, network, address)
    return Task(vm, {"nic": nic.id})


@job(MACHINE)
def remove_nic_from_virtual_machine(call: Call, args: Args) -> Task:
    """Takes a VM off a network, also while it runs.

    virtualmachineid*: the VM
    nicid*: the NIC
    """
    vm = _machine(call, args)
    nic = _nic(call, vm, args["nicid"])
    if nic.is_default:
        raise invalid("This is the default NIC; make another one that first.")
    if any(kind.there(call.store, nic_id=nic.id) for kind in (Rule, PublicAddress, Balanced)):
        raise invalid("Public addresses lead to this NIC; delete their rules first.")
    return Task(vm, {"nic": nic.id})


@job(MACHINE)
def update_default_nic_for_virtual_machine(call: Call, args: Args) -> Task:
    """Says which NIC of a VM is the default one; its guest learns of it when it next boots.

    virtualmachineid*: the VM
    nicid*: the NIC
    """
    vm = _machine(call, args)
    nic = _nic(call, vm, args["nicid"])
    if nic.is_default:
        raise invalid("This is the default NIC already.")
    for each in vm.nics(call.store):
        each.update(call.store, is_default=int(each.id == nic.id))
    return Task(vm, answer=MACHINE.answer(call, vm))
