"""Balancers: a port of a public address whose connections several VMs share."""

from __future__ import annotations

import json
import re
from typing import Any

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, job
from cmk.lab.jobs import Task
from cmk.lab.model.machine import Machine
from cmk.lab.model.network import Balanced, Network, Policy, PublicAddress, Rule
from cmk.lab.noun import Args, Noun
from cmk.lab.nouns.firewall import cidrs_of, open_for, refuse_too_many
from cmk.lab.nouns.public_ip import networks_of, nic_on
from cmk.lab.nouns.virtual_machine import MACHINE
from cmk.lab.store import now
from cmk.wire.faults import invalid, malformed

ALGORITHMS = ("roundrobin", "leastconn", "source")

#: What a client is kept with one VM by, and the parameters that it has in CloudStack.
METHODS = {
    "lbcookie": ("LbCookie", {"cookie-name", "mode", "nocache", "indirect"}),
    "appcookie": ("AppCookie", {"cookie-name", "length", "holdtime"}),
    "sourcebased": ("SourceBased", {"tablesize", "expire"}),
}

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
_NUMBER = re.compile(r"([0-9]{1,9})([a-z]{0,2})\Z")
_UNITS = {
    "time": {"": 1, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000},
    "size": {"": 1, "k": 1 << 10, "m": 1 << 20},
    "count": {"": 1},
}

#: What parameters are counted in, and the most that they may be: days of a haproxy's clock, rows of
#: its table, letters of a cookie.
_COUNTED = {
    "expire": ("time", 24 * 86_400_000),
    "holdtime": ("time", 24 * 86_400_000),
    "tablesize": ("size", 1 << 20),
    "length": ("count", 1024),
}

#: A path that haproxy takes as it is: in quotes and behind $ it would read more.
_PATH = re.compile(r"/[A-Za-z0-9/_.~&=+,;:@?-]{0,199}\Z")


LOAD_BALANCER = Noun(
    "loadbalancer",
    "listLoadBalancerRules",
    "load_balancer_view",
    "id name description publicipid publicip publicport privateport algorithm networkid cidrlist "
    "account domainid domain domainpath project projectid state protocol zoneid zonename tags "
    "fordisplay",
    is_owned=True,
    tagged="LoadBalancer",
)

#: The rows of a list have another name than one alone.
_ROWS = "loadbalancerrule"


@api(LOAD_BALANCER)
def list_load_balancer_rules(call: Call, args: Args) -> Json:
    """Lists balancers.

    id: the balancer with this id
    name: the balancer with this name
    publicipid: balancers on this public address
    networkid: balancers of this network
    virtualmachineid: balancers that this VM is behind
    zoneid: balancers of this zone
    """
    told = LOAD_BALANCER.listed(call, args)
    if LOAD_BALANCER.name in told:
        told[_ROWS] = told.pop(LOAD_BALANCER.name)
    return told


