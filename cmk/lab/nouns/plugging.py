"""NICs that come to VMs, and leave them, after their deployment."""

from __future__ import annotations

from cmk.lab.call import Call
from cmk.lab.declaration import DONE, job
from cmk.lab.jobs import Task
from cmk.lab.model.machine import Machine, MachineState
from cmk.lab.model.network import Balanced, Network, Nic, PublicAddress, Rule, SecondaryAddress
from cmk.lab.noun import Args
from cmk.lab.nouns.nic import address_on, refuse_foreign
from cmk.lab.nouns.virtual_machine import MACHINE, refuse_busy
from cmk.lab.store import now
from cmk.wire.faults import invalid

#: Further addresses that a NIC may have: several accounts share those of a Shared network.
MOST_ADDRESSES = 10


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


@job("id ipaddress nicid networkid virtualmachineid")
def add_ip_to_nic(call: Call, args: Args) -> Task:
    """Gives a NIC one more address, which its guest sets itself.

    nicid*: the NIC
    ipaddress: the address (default: a free one)
    """
    vm, nic = _nic_of_caller(call, args["nicid"])
    if len(nic.secondary(call.store)) >= MOST_ADDRESSES:
        raise invalid(f"The NIC has {MOST_ADDRESSES} further addresses, which are the most.")
    network = nic.network(call.store)
    address = address_on(call.store, network, args.get("ipaddress"))
    if address is None:
        raise invalid(f"The network {network.name} gives no addresses.")
    made = SecondaryAddress.add(
        call.store, nic_id=nic.id, ip4_address=address, account_id=vm.account_id, created=now()
    )
    told = {
        "id": made.uuid,
        "ipaddress": address,
        "nicid": nic.uuid,
        "networkid": network.uuid,
        "virtualmachineid": vm.uuid,
    }
    return Task(vm, {"told": told})


@job(DONE)
def remove_ip_from_nic(call: Call, args: Args) -> Task:
    """Takes one of its further addresses from a NIC.

    id*: the address's id
    """
    address = call.find(SecondaryAddress, args["id"])
    nic = Nic.of(call.store, address.nic_id)
    for kind in (Rule, PublicAddress):
        if kind.there(call.store, nic_id=nic.id, dest_ip_address=address.ip4_address):
            raise invalid(f"A public address leads to {address.ip4_address}.")
    address.remove(call.store)
    return Task(Machine.of(call.store, nic.instance_id))


@job(MACHINE)
def update_vm_nic_ip(call: Call, args: Args) -> Task:
    """Gives a NIC of a stopped VM another address.

    nicid*: the NIC
    ipaddress: the address (default: a free one)
    """
    vm, nic = _nic_of_caller(call, args["nicid"])
    refuse_busy(call, vm)
    if vm.state != MachineState.STOPPED:
        raise invalid(f"{vm.name} is {vm.state}; its address is changed when it is Stopped.")
    if any(kind.there(call.store, nic_id=nic.id) for kind in (Rule, PublicAddress, Balanced)):
        raise invalid("Public addresses lead to this NIC; delete their rules first.")
    address = address_on(call.store, nic.network(call.store), args.get("ipaddress"))
    nic.update(call.store, ip4_address=address)
    return Task(vm, answer=MACHINE.answer(call, vm))


def _nic_of_caller(call: Call, uuid: str) -> tuple[Machine, Nic]:
    """A NIC of a VM that the caller may touch."""
    nic = call.find(Nic, uuid, "nicid")
    vm = call.find(Machine, Machine.of(call.store, nic.instance_id).uuid, "virtualmachineid")
    return vm, nic
