"""Lists of rules about what may enter and leave the tiers of VPCs."""

from __future__ import annotations

import re
from typing import Any

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, job
from cmk.lab.jobs import Task
from cmk.lab.model.network import Network
from cmk.lab.model.vpc import AclItem, AclList, Vpc
from cmk.lab.noun import Args, Noun
from cmk.lab.nouns.firewall import cidrs_of, icmp_of, ports_of
from cmk.lab.nouns.network import refuse_other_vpc
from cmk.lab.ownership import owners
from cmk.lab.store import now
from cmk.lab.works.vpc import remove_list
from cmk.wire.faults import invalid, malformed

#: Protocols that CloudStack takes by their numbers too, and has names for.
_NAMES = {"1": "icmp", "6": "tcp", "17": "udp"}

#: The most rules that a list may have: nftables is told all of them at once.
MOST_ITEMS = 200


ACL_LIST = Noun(
    "networkacllist",
    "listNetworkACLLists",
    "network_acl_view",
    "id name description vpcid vpcname fordisplay",
    is_owned=True,
)

ACL_ITEM = Noun(
    "networkacl",
    "listNetworkACLs",
    "network_acl_item_view",
    "id protocol startport endport traffictype state cidrlist tags icmptype icmpcode aclid aclname "
    "number action fordisplay reason",
    keyword="reason",
    order="aclid, number",
    is_owned=True,
    tagged="NetworkACL",
)

#: What a rule says.
_WHAT = """
    cidrlist: what comes from these blocks, or goes to them (default: all)
    startport: of tcp and udp: the first port
    endport: the last one (default: the first)
    icmptype: of icmp: the type; -1: all
    icmpcode: of icmp: the code; -1: all
    traffictype: ingress or egress (default ingress)
    action: allow or deny (default allow)
    number: its place in the list (default: behind the last)
    reason: why, for people
"""


@api(ACL_LIST)
def list_network_acl_lists(call: Call, args: Args) -> Json:
    """Lists the lists of rules: the caller's, and the two that everybody has.

    id: the list with this id
    name: the list with this name
    vpcid: lists of this VPC
    networkid: the list that this tier keeps to
    """
    if not _is_named(call, args, "id"):
        return {}
    return ACL_LIST.listed(call, args, among=_visible(call, args))


def _is_named(call: Call, args: Args, param: str) -> bool:
    """Name the list that a tier keeps to by `param` in place of networkid; False where the network
    is of no VPC, and has none."""
    uuid = args.pop("networkid", None)
    if not uuid:
        return True
    tier = call.find(Network, uuid, "networkid")
    if tier.network_acl_id is None:
        return False
    args[param] = AclList.of(call.store, tier.network_acl_id).uuid
    return True


def _visible(call: Call, args: Args) -> tuple[str, list[Any]]:
    mine, values = owners(call, dict(args), bool(args.get("id"))).condition()
    return AclList.visible(mine), values


@api(ACL_ITEM)
def list_network_acls(call: Call, args: Args) -> Json:
    """Lists the rules of lists, in the order in which they are asked.

    id: the rule with this id
    aclid: rules of this list
    networkid: rules that this tier keeps to
    protocol: rules on this protocol
    traffictype: Ingress or Egress
    action: Allow or Deny
    """
    if not _is_named(call, args, "aclid"):
        return {}
    return ACL_ITEM.listed(call, args, among=_visible(call, args))


@job(ACL_LIST)
def create_network_acl_list(call: Call, args: Args) -> Task:
    """Makes a list for a VPC: what no rule is about does not come in, and may leave.

    name*: its name
    vpcid: the VPC; it is needed
    description: a text for people
    """
    if not args.get("vpcid"):
        raise malformed("createNetworkACLList needs vpcid.")
    vpc = call.find(Vpc, args["vpcid"], "vpcid")
    made = AclList.add(
        call.store,
        name=args["name"],
        description=args.get("description") or args["name"],
        vpc_id=vpc.id,
        account_id=vpc.account_id,
        created=now(),
    )
    return Task(made, answer=ACL_LIST.answer(call, made))


