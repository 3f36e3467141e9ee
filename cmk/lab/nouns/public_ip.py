"""Public addresses, and static NAT from one to a VM."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, job
from cmk.lab.events import record
from cmk.lab.hosts.router import public_cidr
from cmk.lab.jobs import Task
from cmk.lab.model.account import Account
from cmk.lab.model.machine import Machine
from cmk.lab.model.network import Network, Nic, PublicAddress
from cmk.lab.model.place import Zone
from cmk.lab.model.vpc import Vpc
from cmk.lab.noun import Args, Noun
from cmk.lab.nouns.network import usable
from cmk.lab.ownership import owner_of_new, require
from cmk.lab.store import now
from cmk.lab.works.routing import route
from cmk.wire.faults import invalid, malformed, no_such

PUBLIC_IP = Noun(
    "publicipaddress",
    "listPublicIpAddresses",
    "public_ip_view",
    "id ipaddress allocated zoneid zonename issourcenat isstaticnat virtualmachineid "
    "virtualmachinename virtualmachinedisplayname vmipaddress account domain domainid domainpath "
    "project projectid associatednetworkid associatednetworkname vpcid vpcname state issystem "
    "forvirtualnetwork isportable hasrules fordisplay tags",
    keyword="ipaddress",
    is_owned=True,
    tagged="PublicIpAddress",
)


@api(PUBLIC_IP)
def list_public_ip_addresses(call: Call, args: Args) -> Json:
    """Lists the public addresses that somebody has.

    id: the address with this id
    ipaddress: this address
    associatednetworkid: addresses of this network
    networkid: the same
    vpcid: addresses of this VPC
    zoneid: addresses of this zone
    issourcenat: those by which networks reach out, or others
    isstaticnat: those that lead to one VM, or others
    state: those in this state: Allocated
    allocatedonly: as CloudStack has it; the lab shows no others
    forvirtualnetwork: as CloudStack has it; all are
    """
    for name in ("allocatedonly", "forvirtualnetwork"):
        args.pop(name, None)
    return PUBLIC_IP.listed(call, args)


@job(PUBLIC_IP)
def associate_ip_address(call: Call, args: Args) -> Task:
    """Gets a public address for a network: one of 127.0.0.0/8, which this machine reaches.

    networkid: the network
    vpcid: instead: the VPC
    zoneid: instead: the zone in which the account has one network with public addresses
    ipaddress: this address, of the block that network.public.cidr names
    account: the account that it is for, in the domain that is named (default: the caller)
    domainid: the account's domain
    projectid: the project that it is for
    """
    owner = owner_of_new(call, args)
    place = _place_of(call, args, owner)
    account = Account.of(call.store, place.account_id)
    require(call, account, public_ip=1)
    made = PublicAddress.add(
        call.store,
        public_ip_address=_address(call, args.get("ipaddress")),
        account_id=account.id,
        data_center_id=place.data_center_id,
        network_id=place.id if isinstance(place, Network) else None,
        vpc_id=place.id if isinstance(place, Vpc) else None,
        allocated=now(),
    )
    return Task(made)


def _place_of(call: Call, args: Args, owner: Account) -> Network | Vpc:
    """What an address is for."""
    if args.get("vpcid"):
        if args.get("networkid"):
            raise invalid("networkid and vpcid exclude each other.")
        return call.find(Vpc, args["vpcid"], "vpcid")
    if args.get("networkid"):
        return usable(call, args["networkid"])
    if not args.get("zoneid"):
        raise malformed("associateIpAddress needs networkid, vpcid, or zoneid.")
    zone = call.find(Zone, args["zoneid"], "zoneid")
    found = [
        each
        for each in Network.there(call.store, data_center_id=zone.id, account_id=owner.id)
        if each.provides(call.store, "Firewall")
    ]
    if len(found) != 1:
        raise invalid(f"The account {owner.account_name} has {len(found)} networks: say networkid.")
    return found[0]


def _address(call: Call, wanted: str | None) -> str:
    block = public_cidr(call.store)
    if not wanted:
        free = PublicAddress.free(call.store, block)
        if free is None:
            raise invalid(f"All public addresses of {block} are given away.")
        return free
    try:
        address = IPv4Address(wanted)
    except ValueError:
        raise malformed(f"'{wanted}' is no IPv4 address.") from None
    if address not in IPv4Network(block):
        raise invalid(f"{wanted} is not of the lab's public addresses, {block}.")
    if PublicAddress.first(call.store, public_ip_address=wanted):
        raise invalid(f"{wanted} is given away.")
    return wanted


@job(DONE)
def disassociate_ip_address(call: Call, args: Args) -> Task:
    """Gives a public address back, with all rules on it.

    id: the address
    ipaddress: instead of the id: the address as it is written
    """
    address = _named(call, args)
    if address.source_nat:
        raise invalid(
            f"{address.public_ip_address} is the source NAT of its network, and goes with that."
        )
    return Task(address)


def _named(call: Call, args: Args) -> PublicAddress:
    if args.get("id"):
        return call.find(PublicAddress, args["id"])
    if not args.get("ipaddress"):
        raise malformed("disassociateIpAddress needs id, or ipaddress.")
    found = PublicAddress.first(call.store, public_ip_address=args["ipaddress"])
    if found is None:
        raise no_such(PublicAddress.KIND, "ipaddress", args["ipaddress"])
    return call.find(PublicAddress, found.uuid, "ipaddress")


@api(DONE)
def enable_static_nat(call: Call, args: Args) -> Json:
    """Leads all that comes to a public address, and that its firewall lets in, to one VM.

    ipaddressid*: the public address
    virtualmachineid*: the VM
    vmguestip: its address, where it has several
    networkid: the VM's tier, where the address is a VPC's
    """
    with call.store.change():
        address = call.find(PublicAddress, args["ipaddressid"], "ipaddressid")
        vm = call.find(Machine, args["virtualmachineid"], "virtualmachineid")
        networks = networks_of(call, address, args.get("networkid"))
        nic = nic_on(call, vm, networks, args.get("vmguestip"))
        if address.source_nat:
            raise invalid(f"{address.public_ip_address} is the source NAT of its network.")
        if address.vm_id not in (None, vm.id):
            raise invalid(f"{address.public_ip_address} leads to another VM by static NAT.")
        if any(rule.leads_in for rule in address.rules(call.store)):
            raise invalid(f"{address.public_ip_address} has port forwarding or balancers.")
        other = PublicAddress.first(call.store, nic_id=nic.id)
        if other is not None and other.id != address.id:
            raise invalid(f"{vm.name} has static NAT by {other.public_ip_address}.")
        to = args.get("vmguestip") or nic.ip4_address
        address.update(call.store, vm_id=vm.id, nic_id=nic.id, dest_ip_address=to)
    route(call.lab)
    told = f"All of {address.public_ip_address} goes to {vm.name}"
    record(call, "STATICNAT.ENABLE", told, address)
    return {"success": True}


def networks_of(call: Call, address: PublicAddress, wanted: str | None) -> list[Network]:
    """The networks that a public address can lead to: those that it can, or the one that is named.
    Raises ApiError 431."""
    networks = address.networks(call.store)
    if not wanted:
        return networks
    network = call.find(Network, wanted, "networkid")
    if network.id not in {each.id for each in networks}:
        raise invalid(
            f"{address.public_ip_address} does not lead to the network {network.name}: it is of "
            f"another network, or leads to another tier already."
        )
    return [network]


def nic_on(call: Call, vm: Machine, networks: list[Network], guest: str | None) -> Nic:
    """The NIC of a VM on one of these networks. Raises ApiError 431."""
    ids = {network.id for network in networks}
    for nic in vm.nics(call.store):
        if nic.network_id in ids and (not guest or guest in nic.all_addresses(call.store)):
            return nic
    names = " or ".join(network.name for network in networks) or "that the VPC has none of"
    at = f" with the address {guest}" if guest else ""
    raise invalid(f"{vm.name} is not on the network {names}{at}.")


@job(DONE)
def disable_static_nat(call: Call, args: Args) -> Task:
    """Ends the static NAT of a public address, with its firewall rules.

    ipaddressid*: the public address
    """
    address = call.find(PublicAddress, args["ipaddressid"], "ipaddressid")
    if address.vm_id is None:
        raise invalid(f"{address.public_ip_address} has no static NAT.")
    return Task(address)
