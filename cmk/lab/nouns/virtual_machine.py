"""VMs: deploy, list, and their life between start and expunge."""

from __future__ import annotations

import re
from typing import Any

from cmk.document import Json
from cmk.errors import ApiError
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, job
from cmk.lab.jobs import Task
from cmk.lab.model.account import Account
from cmk.lab.model.copy import is_ready
from cmk.lab.model.host import Host
from cmk.lab.model.job import AsyncJob
from cmk.lab.model.machine import OFF, Machine, MachineState, Network, Volume
from cmk.lab.model.offering import DiskOffering, ServiceOffering
from cmk.lab.model.place import Cluster, Pod, Zone
from cmk.lab.model.record import Record
from cmk.lab.model.template import Template
from cmk.lab.noun import Args, Noun, Row, kvm_only
from cmk.lab.ownership import owner_of_new, require
from cmk.lab.store import new_uuid, now
from cmk.wire.faults import failed, invalid, malformed

RUNNING, STOPPED, STOPPING = MachineState.RUNNING, MachineState.STOPPED, MachineState.STOPPING

NIC = Noun(
    "nic", "listNics", "nic_view", "id networkid networkname macaddress type traffictype isdefault"
)


def _nics(call: Call, rows: list[Row]) -> None:
    by_machine: dict[int, list[Json]] = {}
    for nic in NIC.raw(call, {"instance_id": [row["row_id"] for row in rows]}):
        shown = {name: nic[name] for name in NIC.fields.split()}
        by_machine.setdefault(nic["instance_id"], []).append({**shown, "isdefault": True})
    for row in rows:
        row["nic"] = by_machine.get(row["row_id"], [])
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
    "lastupdated",
    _nics,
    is_owned=True,
)

#: CloudStack's rule for host names, from RFC 1123, but not beginning with a digit.
_NAME = re.compile(r"[a-zA-Z](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\Z")


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


@job(MACHINE)
def deploy_virtual_machine(call: Call, args: Args) -> Task:
    """Creates a VM from a template or an ISO, and starts it.

    zoneid*: the zone
    templateid: the template or ISO; it is needed
    serviceofferingid*: the service offering: CPU and memory
    diskofferingid: with an ISO: the size of the blank root disk
    name: the host name: letters, digits and dashes (default: VM-<id>)
    displayname: the name for people (default: the name)
    hypervisor: KVM; needed with an ISO, a template has its own
    rootdisksize: GiB of the root disk, at least the template's
    startvm: false: only create it
    hostid: the host it must run on
    clusterid: the cluster it must run in
    podid: the pod it must run in
    networkids: the lab's one network, if anything
    account: the account that it is for, in the domain that is named (default: the caller)
    domainid: the account's domain
    projectid: the project that it is for
    """
    zone = call.find(Zone, args["zoneid"], "zoneid")
    if not args.get("templateid"):
        raise failed("A VM is made from templateid=, a template or an ISO.")
    template = call.use(Template, args["templateid"], "templateid")
    offering = call.find(ServiceOffering, args["serviceofferingid"], "serviceofferingid")
    ties = ties_of(call, args)
    for network in args.get("networkids") or []:
        call.find(Network, network, "networkids")
    size, disk_offering = root_disk(call, args, template)
    _check_template(call, zone, template)
    owner = owner_of_new(call, args)
    _require_room(call, owner, offering, size or template.size)
    uuid = new_uuid()
    name = _name(args.get("name"), uuid)
    if Machine.name_is_taken(call.store, name):
        raise invalid(f"The vm with hostName {name} already exists in the network.")
    started = args.get("startvm", True)
    shown = args.get("displayname") or name
    vm = _add(call, owner, uuid, name, shown, started, zone, template, offering)
    number = disk_offering.id if disk_offering else None
    Volume.new_root(call.store, vm.id, size, template.id, number)
    # Locally administered, QEMU's own prefix, then the lab's and the VM's number.
    tail = int(call.lab.id[:2], 16) << 16 | vm.id & 0xFFFF
    vm.add_nic(call.store, f"52:54:00:{tail >> 16:02x}:{tail >> 8 & 0xFF:02x}:{tail & 0xFF:02x}")
    return Task(vm, {**ties, "startvm": started})