@job(DONE)
def update_network_acl_list(call: Call, args: Args) -> Task:
    """Changes a list's name and text.

    id*: the list
    name: its new name
    description: its new text
    """
    acl = _own(call, args["id"])
    given = {name: args[name] for name in ("name", "description") if args.get(name)}
    if given:
        acl.update(call.store, **given)
    return Task(acl, answer={"success": True})


@job(DONE)
def delete_network_acl_list(call: Call, args: Args) -> Task:
    """Deletes a list that no tier keeps to, with its rules.

    id*: the list
    """
    acl = _own(call, args["id"])
    tiers = acl.tiers(call.store)
    if tiers:
        raise invalid(f"The network {tiers[0].name} keeps to the list {acl.name}.")
    remove_list(call.store, acl)
    return Task(acl, answer={"success": True})


@job(DONE)
def replace_network_acl_list(call: Call, args: Args) -> Task:
    """Has a tier keep to another list.

    aclid*: the list
    networkid: the tier; it is needed
    """
    if not args.get("networkid"):
        raise malformed("replaceNetworkACLList needs networkid.")
    acl = call.find(AclList, args["aclid"], "aclid")
    tier = call.find(Network, args["networkid"], "networkid")
    if tier.vpc_id is None:
        raise invalid(f"The network {tier.name} is of no VPC.")
    refuse_other_vpc(acl, tier.vpc_id)
    return Task(tier, {"acl": acl.id, "was": tier.network_acl_id})


def _own(call: Call, uuid: str, param: str = "id") -> AclList:
    """A list that may be changed. Raises ApiError 431 for one that everybody has."""
    acl = call.find(AclList, uuid, param)
    if acl.vpc_id is None:
        raise invalid(f"{acl.name} is everybody's, and stays as it is.")
    return acl


@job(ACL_ITEM, more=_WHAT)
def create_network_acl(call: Call, args: Args) -> Task:
    """Puts a rule into a list.

    protocol*: tcp, udp, icmp, all, or a protocol's number
    aclid: the list
    networkid: instead: the tier that keeps to it
    """
    acl = _list_of(call, args)
    items = acl.items(call.store)
    if len(items) >= MOST_ITEMS:
        raise invalid(f"The list {acl.name} has {len(items)} rules, which are the most in a lab.")
    number = args.get("number")
    if number is None:
        number = max((item.number for item in items), default=0) + 1
    made = AclItem.add(
        call.store,
        acl_id=acl.id,
        account_id=acl.account_id,
        number=_free(items, number),
        created=now(),
        **_said(args),
    )
    return Task(made)


def _list_of(call: Call, args: Args) -> AclList:
    if args.get("aclid"):
        return _own(call, args["aclid"], "aclid")
    if not args.get("networkid"):
        raise malformed("createNetworkACL needs aclid, or networkid.")
    tier = call.find(Network, args["networkid"], "networkid")
    if tier.vpc_id is None or tier.network_acl_id is None:
        raise invalid(f"The network {tier.name} is of no VPC.")
    acl = AclList.of(call.store, tier.network_acl_id)
    if acl.vpc_id is not None:
        return acl
    # The first rule for a tier makes a list of its own for it, as in CloudStack.
    made = AclList.add(
        call.store,
        name=f"acl-{tier.name}",
        description=f"made for {tier.name}",
        vpc_id=tier.vpc_id,
        account_id=tier.account_id,
        created=now(),
    )
    tier.update(call.store, network_acl_id=made.id)
    return made


def _free(items: list[AclItem], number: int, but: int = 0) -> int:
    if not 0 < number < 1 << 31:
        raise invalid(f"number={number}: numbers count from 1, to 2147483647.")
    if any(item.number == number and item.id != but for item in items):
        raise invalid(f"The list has a rule with the number {number} already.")
    return number


