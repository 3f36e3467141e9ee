"""Security groups: what VMs on Shared networks let in from others there, and what they may send."""

from __future__ import annotations

from typing import Any

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, job
from cmk.lab.events import record
from cmk.lab.jobs import Task
from cmk.lab.model.account import Account
from cmk.lab.model.machine import Machine
from cmk.lab.model.security_group import DEFAULT, SecurityGroup, SecurityRule
from cmk.lab.noun import Args, Noun, Row
from cmk.lab.nouns.firewall import MOST_BLOCKS, cidrs_of, icmp_of, ports_of
from cmk.lab.ownership import OWNER, account_named, owner_of_new, things_of
from cmk.lab.store import now
from cmk.wire.faults import failed, invalid, malformed, nobody

#: Rules that a group may have: nftables is told all of them at once.
MOST_RULES = 200


def _facts(call: Call, rows: list[Row]) -> None:
    for row in rows:
        group = SecurityGroup.of(call.store, row["row_id"])
        rules = group.rules(call.store)
        for kind in (SecurityRule.INGRESS, SecurityRule.EGRESS):
            row[f"{kind}rule"] = [_told(call, rule) for rule in rules if rule.type == kind]
        machines = Machine.among(call.store, set(group.machines(call.store)))
        row["virtualmachineids"] = [vm.uuid for vm in machines]
        row["virtualmachinecount"] = len(machines)


def _told(call: Call, rule: SecurityRule) -> Json:
    found: dict[str, Any] = {
        "ruleid": rule.uuid,
        "protocol": rule.protocol,
        "startport": rule.start_port,
        "endport": rule.end_port,
        "icmptype": rule.icmp_type,
        "icmpcode": rule.icmp_code,
        "cidr": rule.allowed_cidr,
        "tags": [],
    }
    if rule.allowed_group_id is not None:
        group = SecurityGroup.of(call.store, rule.allowed_group_id)
        found["securitygroupname"] = group.name
        found["account"] = Account.of(call.store, group.account_id).account_name
    return {name: value for name, value in found.items() if value is not None}


SECURITY_GROUP = Noun(
    "securitygroup",
    "listSecurityGroups",
    "security_group_view",
    "id name description account domainid domain domainpath project projectid ingressrule "
    "egressrule tags virtualmachinecount virtualmachineids",
    _facts,
    is_owned=True,
    tagged="SecurityGroup",
)

#: What CloudStack's catalog says that a new rule is told with; its reply is the whole group.
_RULE_FIELDS = (
    "ruleid protocol startport endport icmptype icmpcode cidr securitygroupname account tags"
)

#: Which group is meant, and what a rule of it says.
_RULE = f"""
    securitygroupid: the group
    securitygroupname: instead of the id: its name
    protocol: tcp, udp, icmp or all (default tcp)
    startport: the first port
    endport: the last one (default: the first)
    icmptype: of icmp: the type; -1: all
    icmpcode: of icmp: the code; -1: all
    cidrlist: these blocks, with commas between
    usersecuritygrouplist: the VMs of other groups: [0].account= [0].group=
{OWNER}"""


@api(SECURITY_GROUP)
def list_security_groups(call: Call, args: Args) -> Json:
    """Lists security groups, with their rules and VMs.

    id: the group with this id
    securitygroupname: the group with this name
    virtualmachineid: the groups that this VM is in
    """
    SecurityGroup.called(call.store, DEFAULT, call.caller.id)
    name = args.pop("securitygroupname", None)
    return SECURITY_GROUP.listed(call, {**args, "name": name} if name else args)


@api(SECURITY_GROUP, more=OWNER)
def create_security_group(call: Call, args: Args) -> Json:
    """Makes a security group: nothing comes in, and all may leave, until rules say otherwise.

    name*: its name
    description: a text for people
    """
    with call.store.change():
        owner = owner_of_new(call, args)
        SecurityGroup.called(call.store, DEFAULT, owner.id)
        if SecurityGroup.is_taken(call.store, args["name"], account_id=owner.id):
            raise invalid(f"There is a security group {args['name']} already.")
        made = SecurityGroup.add(
            call.store,
            name=args["name"],
            description=args.get("description") or "",
            account_id=owner.id,
            created=now(),
        )
    record(call, "SG.CREATE", f"Made the security group {made.name}", made)
    return SECURITY_GROUP.answer(call, made)


@api(SECURITY_GROUP)
def update_security_group(call: Call, args: Args) -> Json:
    """Renames a security group.

    id*: the group
    name: its new name
    """
    with call.store.change():
        group = call.find(SecurityGroup, args["id"])
        name = args.get("name")
        if name and name != group.name:
            if DEFAULT in (name.lower(), group.name):
                raise invalid("The group 'default' keeps its name, and no other has it.")
            if SecurityGroup.is_taken(call.store, name, account_id=group.account_id):
                raise invalid(f"There is a security group {name} already.")
            group.update(call.store, name=name)
    return SECURITY_GROUP.answer(call, group)


@api(DONE, more=OWNER)
def delete_security_group(call: Call, args: Args) -> Json:
    """Deletes a security group that no VM is in.

    id: the group
    name: instead of the id: its name
    """
    with call.store.change():
        group = _named(call, args, "id", "name")
        if group.name == DEFAULT:
            raise invalid("The group 'default' stays.")
        inside, namers = group.machines(call.store), group.namers(call.store)
        if inside:
            raise failed(f"The security group {group.name} has {len(inside)} VM(s) in it.")
        if namers:
            raise failed(f"Rules of other groups name the security group {group.name}.")
        group.dissolve(call.store)
    record(call, "SG.DELETE", f"Deleted the security group {group.name}")
    return {"success": True}


