"""Deploying a VM: what is checked, and the rows that are made of it, before its job begins."""

from __future__ import annotations

import re

from cmk.lab.call import Call
from cmk.lab.declaration import job
from cmk.lab.jobs import Task
from cmk.lab.model.account import Account
from cmk.lab.model.affinity import set_groups
from cmk.lab.model.host import Host
from cmk.lab.model.machine import Machine, MachineState, Volume
from cmk.lab.model.network import Network, Nic
from cmk.lab.model.offering import DiskOffering, ServiceOffering
from cmk.lab.model.place import Zone
from cmk.lab.model.security_group import SecurityGroup
from cmk.lab.model.template import Template
from cmk.lab.noun import Args, kvm_only
from cmk.lab.nouns.affinity_group import groups_of
from cmk.lab.nouns.guest_access import Access, access_of
from cmk.lab.nouns.nic import address_on, refuse_foreign
from cmk.lab.nouns.security_group import groups_named
from cmk.lab.nouns.virtual_machine import MACHINE, check_template, gib, ties_of
from cmk.lab.ownership import owner_of_new, require
from cmk.lab.store import new_uuid, now
from cmk.wire.faults import failed, invalid, malformed


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
    networkids: the networks that it is on, the first one by default (default: the one for all)
    ipaddress: its address on the first of them
    iptonetworklist: instead: networks with addresses: [0].networkid= [0].ip=
    keypair: the key pair that it lets in
    keypairs: the same for several
    affinitygroupids: the affinity groups that it is in, with commas between
    affinitygroupnames: the same by their names
    securitygroupids: the security groups that it is in on Shared networks, with commas between
    securitygroupnames: the same by their names
    userdata: what it is to do at its first boot: base64, or @FILE
    userdataid: registered user data instead
    userdatadetails: the values of what registered user data leaves open
    password: its new password, of a template with passwordenabled (default: one is made)
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
    size, disk_offering = root_disk(call, args, template)
    check_template(call, zone, template)
    owner = owner_of_new(call, args)
    networks = _networks(call, args, zone, owner)
    access = access_of(call, args, owner, template)
    groups = groups_of(call, args, owner)
    guarding = groups_named(call, args, owner)
    if guarding and not any(network.is_shared(call.store) for network, _ in networks):
        raise invalid("Security groups are for VMs on Shared networks.")
    _require_room(call, owner, offering, size or template.size)
    uuid = new_uuid()
    name = free_name(call, args["name"]) if args.get("name") else f"VM-{uuid}"
    started = args.get("startvm", True)
    shown = args.get("displayname") or name
    vm = _add(call, owner, uuid, name, shown, started, zone, template, offering, access)
    number = disk_offering.id if disk_offering else None
    Volume.new_root(call.store, vm.id, size, template.id, number)
    set_groups(call.store, vm.id, groups)
    SecurityGroup.put(call.store, vm.id, guarding)
    for network, address in networks:
        Nic.plug(call.store, call.lab.id, vm.id, network, address)
    return Task(vm, {**ties, "startvm": started})


def _networks(
    call: Call, args: Args, zone: Zone, owner: Account
) -> list[tuple[Network, str | None]]:
    """The networks that a VM is to be on, with its address on each."""
    pairs = _pairs(call, args)
    wanted = [network for network, _ in pairs]
    for network in wanted:
        refuse_foreign(call, network, owner.id)
        if network.data_center_id != zone.id:
            raise invalid(f"The network {network.name} is not in the zone {zone.name}.")
    if len({network.id for network in wanted}) < len(wanted):
        raise invalid("networkids: a VM is on a network once.")
    return [(network, address_on(call.store, network, address)) for network, address in pairs]


def _pairs(call: Call, args: Args) -> list[tuple[Network, str | None]]:
    """The networks that were named, or the one for all, with the addresses that were."""
    entries = args.get("iptonetworklist")
    if not entries:
        named = [call.use(Network, each, "networkids") for each in args.get("networkids") or []]
        first, *rest = named or [Network.default(call.store)]
        return [(first, args.get("ipaddress")), *((network, None) for network in rest)]
    if args.get("networkids") or args.get("ipaddress"):
        raise invalid("iptonetworklist goes without networkids and ipaddress.")
    for entry in entries:
        odd = sorted(set(entry) - {"networkid", "ip"})
        if odd or not entry.get("networkid"):
            raise invalid(
                "Entries of iptonetworklist have networkid and ip"
                + (f"; a lab has no {odd[0]} of them." if odd else ".")
            )
    return [
        (call.use(Network, entry["networkid"], "iptonetworklist"), entry.get("ip"))
        for entry in entries
    ]


def _require_room(call: Call, owner: Account, offering: ServiceOffering, size: int | None) -> None:
    """Raise ApiError 535 where an account may not have one VM more, its disk of so many bytes."""
    require(
        call,
        owner,
        user_vm=1,
        volume=1,
        cpu=offering.cpu,
        memory=offering.ram_size,
        primary_storage=gib(size),
    )


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


def free_name(call: Call, wanted: str, besides: int = 0) -> str:
    """A host name that a VM can have; `besides` is the number of the one that it is for, if that is
    there. Raises ApiError 431 for any other."""
    if not _NAME.match(wanted):
        raise malformed(
            f"'{wanted}' is no name for a VM: 1 to 63 letters, digits and dashes, beginning with a "
            "letter and not ending in a dash."
        )
    if Machine.name_is_taken(call.store, wanted, besides):
        raise invalid(f"The vm with hostName {wanted} already exists in the network.")
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
    access: Access,
) -> Machine:
    vm = Machine.add(
        call.store,
        uuid=uuid,
        name=name,
        display_name=shown,
        state=MachineState.STARTING if started else MachineState.STOPPED,
        account_id=owner.id,
        data_center_id=zone.id,
        vm_template_id=template.id,
        iso_id=template.id if template.is_iso else None,
        service_offering_id=offering.id,
        guest_os_id=template.guest_os_id,
        created=now(),
        update_time=now(),
        **access._asdict(),
    )
    # CloudStack's instance names: i-<account>-<number>-<instance.name>
    suffix = "VM" if Host.own(call.store) else call.lab.id[:8]
    vm.update(call.store, instance_name=f"i-{vm.account_id}-{vm.id}-{suffix}")
    return vm


#: CloudStack's rule for host names, from RFC 1123, but not beginning with a digit.
_NAME = re.compile(r"[a-zA-Z](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\Z")
