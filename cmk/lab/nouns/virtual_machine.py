"""VMs: list, change, and their life between start and expunge."""

from __future__ import annotations

from typing import Any

from cmk.document import Json
from cmk.errors import ApiError
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, job
from cmk.lab.jobs import Task
from cmk.lab.model.account import Account
from cmk.lab.model.affinity import AffinityGroup
from cmk.lab.model.copy import is_ready
from cmk.lab.model.host import Host
from cmk.lab.model.job import AsyncJob
from cmk.lab.model.machine import OFF, Machine, MachineState
from cmk.lab.model.place import Cluster, Pod, Zone
from cmk.lab.model.record import Record
from cmk.lab.model.security_group import SecurityGroup
from cmk.lab.model.template import Template
from cmk.lab.noun import Args, Noun, Row
from cmk.lab.nouns.nic import nics_of
from cmk.lab.ownership import require
from cmk.wire.faults import failed, invalid

RUNNING, STOPPED, STOPPING = MachineState.RUNNING, MachineState.STOPPED, MachineState.STOPPING


def _nics(call: Call, rows: list[Row]) -> None:
    numbers = [row["row_id"] for row in rows]
    by_machine, groups = nics_of(call, numbers), AffinityGroup.of_all(call.store, numbers)
    guarding = SecurityGroup.of_all(call.store, numbers)
    for row in rows:
        row["securitygroup"] = guarding.get(row["row_id"], [])
        row["affinitygroup"] = groups.get(row["row_id"], [])
        row["nic"] = by_machine.get(row["row_id"], [])
        row["ipaddress"] = next(
            (nic["ipaddress"] for nic in row["nic"] if "ipaddress" in nic), None
        )
        if not call.caller.is_root:  # where it runs is not for users, as in CloudStack
            row["hostid"] = row["hostname"] = row["instancename"] = None


MACHINE = Noun(
    "virtualmachine",
    "listVirtualMachines",
    "user_vm_view",
    "id name displayname account userid username domain domainid domainpath project "
    "projectid created state haenable zoneid zonename hostid "
    "hostname templateid templatename templatedisplaytext passwordenabled isoid isoname "
    "isodisplaytext serviceofferingid serviceofferingname cpunumber cpuspeed memory guestosid "
    "ostypeid osdisplayname rootdeviceid rootdevicetype nic hypervisor instancename displayvm "
    "lastupdated ipaddress keypairs userdataid userdataname affinitygroup securitygroup tags",
    _nics,
    is_owned=True,
    tagged="UserVm",
)

#: What listVirtualMachines may be asked to tell (4.22).
_DETAILS = frozenset(
    [
        "all",
        "group",
        "nics",
        "stats",
        "secgrp",
        "tmpl",
        "servoff",
        "diskoff",
        "backoff",
        "iso",
        "volume",
        "min",
        "affgrp",
        "vnfnics",
    ]
)

#: What ties a VM to a place.
_PLACES: dict[str, type[Record]] = {"hostid": Host, "clusterid": Cluster, "podid": Pod}


def gib(size: int | None) -> int:
    """Bytes as whole GiB, as limits count them."""
    return ((size or 0) + (1 << 30) - 1) >> 30


def check_template(call: Call, zone: Zone, template: Template) -> None:
    """Raise ApiError 431 for a template that VMs of a zone cannot be made from now."""
    if not template.is_registered_in(call.store, zone.id):
        raise invalid(f"{template.name} is not registered in the zone {zone.name}.")
    if not is_ready(call.store, template, zone.id):
        raise invalid(
            f"{template.name} is not ready in the zone {zone.name}: list templates tells its "
            "status."
        )


def ties_of(call: Call, args: Args) -> dict[str, str]:
    """The places that were named; raises ApiError 431 for one that is not there."""
    given = {param: args[param] for param in _PLACES if args.get(param)}
    if given and not call.caller.is_root:
        raise invalid(f"{' and '.join(given)}: a place is chosen by root admins.")
    for param, uuid in given.items():
        call.find(_PLACES[param], uuid, param)
    return given


@api(MACHINE)
def list_virtual_machines(call: Call, args: Args) -> Json:
    """Lists VMs.

    Each in the state that its host shows now.

    id: the VM with this id
    ids: the VMs with these ids
    name: the VM with this name
    state: VMs in this state, such as Running; Present: all of them
    zoneid: VMs of this zone
    hostid: VMs on this host
    templateid: VMs made from this template
    isoid: VMs with this ISO in their drive
    serviceofferingid: VMs with this service offering
    hypervisor: KVM
    networkid: VMs on this network
    vpcid: VMs on tiers of this VPC
    affinitygroupid: VMs in this affinity group
    securitygroupid: VMs in this security group
    keypair: VMs that let this key pair in
    userdataid: VMs with this user data
    details: how much of each is wanted; the lab tells all but with min
    """
    if (args.get("state") or "").lower() == "present":
        del args["state"]
    wanted = set(args.pop("details", None) or [])
    if wanted - _DETAILS:
        raise invalid(f"details are some of {', '.join(sorted(_DETAILS))}.")

    def look(rows: list[Row]) -> bool:
        running = {row["row_id"] for row in rows if row["state"] == RUNNING}
        if not running:
            return False
        from cmk.lab.hosts.power import refresh

        return refresh(call, Machine.among(call.store, running))

    return MACHINE.listed(call, {**args, "is_there": True}, look)