def _named(call: Call, args: Args, id: str, name: str) -> SecurityGroup:
    """The group that parameters name by its id, or by its name. Raises ApiError 431."""
    if args.get(id):
        return call.find(SecurityGroup, args[id], id)
    if not args.get(name):
        raise malformed(f"A security group is named by {id} or {name}.")
    return _called(call, owner_of_new(call, args), args[name])


def _called(call: Call, owner: Account, name: str) -> SecurityGroup:
    found = SecurityGroup.called(call.store, name, owner.id)
    if found is None:
        raise nobody(f"There is no security group {name} of the account {owner.account_name}.")
    return found


@job(_RULE_FIELDS, more=_RULE)
def authorize_security_group_ingress(call: Call, args: Args) -> Task:
    """Lets something in to a group's VMs."""
    return _authorized(call, args, SecurityRule.INGRESS)


@job(_RULE_FIELDS, more=_RULE)
def authorize_security_group_egress(call: Call, args: Args) -> Task:
    """Lets a group's VMs send something; from the first such rule on, nothing else."""
    return _authorized(call, args, SecurityRule.EGRESS)


def _authorized(call: Call, args: Args, kind: str) -> Task:
    group = _named(call, args, "securitygroupid", "securitygroupname")
    blocks = [each for each in cidrs_of(args.get("cidrlist"), "cidrlist").split(",") if each]
    blocks = list(dict.fromkeys(blocks))
    named = [_other(call, args, group, each) for each in args.get("usersecuritygrouplist") or []]
    others = list({other.id: other for other in named}.values())
    if not blocks and not others:
        raise malformed("A rule is about cidrlist, or about usersecuritygrouplist.")
    has = group.rules(call.store)
    if len(has) + len(blocks) + len(others) > MOST_RULES or len(others) > MOST_BLOCKS:
        raise invalid(f"The security group {group.name} would have more than {MOST_RULES} rules.")
    said = _said(args)
    allowed: list[dict[str, Any]] = [{"allowed_cidr": block} for block in blocks]
    allowed += [{"allowed_group_id": other.id} for other in others]
    made: list[str] = []
    for whom in allowed:
        columns = {**said, **whom, "type": kind}
        if any(columns.items() <= vars(each).items() for each in has):
            raise invalid(f"The security group {group.name} has such a rule already.")
        rule = SecurityRule.add(
            call.store,
            security_group_id=group.id,
            account_id=group.account_id,
            created=now(),
            **columns,
        )
        made.append(rule.uuid)
    return Task(group, {"rules": made})


def authorized(call: Call, group: SecurityGroup, rules: list[str]) -> Json:
    """What is told of new rules: the group, with these alone, as CloudStack has it."""
    told = SECURITY_GROUP.one(call, group.uuid)
    for kind in (SecurityRule.INGRESS, SecurityRule.EGRESS):
        told[f"{kind}rule"] = [each for each in told[f"{kind}rule"] if each["ruleid"] in rules]
    return {SECURITY_GROUP.name: told}


def _other(call: Call, args: Args, group: SecurityGroup, entry: dict[str, str]) -> SecurityGroup:
    """A group that an entry of usersecuritygrouplist names."""
    if not entry.get("group") or not entry.get("account"):
        raise invalid("Entries of usersecuritygrouplist have account and group.")
    owner = Account.of(call.store, group.account_id)
    if entry["account"].lower() != owner.account_name.lower():
        owner = account_named(call, entry["account"], owner.domain(call.store))
    return _called(call, owner, entry["group"])


def _said(args: Args) -> dict[str, Any]:
    """The columns of what a rule is about. Raises ApiError 431 for what cannot be."""
    protocol = str(args.get("protocol") or "tcp").lower()
    if protocol not in ("tcp", "udp", "icmp", "all"):
        raise invalid(f"protocol={args['protocol']} is none of tcp, udp, icmp and all.")
    if protocol == "icmp":
        kind, code = icmp_of(args, protocol)
        columns: dict[str, Any] = {"icmp_type": kind, "icmp_code": code}
    else:
        icmp_of(args, protocol)
        columns = {}
    start, end = ports_of(args, "startport", "endport")
    if start is not None and protocol not in ("tcp", "udp"):
        raise invalid(f"{protocol} has no ports.")
    if start is None and protocol in ("tcp", "udp"):
        raise malformed(f"A rule on {protocol} needs startport.")
    return {"protocol": protocol, "start_port": start, "end_port": end, **columns}


@job(DONE)
def revoke_security_group_ingress(call: Call, args: Args) -> Task:
    """Takes a rule about what comes in back.

    id*: the rule
    """
    return _revoked(call, args, SecurityRule.INGRESS)


@job(DONE)
def revoke_security_group_egress(call: Call, args: Args) -> Task:
    """Takes a rule about what may be sent back.

    id*: the rule
    """
    return _revoked(call, args, SecurityRule.EGRESS)


def _revoked(call: Call, args: Args, kind: str) -> Task:
    rule = call.find(SecurityRule, args["id"])
    if rule.type != kind:
        raise invalid(f"{args['id']} is a rule of another kind.")
    rule.delete(call.store)
    return Task(SecurityGroup.of(call.store, rule.security_group_id))


def groups_named(call: Call, args: Args, owner: Account) -> list[SecurityGroup]:
    """The groups that securitygroupids or securitygroupnames say, of the VM's account."""
    return things_of(call, SecurityGroup, args, "securitygroup", owner, _called)
