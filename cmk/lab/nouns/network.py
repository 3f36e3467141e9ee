"""Networks, and what kinds of them there are."""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, job
from cmk.lab.hosts.router import refuse_without
from cmk.lab.jobs import Task
from cmk.lab.model.account import Account
from cmk.lab.model.network import Network, NetworkOffering, NetworkState
from cmk.lab.model.place import Zone
from cmk.lab.model.vpc import AclList, Vpc
from cmk.lab.noun import Args, Noun, Row
from cmk.lab.ownership import owner_of_new, owners, require
from cmk.lab.store import now
from cmk.wire.faults import invalid, malformed

#: How a balancer can keep a client with one VM, as CloudStack tells it (a JSON text).
STICKINESS = json.dumps(
    [{"methodname": name, "paramlist": []} for name in ("LbCookie", "AppCookie", "SourceBased")]
)

#: Blocks that guests' networks are of (RFC 1918).
_GUESTS = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))

#: What services can, under CloudStack's names.
_CAPABILITIES: dict[str, dict[str, str]] = {
    "Dhcp": {"DhcpAccrossMultipleSubnets": "false"},
    "Dns": {"AllowDnsSuffixModification": "true"},
    "Firewall": {
        "SupportedEgressProtocols": "tcp,udp,icmp, all",
        "SupportedProtocols": "tcp,udp,icmp",
        "SupportedTrafficDirection": "ingress, egress",
        "MultipleIps": "true",
    },
    "Lb": {
        "SupportedLbAlgorithms": "roundrobin,leastconn,source",
        "SupportedProtocols": "tcp",
        "SupportedLBIsolation": "dedicated",
        "LbSchemes": "Public",
        "ElasticLb": "false",
        "InlineMode": "false",
        "SslTermination": "false",
        "VmAutoScaling": "false",
        "SupportedStickinessMethods": STICKINESS,
    },
    "NetworkACL": {"SupportedProtocols": "tcp,udp,icmp"},
    "PortForwarding": {"SupportedProtocols": "tcp,udp"},
    "SourceNat": {"SupportedSourceNatTypes": "peraccount", "RedundantRouter": "false"},
    "StaticNat": {"ElasticIp": "false", "AssociatePublicIP": "true"},
}


def services_of(services: str, for_vpc: bool = False) -> list[Json]:
    """Services as APIs tell them, with the router that gives them."""
    provider = "VpcVirtualRouter" if for_vpc else "VirtualRouter"
    return [
        {
            "name": name,
            "provider": [{"name": provider}],
            "capability": [
                {"name": key, "value": value, "canchooseservicecapability": False}
                for key, value in _CAPABILITIES.get(name, {}).items()
            ],
        }
        for name in services.split(",")
        if name
    ]


def _offering_facts(call: Call, rows: list[Row]) -> None:
    for row in rows:
        row["service"] = services_of(row["services"], bool(row["forvpc"]))


def _facts(call: Call, rows: list[Row]) -> None:
    _offering_facts(call, rows)
    for row in rows:
        row["netmask"] = str(IPv4Network(row["cidr"]).netmask) if row["cidr"] else None
        row["details"] = {}


OFFERING = Noun(
    "networkoffering",
    "listNetworkOfferings",
    "network_offering_view",
    "id name displaytext traffictype isdefault specifyvlan conservemode availability guestiptype "
    "state ispersistent forvpc egressdefaultpolicy serviceofferingid service created",
    _offering_facts,
)

NETWORK = Noun(
    "network",
    "listNetworks",
    "network_view",
    "id name displaytext broadcastdomaintype traffictype gateway netmask cidr zoneid zonename "
    "networkofferingid networkofferingname networkofferingdisplaytext networkofferingconservemode "
    "networkofferingavailability issystem state related dns1 type acltype account domainid domain "
    "domainpath project projectid isdefault service networkdomain restartrequired specifyvlan "
    "specifyipranges canusefordeploy ispersistent tags details displaynetwork created "
    "egressdefaultpolicy vpcid vpcname aclid aclname",
    _facts,
    is_owned=True,
    tagged="Network",
)


@api(NETWORK)
def list_networks(call: Call, args: Args) -> Json:
    """Lists networks: the caller's, and those for all accounts.

    id: the network with this id
    name: the network with this name
    zoneid: networks of this zone
    type: Isolated, Shared or L2
    traffictype: the traffic it carries; the lab has Guest only
    acltype: Account (of one) or Domain (for all)
    networkofferingid: networks of this offering
    canusefordeploy: those that VMs can be deployed in
    vpcid: the tiers of this VPC
    forvpc: tiers of VPCs, or networks that are none
    supportedservices: those that have all of these services
    """
    services = args.pop("supportedservices", None) or []
    mine = owners(call, dict(args), bool(args.get("id")))
    return NETWORK.listed(call, args, among=Network.filtered(mine, services))