@job(LOAD_BALANCER)
def create_load_balancer_rule(call: Call, args: Args) -> Task:
    """Makes a balancer; VMs are assigned to it.

    name*: its name
    publicipid: the public address; it is needed
    publicport*: its port
    privateport*: the port of the VMs
    algorithm*=roundrobin|leastconn|source: how a VM is chosen
    protocol: tcp
    description: a text for people
    openfirewall: whether the firewall is opened for it too (default true)
    cidrlist: with that: only from these blocks
    networkid: the tier, where the address is a VPC's
    """
    if not args.get("publicipid"):
        raise malformed("createLoadBalancerRule needs publicipid.")
    address = call.find(PublicAddress, args["publicipid"], "publicipid")
    network = _network_of(call, address, args.get("networkid"))
    if not network.provides(call.store, "Lb"):
        raise invalid(f"The network {network.name} has no balancers.")
    if address.vm_id is not None:
        raise invalid(f"{address.public_ip_address} has static NAT: all of its ports lead to a VM.")
    if str(args.get("protocol") or "tcp").lower() != "tcp":
        raise invalid(f"protocol={args['protocol']}: a lab's balancers share tcp.")
    for name in ("publicport", "privateport"):
        if not 1 <= args[name] <= 65535:
            raise invalid(f"{name}={args[name]} is no port: 1 to 65535.")
    rule = Rule.draft(
        purpose=Rule.BALANCING,
        protocol="tcp",
        start_port=args["publicport"],
        end_port=args["publicport"],
        dest_port_start=args["privateport"],
        dest_port_end=args["privateport"],
        name=args["name"],
        description=args.get("description") or args["name"],
        algorithm=_algorithm(args["algorithm"]),
        ip_address_id=address.id,
        network_id=network.id,
        account_id=address.account_id,
        source_cidrs=cidrs_of(args.get("cidrlist"), "cidrlist"),
        created=now(),
    )
    for other in address.rules(call.store):
        if other.leads_in and other.meets(rule):
            raise invalid(
                f"Port {args['publicport']} of {address.public_ip_address} leads elsewhere already."
            )
    refuse_too_many(call, address, rule)
    kept = rule.kept(call.store)
    if args.get("openfirewall", True):
        open_for(call, kept, rule.source_cidrs or "0.0.0.0/0")
    return Task(kept)


def _network_of(call: Call, address: PublicAddress, wanted: str | None) -> Network:
    """The network that a balancer is for: the address's, or a tier that has balancers."""
    networks = networks_of(call, address, wanted)
    found = [each for each in networks if each.provides(call.store, "Lb")] or networks
    if not found:
        raise invalid(f"The VPC of {address.public_ip_address} has no tier yet.")
    return found[0]


def _algorithm(wanted: str) -> str:
    if wanted.lower() not in ALGORITHMS:
        raise invalid(f"algorithm={wanted} is none of {', '.join(ALGORITHMS)}.")
    return wanted.lower()


def _balancer(call: Call, uuid: str, param: str = "id") -> Rule:
    rule = call.find(Rule, uuid, param)
    if not rule.is_balancer:
        raise invalid(f"{uuid} is a rule of another kind.")
    return rule


@job(LOAD_BALANCER)
def update_load_balancer_rule(call: Call, args: Args) -> Task:
    """Changes a balancer.

    id*: the balancer
    name: its new name
    description: its new text
    algorithm=roundrobin|leastconn|source: how a VM is chosen
    """
    rule = _balancer(call, args["id"])
    columns: dict[str, Any] = {"name": args.get("name"), "description": args.get("description")}
    if args.get("algorithm"):
        columns["algorithm"] = _algorithm(args["algorithm"])
    given = {name: value for name, value in columns.items() if value}
    if given:
        rule.update(call.store, **given)
    return Task(rule)


@job(DONE)
def delete_load_balancer_rule(call: Call, args: Args) -> Task:
    """Ends a balancer, and closes the firewall that was opened with it.

    id*: the balancer
    """
    return Task(_balancer(call, args["id"]))


def _machines(call: Call, args: Args) -> list[Machine]:
    wanted = args.get("virtualmachineids") or []
    if not wanted:
        raise malformed("virtualmachineids names the VMs, with commas between.")
    return [call.find(Machine, each, "virtualmachineids") for each in wanted]


@job(DONE)
def assign_to_load_balancer_rule(call: Call, args: Args) -> Task:
    """Puts VMs behind a balancer.

    id*: the balancer
    virtualmachineids: the VMs, with commas between
    """
    rule = _balancer(call, args["id"])
    networks = [Network.of(call.store, rule.network_id)]
    has = {each.nic_id for each in Balanced.there(call.store, load_balancer_id=rule.id)}
    for vm in _machines(call, args):
        nic = nic_on(call, vm, networks, None)
        if nic.id in has:
            raise invalid(f"{vm.name} is behind the balancer {rule.name} already.")
        Balanced.insert(call.store, load_balancer_id=rule.id, instance_id=vm.id, nic_id=nic.id)
        has.add(nic.id)
    return Task(rule)