def _transition(
    call: Call, args: Args, states: tuple[MachineState, ...], to: MachineState, **info: Any
) -> Task:
    """Move a VM out of one of these states, for the job that does what is due then; the job of a VM
    in any other has failed."""
    vm = call.find(Machine, args["id"])
    refuse_busy(call, vm)
    if vm.state not in states:
        return Task(vm, refusal=_wrong_state(vm, states))
    vm.become(call.store, to)
    return Task(vm, {"was": vm.state, **info})


def refuse_busy(call: Call, vm: Machine) -> None:
    """Raise ApiError 431 while a job is at work on the VM."""
    busy = AsyncJob.pending(call.store, vm)
    if busy:
        raise invalid(f"{vm.name} is busy with {busy}; wait until that job has ended.")


def _require(vm: Machine, states: tuple[MachineState, ...]) -> None:
    if vm.state not in states:
        raise _wrong_state(vm, states)


def _wrong_state(vm: Machine, states: tuple[MachineState, ...]) -> ApiError:
    return invalid(f"That is for a VM that is {' or '.join(states)}; {vm.name} is {vm.state}.")


@job(MACHINE)
def start_virtual_machine(call: Call, args: Args) -> Task:
    """Starts a VM.

    id*: the VM
    hostid: the host it must run on
    clusterid: the cluster it must run in
    podid: the pod it must run in
    """
    task = _transition(call, args, (STOPPED,), MachineState.STARTING, **ties_of(call, args))
    if task.refusal is not None and call.find(Machine, args["id"]).state is MachineState.DESTROYED:
        return task._replace(refusal=failed(task.refusal.errortext))
    return task


@job(MACHINE)
def stop_virtual_machine(call: Call, args: Args) -> Task:
    """Stops a VM: by its power button, by force when it does not react.

    id*: the VM
    forced: switch it off at once
    """
    vm = call.find(Machine, args["id"])
    if vm.state in OFF:  # as in CloudStack: there is nothing to do, and that is no failure
        refuse_busy(call, vm)
        return Task(vm)
    return _transition(call, args, (RUNNING,), STOPPING, forced=args.get("forced", False))


@job(MACHINE)
def reboot_virtual_machine(call: Call, args: Args) -> Task:
    """Resets a running VM.

    id*: the VM
    forced: off and on again: a new QEMU
    """
    forced = args.get("forced", False)
    return _transition(call, args, (RUNNING,), STOPPING if forced else RUNNING, forced=forced)


@job(MACHINE)
def destroy_virtual_machine(call: Call, args: Args) -> Task:
    """Destroys a VM: it is switched off, and can be recovered until it is expunged.

    id*: the VM
    expunge: remove its disks too; nothing can be recovered
    """
    states = (RUNNING, STOPPED, MachineState.ERROR, MachineState.DESTROYED)
    return _transition(call, args, states, STOPPING, expunge=args.get("expunge", False))


@api(MACHINE)
def recover_virtual_machine(call: Call, args: Args) -> Json:
    """Makes a destroyed VM a stopped one again.

    id*: the VM
    """
    with call.store.change():
        vm = call.find(Machine, args["id"])
        _require(vm, (MachineState.DESTROYED,))
        refuse_busy(call, vm)
        owner = Account.of(call.store, vm.account_id)
        offering = vm.offering(call.store)
        require(call, owner, user_vm=1, cpu=offering.cpu, memory=offering.ram_size)
        vm.become(call.store, STOPPED)
    return MACHINE.answer(call, vm)


@job(DONE)
def expunge_virtual_machine(call: Call, args: Args) -> Task:
    """Removes a destroyed VM and its disks for good.

    id*: the VM
    """
    states = (MachineState.DESTROYED, MachineState.ERROR)
    return _transition(call, args, states, MachineState.EXPUNGING)


@job(MACHINE)
def restore_virtual_machine(call: Call, args: Args) -> Task:
    """Reinstalls a VM: its root disk is made anew from the template.

    virtualmachineid*: the VM
    templateid: another template to reinstall from
    """
    vm = call.find(Machine, args["virtualmachineid"], "virtualmachineid")
    _require(vm, (RUNNING, STOPPED))
    template = vm.template(call.store)
    if args.get("templateid"):
        template = call.use(Template, args["templateid"], "templateid")
    if template.removed:
        raise invalid(
            f"The template {template.name} of {vm.name} was deleted; give another templateid."
        )
    check_template(call, Zone.of(call.store, vm.data_center_id), template)
    if template.is_iso != (vm.iso_id is not None):
        source = "an ISO" if vm.iso_id else "a template"
        raise invalid(f"{vm.name} can be reinstalled from {source} only.")
    disk = vm.root(call.store)
    has = disk.size or vm.template(call.store).size
    more = gib(max(has or 0, template.size or 0)) - gib(has)
    if more > 0:
        require(call, Account.of(call.store, vm.account_id), primary_storage=more)
    return _transition(
        call,
        {"id": vm.uuid},
        (RUNNING, STOPPED),
        STOPPING,
        volume=disk.id,
        size=disk.size,
        template=template.id,
        running=vm.state == RUNNING,
    )