@api(OFFERING)
def list_network_offerings(call: Call, args: Args) -> Json:
    """Lists the kinds of networks.

    id: the one with this id
    name: the one with this name
    displaytext: those with this text
    state: those in this state: Enabled
    guestiptype: those of this type: Isolated, Shared or L2
    traffictype: the traffic they carry; the lab has Guest only
    availability: Optional or Required
    isdefault: those that CloudStack comes with, or others
    forvpc: those of tiers of VPCs, or others
    """
    return OFFERING.listed(call, args)


@api(NETWORK)
def create_network(call: Call, args: Args) -> Json:
    """Makes a network; its first VM, or public address, brings it up.

    zoneid*: the zone
    networkofferingid*: its kind
    name*: its name
    displaytext: a text for people (default: the name)
    gateway: the router's address on it
    netmask: how large it is; goes with gateway
    networkdomain: the domain of its VMs' names (default: lab.internal)
    acltype=Account|Domain: whether it is for its account or, Shared ones, for all
    vpcid: the VPC that it is a tier of; gateway and netmask are needed then
    aclid: the list of rules that the tier keeps to (default: default_deny)
    account: the account that it is for, in the domain that is named (default: the caller)
    domainid: the account's domain
    projectid: the project that it is for
    """
    zone = call.find(Zone, args["zoneid"], "zoneid")
    offering = call.find(NetworkOffering, args["networkofferingid"], "networkofferingid")
    is_shared = offering.is_shared
    if is_shared and not call.caller.is_root:
        raise invalid("Shared networks are made by root admins.")
    vpc = _vpc(call, args, offering)
    owner = Account.of(call.store, vpc.account_id) if vpc else owner_of_new(call, args)
    refuse_without(call.lab, f"The network {args['name']}")
    with call.store.change():
        require(call, owner, network=1)
        cidr, gateway = _addresses(call, args, offering)
        if vpc and not IPv4Network(cidr).subnet_of(IPv4Network(vpc.cidr)):
            raise invalid(f"{cidr} is not within the VPC {vpc.name}, {vpc.cidr}.")
        made = Network.add(
            call.store,
            name=args["name"],
            display_text=args.get("displaytext") or args["name"],
            data_center_id=zone.id,
            account_id=owner.id,
            network_offering_id=offering.id,
            cidr=cidr,
            gateway=gateway,
            acl_type=_acl_type(args, is_shared),
            network_domain=_domain(args, vpc),
            vpc_id=vpc.id if vpc else None,
            network_acl_id=_acl(call, args, vpc) if vpc else None,
            state=NetworkState.SETUP if is_shared else NetworkState.ALLOCATED,
            created=now(),
        )
    return NETWORK.answer(call, made)


def _vpc(call: Call, args: Args, offering: NetworkOffering) -> Vpc | None:
    """The VPC that a network is to be a tier of. Raises ApiError 431 where that cannot be."""
    if not args.get("vpcid"):
        if offering.for_vpc:
            raise invalid(f"{offering.name} is for tiers of VPCs: name one by vpcid.")
        if args.get("aclid"):
            raise invalid("aclid goes with vpcid.")
        return None
    vpc = call.find(Vpc, args["vpcid"], "vpcid")
    if not offering.for_vpc:
        raise invalid(f"{offering.name} is not for tiers of VPCs.")
    if not args.get("gateway") or not args.get("netmask"):
        raise malformed("A tier of a VPC needs gateway and netmask.")
    if offering.provides >= {"Lb"}:
        for tier in vpc.tiers(call.store):
            if tier.provides(call.store, "Lb"):
                raise invalid(f"Balancers of the VPC {vpc.name} are in the tier {tier.name}.")
    return vpc


def _domain(args: Args, vpc: Vpc | None) -> str:
    wanted = args.get("networkdomain")
    if vpc is None:
        return valid_domain(wanted)
    if wanted and wanted.lower() != vpc.network_domain:
        raise invalid(f"The domain of the VPC {vpc.name} is {vpc.network_domain}.")
    return vpc.network_domain


def _acl(call: Call, args: Args, vpc: Vpc) -> int:
    if not args.get("aclid"):
        return AclList.DEFAULT_DENY
    acl = call.find(AclList, args["aclid"], "aclid")
    refuse_other_vpc(acl, vpc.id)
    return acl.id


