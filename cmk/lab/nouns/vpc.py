"""VPCs: several networks of one account behind one router, and what kinds of them there are."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, job
from cmk.lab.hosts.router import refuse_without
from cmk.lab.jobs import Task
from cmk.lab.model.place import Zone
from cmk.lab.model.vpc import Vpc, VpcOffering
from cmk.lab.noun import Args, Noun, Row
from cmk.lab.nouns.network import NETWORK, is_for_guests, services_of, valid_domain
from cmk.lab.ownership import OWNER, owner_of_new, require
from cmk.lab.store import now
from cmk.wire.faults import invalid, malformed


def _offering_facts(call: Call, rows: list[Row]) -> None:
    for row in rows:
        row["service"] = services_of(row["services"], for_vpc=True)


def _facts(call: Call, rows: list[Row]) -> None:
    for row in rows:
        row["network"] = NETWORK.all_with(call, vpcid=row["id"])
        row["service"] = services_of(row["services"], for_vpc=True)


VPC_OFFERING = Noun(
    "vpcoffering",
    "listVPCOfferings",
    "vpc_offering_view",
    "id name displaytext created isdefault state distributedvpcrouter service",
    _offering_facts,
)

VPC = Noun(
    "vpc",
    "listVPCs",
    "vpc_view",
    "id name displaytext created state zoneid zonename cidr vpcofferingid vpcofferingname "
    "restartrequired networkdomain account domainid domain domainpath project projectid network "
    "service tags fordisplay distributedvpcrouter regionlevelvpc redundantvpcrouter",
    _facts,
    is_owned=True,
    tagged="Vpc",
)


@api(VPC_OFFERING)
def list_vpc_offerings(call: Call, args: Args) -> Json:
    """Lists the kinds of VPCs.

    id: the one with this id
    name: the one with this name
    displaytext: those with this text
    isdefault: those that CloudStack comes with, or others
    state: those in this state: Enabled
    """
    return VPC_OFFERING.listed(call, args)


@api(VPC)
def list_vpcs(call: Call, args: Args) -> Json:
    """Lists VPCs, with their tiers.

    id: the VPC with this id
    name: the VPC with this name
    displaytext: VPCs with this text
    zoneid: VPCs of this zone
    vpcofferingid: VPCs of this offering
    cidr: VPCs with this block
    state: those in this state: Enabled
    """
    return VPC.listed(call, args)


@job(VPC, more=OWNER)
def create_vpc(call: Call, args: Args) -> Task:
    """Makes a VPC, with the address by which its tiers reach out; tiers are made by createNetwork.

    zoneid*: the zone
    vpcofferingid*: its kind
    name*: its name
    cidr: the block of its tiers, as 10.0.0.0/16; it is needed
    displaytext: a text for people (default: the name)
    networkdomain: the domain of its VMs' names (default: lab.internal)
    start: as CloudStack has it; the router runs when a VM does
    """
    zone = call.find(Zone, args["zoneid"], "zoneid")
    offering = call.find(VpcOffering, args["vpcofferingid"], "vpcofferingid")
    owner = owner_of_new(call, args)
    refuse_without(call.lab, f"The VPC {args['name']}")
    require(call, owner, vpc=1, public_ip=1)
    made = Vpc.add(
        call.store,
        name=args["name"],
        display_text=args.get("displaytext") or args["name"],
        account_id=owner.id,
        data_center_id=zone.id,
        vpc_offering_id=offering.id,
        cidr=_cidr(args.get("cidr")),
        network_domain=valid_domain(args.get("networkdomain")),
        created=now(),
    )
    return Task(made)


def _cidr(wanted: str | None) -> str:
    if not wanted:
        raise malformed("createVPC needs cidr, as 10.0.0.0/16.")
    try:
        block = IPv4Network(wanted)
    except ValueError:
        raise malformed(f"cidr={wanted} is no IPv4 block, as 10.0.0.0/16 is.") from None
    if not is_for_guests(block):
        raise invalid(f"{block} cannot be a VPC's: guest networks are private (RFC 1918), to /29.")
    return str(block)


@job(VPC)
def update_vpc(call: Call, args: Args) -> Task:
    """Changes a VPC's name and text.

    id*: the VPC
    name: its new name
    displaytext: its new text
    """
    vpc = call.find(Vpc, args["id"])
    columns: dict[str, Any] = {"name": args.get("name"), "display_text": args.get("displaytext")}
    given = {name: value for name, value in columns.items() if value}
    if given:
        vpc.update(call.store, **given)
    return Task(vpc, answer=VPC.answer(call, vpc))


@job(DONE)
def delete_vpc(call: Call, args: Args) -> Task:
    """Deletes a VPC that has no tier, with its public addresses and its lists.

    id*: the VPC
    """
    vpc = call.find(Vpc, args["id"])
    tiers = vpc.tiers(call.store)
    if tiers:
        raise invalid(f"The VPC {vpc.name} has {len(tiers)} network(s); delete those first.")
    return Task(vpc)


@job(DONE)
def restart_vpc(call: Call, args: Args) -> Task:
    """Makes the router anew for a VPC.

    id*: the VPC
    cleanup: end the router first
    """
    return Task(call.find(Vpc, args["id"]), {"cleanup": bool(args.get("cleanup"))})