def _require_room(call: Call, owner: Account, offering: ServiceOffering, size: int | None) -> None:
    """Raise ApiError 535 where an account may not have one VM more, its disk of so many bytes."""
    require(
        call,
        owner,
        user_vm=1,
        volume=1,
        cpu=offering.cpu,
        memory=offering.ram_size,
        primary_storage=_gib(size),
    )


def _gib(size: int | None) -> int:
    return ((size or 0) + (1 << 30) - 1) >> 30


def _check_template(call: Call, zone: Zone, template: Template) -> None:
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


def root_disk(call: Call, args: Args, template: Template) -> tuple[int | None, DiskOffering | None]:
    """The root disk's size in bytes, where it is known before the download, and its offering."""
    offering = args.get("diskofferingid")
    size = args["rootdisksize"] << 30 if args.get("rootdisksize") is not None else None
    if size is not None and not 0 < size <= 1 << 50:
        raise invalid("rootdisksize is in GiB and above 0.")
    if not template.is_iso:
        if offering:
            raise invalid(
                "diskofferingid goes with an ISO, whose VM needs a blank disk; the lab makes no "
                "data disks. To enlarge the root disk: rootdisksize=GiB."
            )
        if size is not None and template.size and size < template.size:
            raise invalid(
                f"rootdisksize={args['rootdisksize']} is less than the template has inside "
                f"({template.size} bytes)."
            )
        return size, None
    if not template.bootable:
        raise invalid(f"The ISO {template.name} is not bootable.")
    if not args.get("hypervisor"):
        raise invalid("Deploying from an ISO needs hypervisor=KVM.")
    kvm_only(args)
    if not offering:
        raise invalid("Deploying from an ISO needs diskofferingid, for the root disk.")
    found = call.find(DiskOffering, offering, "diskofferingid")
    return size or found.disk_size, found


def _name(wanted: str | None, uuid: str) -> str:
    if not wanted:
        return f"VM-{uuid}"
    if not _NAME.match(wanted):
        raise malformed(
            f"'{wanted}' is no name for a VM: 1 to 63 letters, digits and dashes, beginning with a "
            "letter and not ending in a dash."
        )
    return wanted


def _add(
    call: Call,
    owner: Account,
    uuid: str,
    name: str,
    shown: str,
    started: bool,
    zone: Zone,
    template: Template,
    offering: ServiceOffering,
) -> Machine:
    vm = Machine.add(
        call.store,
        uuid=uuid,
        name=name,
        display_name=shown,
        state=MachineState.STARTING if started else STOPPED,
        account_id=owner.id,
        data_center_id=zone.id,
        vm_template_id=template.id,
        iso_id=template.id if template.is_iso else None,
        service_offering_id=offering.id,
        guest_os_id=template.guest_os_id,
        created=now(),
        update_time=now(),
    )
    # CloudStack's instance names: i-<account>-<number>-<instance.name>
    suffix = "VM" if Host.own(call.store) else call.lab.id[:8]
    vm.update(call.store, instance_name=f"i-{vm.account_id}-{vm.id}-{suffix}")
    return vm


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
    _check_template(call, Zone.of(call.store, vm.data_center_id), template)
    if template.is_iso != (vm.iso_id is not None):
        source = "an ISO" if vm.iso_id else "a template"
        raise invalid(f"{vm.name} can be reinstalled from {source} only.")
    disk = vm.root(call.store)
    has = disk.size or vm.template(call.store).size
    more = _gib(max(has or 0, template.size or 0)) - _gib(has)
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