def refuse_other_vpc(acl: AclList, vpc: int) -> None:
    """Raise ApiError 431 for a list that is another VPC's."""
    if acl.vpc_id not in (None, vpc):
        raise invalid(f"The list {acl.name} is of another VPC.")


def _acl_type(args: Args, is_shared: bool) -> str:
    wanted = str(args.get("acltype") or ("Domain" if is_shared else "Account")).capitalize()
    if wanted == "Domain" and not is_shared:
        raise invalid("acltype=Domain is for Shared networks.")
    return wanted


def _addresses(call: Call, args: Args, offering: NetworkOffering) -> tuple[str, str]:
    """A network's CIDR and gateway. Raises ApiError 431 for what cannot be."""
    gateway, netmask = args.get("gateway"), args.get("netmask")
    if offering.guest_type == "L2":
        if gateway or netmask:
            raise invalid("An L2 network has no gateway and no netmask.")
        return "", ""
    if bool(gateway) != bool(netmask):
        raise malformed("gateway and netmask go together.")
    if not gateway:
        free = Network.free_cidr(call.store)
        if free is None:
            raise invalid("All of 10.1.0.0/16 is given away: name a gateway and a netmask.")
        return free, str(next(IPv4Network(free).hosts()))
    try:
        within = IPv4Network(f"{gateway}/{netmask}", strict=False)
    except ValueError:
        raise malformed(f"gateway={gateway} netmask={netmask} are no IPv4 network.") from None
    if str(within.netmask) != netmask:
        raise malformed(f"netmask={netmask} is no netmask, as 255.255.255.0 is.")
    if not is_for_guests(within):
        raise invalid(f"{within} cannot be a guest network: those are private (RFC 1918), to /29.")
    if IPv4Address(gateway) in (within.network_address, within.broadcast_address):
        raise invalid(f"gateway={gateway} is no host's address in {within}.")
    other = Network.overlapping(call.store, str(within))
    if other is not None:
        raise invalid(
            f"{within} overlaps with {other.cidr}, which is another network: one router has all of "
            "a lab's networks."
        )
    return str(within), gateway


def is_for_guests(block: IPv4Network) -> bool:
    """Whether a block may be guests': private, and with room for some."""
    return any(block.subnet_of(each) for each in _GUESTS) and block.prefixlen <= 29


def valid_domain(wanted: str | None) -> str:
    """The domain of VMs' names. Raises ApiError 430 for what is none."""
    if not wanted:
        return "lab.internal"
    label = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    if len(wanted) > 190 or not re.fullmatch(rf"{label}(?:\.{label})*", wanted):
        raise malformed(f"networkdomain={wanted} is no name of a domain.")
    return wanted.lower()


@job(NETWORK)
def update_network(call: Call, args: Args) -> Task:
    """Changes a network's name, text and domain.

    id*: the network
    name: its new name
    displaytext: its new text
    networkdomain: the domain of its VMs' names
    """
    network = call.find(Network, args["id"])
    columns: dict[str, Any] = {
        "name": args.get("name"),
        "display_text": args.get("displaytext"),
        "network_domain": valid_domain(args["networkdomain"])
        if args.get("networkdomain")
        else None,
    }
    given = {name: value for name, value in columns.items() if value}
    if given:
        network.update(call.store, **given)
    return Task(network)


@job(DONE)
def delete_network(call: Call, args: Args) -> Task:
    """Deletes a network that no VM is on, with its public addresses and their rules.

    id*: the network
    forced: as CloudStack has it; VMs keep their network here too
    """
    network = call.find(Network, args["id"])
    if network.id == Network.default(call.store).id:
        raise invalid(f"The network {network.name} is the lab's own: VMs come into it by default.")
    users = network.nics(call.store)
    if users:
        raise invalid(f"The network {network.name} has {len(users)} NIC(s) of VMs on it.")
    return Task(network)


@job(DONE)
def restart_network(call: Call, args: Args) -> Task:
    """Makes the router anew for a network.

    id*: the network
    cleanup: end the router first
    """
    network = call.find(Network, args["id"])
    return Task(network, {"cleanup": bool(args.get("cleanup"))})


def usable(call: Call, uuid: str) -> Network:
    """A network of the caller's that has public addresses. Raises ApiError 431, 531."""
    network = call.find(Network, uuid, "networkid")
    if network.vpc_id is not None:
        raise invalid(f"The network {network.name} is a tier of a VPC: that has the addresses.")
    if not network.provides(call.store, "Firewall"):
        raise invalid(f"The network {network.name} has no public addresses: it is not Isolated.")
    return network