def _said(args: Args) -> dict[str, Any]:
    """The columns of what a rule says. Raises ApiError 431 for what cannot be."""
    protocol = _protocol(args["protocol"])
    start, end = ports_of(args, "startport", "endport")
    if start is not None and protocol not in ("tcp", "udp"):
        raise invalid(f"{protocol} has no ports.")
    kind, code = icmp_of(args, protocol)
    return {
        "protocol": protocol,
        "start_port": start,
        "end_port": end,
        "icmp_type": kind,
        "icmp_code": code,
        "cidrs": cidrs_of(args.get("cidrlist"), "cidrlist") or "0.0.0.0/0",
        "traffic_type": _word(args, "traffictype", "ingress", "egress"),
        "action": _word(args, "action", "allow", "deny"),
        "reason": args.get("reason"),
    }


def _protocol(wanted: str) -> str:
    """A protocol by its name, or by its number where CloudStack has no name for it."""
    text = str(wanted).lower()
    if re.fullmatch(r"0*[0-9]{1,3}", text, re.ASCII) and 0 < int(text) < 256:
        return _NAMES.get(str(int(text)), str(int(text)))
    if text not in ("tcp", "udp", "icmp", "all"):
        raise invalid(f"protocol={wanted} is none of tcp, udp, icmp, all and 1 to 255.")
    return text


def _word(args: Args, name: str, default: str, other: str) -> str:
    wanted = str(args.get(name) or default).lower()
    if wanted not in (default, other):
        raise invalid(f"{name}={args[name]} is neither {default} nor {other}.")
    return wanted.capitalize()


def _item(call: Call, uuid: str) -> AclItem:
    item = call.find(AclItem, uuid)
    _own(call, AclList.of(call.store, item.acl_id).uuid)
    return item


@job(ACL_ITEM, more=_WHAT)
def update_network_acl_item(call: Call, args: Args) -> Task:
    """Changes a rule; what is not named stays as it is.

    id*: the rule
    protocol: tcp, udp, icmp, all, or a protocol's number
    partialupgrade: false: what is not named goes back to its default
    """
    item = _item(call, args["id"])
    acl = AclList.of(call.store, item.acl_id)
    before: Args = {"protocol": item.protocol, "traffictype": item.traffic_type}
    if args.get("partialupgrade", True):
        before |= {
            "startport": item.start_port,
            "endport": item.end_port,
            "icmptype": item.icmp_type,
            "icmpcode": item.icmp_code,
            "cidrlist": item.cidrs.split(","),
            "action": item.action,
            "reason": item.reason,
        }
    given = {name: value for name, value in args.items() if value is not None}
    if _protocol(given.get("protocol", item.protocol)) != item.protocol:
        for name in ("startport", "endport", "icmptype", "icmpcode"):  # of the other protocol
            before.pop(name, None)
    number = _free(acl.items(call.store), given.get("number", item.number), item.id)
    said = {"number": number, **_said({**before, **given})}
    was = {name: vars(item)[name] for name in said}
    item.update(call.store, **said)
    return Task(item, {"was": was})


@job(ACL_ITEM)
def move_network_acl_item(call: Call, args: Args) -> Task:
    """Puts a rule between two others of its list.

    id*: the rule
    previousaclruleid: the one before it
    nextaclruleid: the one behind it
    """
    item = _item(call, args["id"])
    others = [each for each in AclList.of(call.store, item.acl_id).items(call.store)
              if each.id != item.id]  # fmt: skip
    if args.get("previousaclruleid"):
        place = _place(call, others, args["previousaclruleid"], "previousaclruleid") + 1
    elif args.get("nextaclruleid"):
        place = _place(call, others, args["nextaclruleid"], "nextaclruleid")
    else:
        raise malformed("moveNetworkAclItem needs previousaclruleid, or nextaclruleid.")
    order = [*others[:place], item, *others[place:]]
    for number, each in enumerate(order, 1):
        each.update(call.store, number=number)
    return Task(item)


def _place(call: Call, items: list[AclItem], uuid: str, param: str) -> int:
    wanted = call.find(AclItem, uuid, param)
    for place, item in enumerate(items):
        if item.id == wanted.id:
            return place
    raise invalid(f"{param}={uuid} is no other rule of the same list.")


@job(DONE)
def delete_network_acl(call: Call, args: Args) -> Task:
    """Takes a rule out of its list.

    id*: the rule
    """
    return Task(_item(call, args["id"]))