@job(DONE)
def remove_from_load_balancer_rule(call: Call, args: Args) -> Task:
    """Takes VMs away from behind a balancer.

    id*: the balancer
    virtualmachineids: the VMs, with commas between
    """
    rule = _balancer(call, args["id"])
    for vm in _machines(call, args):
        found = Balanced.there(call.store, load_balancer_id=rule.id, instance_id=vm.id)
        if not found:
            raise invalid(f"{vm.name} is not behind the balancer {rule.name}.")
        for each in found:
            each.delete(call.store)
    return Task(rule)


@api("loadbalancerruleinstance lbvmipaddresses")
def list_load_balancer_rule_instances(call: Call, args: Args) -> Json:
    """Lists the VMs behind a balancer.

    id*: the balancer
    applied: false: those that are not behind it, and could be
    lbvmips: tell their addresses too
    """
    rule = _balancer(call, args["id"])
    behind = {each.instance_id for each in Balanced.there(call.store, load_balancer_id=rule.id)}
    network = Network.of(call.store, rule.network_id)
    could = {nic.instance_id for nic in network.nics(call.store)}
    wanted = behind if args.get("applied", True) else could - behind
    mine = [vm for vm in Machine.among(call.store, wanted) if call.sees(vm)]
    rows = [MACHINE.one(call, vm.uuid) for vm in mine]
    if not rows:
        return {}
    if not args.get("lbvmips"):
        return {"count": len(rows), "loadbalancerruleinstance": rows}
    shown = [
        {"loadbalancerruleinstance": row, "lbvmipaddresses": [row["ipaddress"]]} for row in rows
    ]
    return {"count": len(rows), "lbrulevmidip": shown}


def policy_of(call: Call, policy: Policy) -> Json:
    """A policy as CloudStack shows it: in a list of one, inside its balancer."""
    rule = Rule.of(call.store, policy.load_balancer_id)
    row = LOAD_BALANCER.one(call, rule.uuid)
    told: Json = {
        "lbruleid": rule.uuid,
        **{name: row[name] for name in ("account", "domain", "domainid", "zoneid")},
    }
    params = json.loads(policy.params)
    if policy.kind == Policy.STICKINESS:
        entry = {
            "id": policy.uuid,
            "name": policy.name,
            "methodname": policy.method,
            "description": policy.description or "",
            "params": params,
            "state": "Active",
            "fordisplay": True,
        }
        return {**told, "stickinesspolicy": [entry]}
    entry = {"id": policy.uuid, "description": policy.description or "", "state": "Active"}
    return {**told, "healthcheckpolicy": [{**entry, **params}]}


@job("lbruleid account domain domainid zoneid stickinesspolicy")
def create_lb_stickiness_policy(call: Call, args: Args) -> Task:
    """Keeps a client of a balancer with one VM.

    lbruleid*: the balancer
    name*: the policy's name
    methodname*: LbCookie, AppCookie (both read http) or SourceBased
    param: what the method takes: param.cookie-name=, param.length=, param.holdtime=,
        param.tablesize=, param.expire=
    description: a text for people
    """
    rule = _balancer(call, args["lbruleid"], "lbruleid")
    method, known = METHODS.get(args["methodname"].lower(), ("", set[str]()))
    if not method:
        names = ", ".join(name for name, _ in METHODS.values())
        raise invalid(f"methodname={args['methodname']} is none of {names}.")
    params: dict[str, str] = args.get("param") or {}
    for name, value in params.items():
        if name not in known or not _is_fit(name, value):
            raise invalid(f"param {name}={value} is nothing that {method} takes.")
    if Policy.there(call.store, load_balancer_id=rule.id, kind=Policy.STICKINESS):
        raise invalid(f"The balancer {rule.name} has a stickiness policy; delete that first.")
    return Task(_add(call, rule, Policy.STICKINESS, args, params, args["name"], method))


def _is_fit(name: str, value: str) -> bool:
    """Whether haproxy can be told it."""
    if name in ("mode", "nocache", "indirect"):  # what it does anyway
        return value.lower() == ("insert" if name == "mode" else "true")
    if name not in _COUNTED:
        return bool(_NAME.match(value))
    kind, most = _COUNTED[name]
    found = _NUMBER.match(value)
    unit = _UNITS[kind].get(found[2]) if found else None
    return found is not None and unit is not None and 0 < int(found[1]) * unit <= most


def _add(
    call: Call,
    rule: Rule,
    kind: str,
    args: Args,
    params: dict[str, Any],
    name: str,
    method: str | None,
) -> Policy:
    return Policy.add(
        call.store,
        load_balancer_id=rule.id,
        kind=kind,
        name=name,
        method=method,
        description=args.get("description"),
        params=json.dumps(params),
        account_id=rule.account_id,
        created=now(),
    )


def _policies(call: Call, args: Args, kind: str, rows: str) -> Json:
    if args.get("lbruleid"):
        rule = _balancer(call, args["lbruleid"], "lbruleid")
        found = Policy.there(call.store, load_balancer_id=rule.id, kind=kind)
    elif args.get("id"):
        found = [call.find(Policy, args["id"])]
    else:
        raise malformed("Say id or lbruleid.")
    told = [policy_of(call, each) for each in found]
    return {"count": len(told), rows: told} if told else {}


@api("lbruleid account domain domainid zoneid stickinesspolicy")
def list_lb_stickiness_policies(call: Call, args: Args) -> Json:
    """Lists how balancers keep clients.

    id: the policy with this id
    lbruleid: the policies of this balancer
    """
    return _policies(call, args, Policy.STICKINESS, "stickinesspolicies")


@job(DONE)
def delete_lb_stickiness_policy(call: Call, args: Args) -> Task:
    """Ends a stickiness policy.

    id*: the policy
    """
    return Task(call.find(Policy, args["id"]))


@job("lbruleid account domain domainid zoneid healthcheckpolicy")
def create_lb_health_check_policy(call: Call, args: Args) -> Task:
    """Says how a balancer asks its VMs how they are; without one it tries to connect.

    lbruleid*: the balancer
    pingpath: asks for this path over http, instead of connecting alone
    intervaltime: seconds between two questions (default 2)
    healthythreshold: good answers after which a VM is used (default 1)
    unhealthythreshold: bad answers after which it is not (default 2)
    description: a text for people
    """
    rule = _balancer(call, args["lbruleid"], "lbruleid")
    path = args.get("pingpath") or ""
    if path and not _PATH.match(path):
        raise invalid(f"pingpath={path} is no path.")
    params: dict[str, Any] = {"pingpath": path} if path else {}
    for name, least in (("intervaltime", 1), ("healthythreshold", 1), ("unhealthythreshold", 1)):
        value = args.get(name)
        if value is not None and not least <= value <= 3600:
            raise invalid(f"{name}={value}: it is {least} to 3600.")
        params |= {name: value} if value is not None else {}
    if Policy.there(call.store, load_balancer_id=rule.id, kind=Policy.HEALTH):
        raise invalid(f"The balancer {rule.name} has a health check policy; delete that first.")
    return Task(_add(call, rule, Policy.HEALTH, args, params, "health", None))


@api("lbruleid account domain domainid zoneid healthcheckpolicy")
def list_lb_health_check_policies(call: Call, args: Args) -> Json:
    """Lists how balancers ask their VMs how they are.

    id: the policy with this id
    lbruleid: the policies of this balancer
    """
    return _policies(call, args, Policy.HEALTH, "healthcheckpolicies")


@job(DONE)
def delete_lb_health_check_policy(call: Call, args: Args) -> Task:
    """Ends a health check policy.

    id*: the policy
    """
    return Task(call.find(Policy, args["id"]))
