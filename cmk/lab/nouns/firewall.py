"""Rules: which ports of public addresses are open, where they lead, what may leave networks."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, job
from cmk.lab.hosts.access_list import MOST_PORTS
from cmk.lab.jobs import Task
from cmk.lab.model.machine import Machine
from cmk.lab.model.network import Network, PublicAddress, Rule
from cmk.lab.noun import Args, Noun
from cmk.lab.nouns.network import usable
from cmk.lab.nouns.public_ip import networks_of, nic_on
from cmk.lab.store import now
from cmk.wire.faults import invalid, malformed

#: Blocks that one rule may name: nftables is told all rules at once.
MOST_BLOCKS = 100


FIREWALL = Noun(
    "firewallrule",
    "listFirewallRules",
    "firewall_rule_view",
    "id protocol startport endport ipaddressid networkid ipaddress state cidrlist tags icmptype "
    "icmpcode fordisplay traffictype",
    keyword="protocol",
    is_owned=True,
    tagged="FirewallRule",
)

EGRESS = Noun(
    "firewallrule",
    "listEgressFirewallRules",
    "firewall_rule_view",
    "id protocol startport endport networkid state cidrlist destcidrlist tags icmptype icmpcode "
    "fordisplay traffictype",
    keyword="protocol",
    is_owned=True,
    tagged="FirewallRule",
)

FORWARDING = Noun(
    "portforwardingrule",
    "listPortForwardingRules",
    "firewall_rule_view",
    "id privateport privateendport protocol publicport publicendport virtualmachineid "
    "virtualmachinename virtualmachinedisplayname ipaddressid ipaddress state cidrlist tags "
    "vmguestip networkid fordisplay",
    keyword="protocol",
    is_owned=True,
    tagged="PortForwardingRule",
)

_FILTERS = """
    id: the rule with this id
    ipaddressid: rules on this public address
    networkid: rules of this network
"""

#: What every firewall rule says.
_WHAT = """
    protocol*: tcp, udp, icmp or all
    startport: the first port
    endport: the last one (default: the first)
    icmptype: of icmp: the type; -1: all
    icmpcode: of icmp: the code; -1: all
    cidrlist: only from these blocks
"""


@api(FIREWALL, more=_FILTERS)
def list_firewall_rules(call: Call, args: Args) -> Json:
    """Lists the rules that open ports of public addresses."""
    return FIREWALL.listed(call, {**args, "purpose": Rule.FIREWALL, "traffictype": "Ingress"})


@api(EGRESS, more=_FILTERS)
def list_egress_firewall_rules(call: Call, args: Args) -> Json:
    """Lists the rules about what may leave networks."""
    return EGRESS.listed(call, {**args, "purpose": Rule.FIREWALL, "traffictype": "Egress"})


@api(FORWARDING, more=_FILTERS)
def list_port_forwarding_rules(call: Call, args: Args) -> Json:
    """Lists the ports of public addresses that lead to VMs."""
    return FORWARDING.listed(call, {**args, "purpose": Rule.FORWARDING})


@job(FIREWALL, more=_WHAT)
def create_firewall_rule(call: Call, args: Args) -> Task:
    """Opens ports of a public address.

    ipaddressid*: the public address
    """
    address = call.find(PublicAddress, args["ipaddressid"], "ipaddressid")
    if address.vpc_id is not None:
        raise invalid(
            f"{address.public_ip_address} is a VPC's: the lists of its tiers say what comes in."
        )
    network = Network.of(call.store, address.network_id)
    if _protocol(args) == "all":
        raise invalid("protocol=all is for what leaves a network; here it is tcp, udp or icmp.")
    rule = _drafted(call, args, network, Rule.FIREWALL, "Ingress", address)
    if rule.protocol != "icmp" and rule.start_port is None:
        raise malformed("createFirewallRule needs startport for tcp and udp.")
    for other in address.rules(call.store):
        if other.purpose == Rule.FIREWALL and other.meets(rule):
            if rule.protocol == "icmp":
                raise invalid(f"{address.public_ip_address} has this rule on icmp already.")
            raise invalid(
                f"Ports {other.ports.start} to {other.ports.stop - 1} of "
                f"{address.public_ip_address} have a firewall rule already."
            )
    refuse_too_many(call, address, rule)
    return Task(rule.kept(call.store))


@job(EGRESS, more=_WHAT)
def create_egress_firewall_rule(call: Call, args: Args) -> Task:
    """Lets what leaves a network pass; where its offering lets all pass: keeps it back.

    networkid*: the network
    destcidrlist: only to these blocks
    """
    network = usable(call, args["networkid"])
    rule = _drafted(call, args, network, Rule.FIREWALL, "Egress", None)
    return Task(rule.kept(call.store))


@job(FORWARDING)
def create_port_forwarding_rule(call: Call, args: Args) -> Task:
    """Leads ports of a public address to a VM.

    ipaddressid*: the public address
    protocol*: tcp or udp
    publicport*: the first port
    publicendport: the last one (default: the first)
    privateport*: the first port of the VM
    privateendport: its last one
    virtualmachineid*: the VM
    vmguestip: its address, where it has several
    openfirewall: whether the firewall is opened for it too (default true)
    cidrlist: with that: only from these blocks
    networkid: the VM's tier, where the address is a VPC's
    """
    address = call.find(PublicAddress, args["ipaddressid"], "ipaddressid")
    vm = call.find(Machine, args["virtualmachineid"], "virtualmachineid")
    networks = networks_of(call, address, args.get("networkid"))
    nic = nic_on(call, vm, networks, args.get("vmguestip"))
    protocol = _protocol(args)
    if protocol not in ("tcp", "udp"):
        raise invalid(f"protocol={args['protocol']}: ports are of tcp or udp.")
    if address.vm_id is not None:
        raise invalid(f"{address.public_ip_address} has static NAT: all of its ports lead to a VM.")
    start, end = ports_of(args, "publicport", "publicendport")
    to, to_end = ports_of(args, "privateport", "privateendport")
    if start is None or end is None or to is None or to_end is None:
        raise malformed("createPortForwardingRule needs publicport and privateport.")
    if args.get("privateendport") is not None and to_end - to != end - start:
        raise invalid("publicport to publicendport and privateport to privateendport differ.")
    if to + end - start > 65535:
        raise invalid(f"privateport={to} and {end - start} more go past 65535.")
    rule = Rule.draft(
        purpose=Rule.FORWARDING,
        protocol=protocol,
        start_port=start,
        end_port=end,
        ip_address_id=address.id,
        network_id=nic.network_id,
        account_id=address.account_id,
        instance_id=vm.id,
        nic_id=nic.id,
        dest_ip_address=args.get("vmguestip") or nic.ip4_address,
        dest_port_start=to,
        dest_port_end=to + end - start,
        created=now(),
    )
    for other in address.rules(call.store):
        if other.leads_in and other.meets(rule):
            raise invalid(
                f"Ports {other.ports.start} to {other.ports.stop - 1} of "
                f"{address.public_ip_address} lead elsewhere already."
            )
    refuse_too_many(call, address, rule)
    kept = rule.kept(call.store)
    if args.get("openfirewall", True):
        open_for(call, kept, cidrs_of(args.get("cidrlist"), "cidrlist") or "0.0.0.0/0")
    return Task(kept)


@job(FORWARDING)
def update_port_forwarding_rule(call: Call, args: Args) -> Task:
    """Leads the ports of a rule elsewhere.

    id*: the rule
    privateport: the first port of the VM
    privateendport: its last one
    virtualmachineid: another VM
    vmguestip: its address, where it has several
    """
    rule = call.find(Rule, args["id"])
    if rule.purpose != Rule.FORWARDING:
        raise invalid(f"{args['id']} is a rule of another kind.")
    columns: dict[str, Any] = {}
    if args.get("virtualmachineid") or args.get("vmguestip"):
        vm = Machine.of(call.store, rule.instance_id)
        if args.get("virtualmachineid"):
            vm = call.find(Machine, args["virtualmachineid"], "virtualmachineid")
        network = Network.of(call.store, rule.network_id)
        nic = nic_on(call, vm, [network], args.get("vmguestip"))
        to_address = args.get("vmguestip") or nic.ip4_address
        columns = {"instance_id": vm.id, "nic_id": nic.id, "dest_ip_address": to_address}
    to, to_end = ports_of(args, "privateport", "privateendport")
    if to is not None:
        last = to + len(rule.ports) - 1
        if args.get("privateendport") is not None and to_end != last:
            raise invalid("publicport to publicendport and privateport to privateendport differ.")
        if last > 65535:
            raise invalid(f"privateport={to} and {len(rule.ports) - 1} more go past 65535.")
        columns |= {"dest_port_start": to, "dest_port_end": last}
    if columns:
        rule.update(call.store, **columns)
    return Task(rule)


def open_for(call: Call, leading: Rule, cidrs: str) -> None:
    """The firewall rules that come with what leads to VMs, for those of its ports that are not open
    already."""
    address = PublicAddress.of(call.store, leading.ip_address_id)
    if address.vpc_id is not None:
        return  # lists of rules say that
    opened = [
        rule.ports
        for rule in address.rules(call.store)
        if rule.purpose == Rule.FIREWALL and rule.protocol == leading.protocol
    ]
    closed = [port for port in leading.ports if not any(port in ports for ports in opened)]
    runs: list[list[int]] = []
    for port in closed:
        if runs and runs[-1][1] == port - 1:
            runs[-1][1] = port
        else:
            runs.append([port, port])
    for start, end in runs:
        Rule.add(
            call.store,
            purpose=Rule.FIREWALL,
            protocol=leading.protocol,
            start_port=start,
            end_port=end,
            ip_address_id=leading.ip_address_id,
            network_id=leading.network_id,
            account_id=leading.account_id,
            source_cidrs=cidrs,
            related_id=leading.id,
            state="Active",
            created=now(),
        )


def _drafted(
    call: Call,
    args: Args,
    network: Network,
    purpose: str,
    traffic: str,
    address: PublicAddress | None,
) -> Rule:
    protocol = _protocol(args)
    start, end = ports_of(args, "startport", "endport")
    if start is not None and protocol not in ("tcp", "udp"):
        raise invalid(f"{protocol} has no ports.")
    kind, code = icmp_of(args, protocol)
    sources = cidrs_of(args.get("cidrlist"), "cidrlist")
    if address is None and network.cidr:
        own = IPv4Network(network.cidr)
        for each in Rule.list_of(sources):
            if not IPv4Network(each).overlaps(own):
                raise invalid(f"{each} is not of the network {network.name} ({network.cidr}).")
    return Rule.draft(
        purpose=purpose,
        traffic_type=traffic,
        protocol=protocol,
        start_port=start,
        end_port=end,
        icmp_type=kind,
        icmp_code=code,
        ip_address_id=address.id if address else None,
        network_id=network.id,
        account_id=address.account_id if address else network.account_id,
        source_cidrs=sources or ("0.0.0.0/0" if address else network.cidr),
        destination_cidrs=cidrs_of(args.get("destcidrlist"), "destcidrlist"),
        created=now(),
    )


def icmp_of(args: Args, protocol: str) -> tuple[int | None, int | None]:
    """The type and the code of icmp that a rule is about. Raises ApiError 431 for what are none."""
    kind, code = args.get("icmptype"), args.get("icmpcode")
    given = [value for value in (kind, code) if value is not None]
    if given and protocol != "icmp":
        raise invalid("icmptype and icmpcode go with protocol=icmp.")
    if any(not -1 <= value <= 255 for value in given):
        raise invalid("icmptype and icmpcode are -1 to 255.")
    return kind, code


def _protocol(args: Args) -> str:
    found = str(args["protocol"]).lower()
    if found not in ("tcp", "udp", "icmp", "all"):
        raise invalid(f"protocol={args['protocol']} is none of tcp, udp, icmp and all.")
    return found


def ports_of(args: Args, first: str, last: str) -> tuple[int | None, int | None]:
    """The first and the last port that parameters name. Raises ApiError 431 for what are none."""
    start: int | None = args.get(first)
    if start is None:
        if args.get(last) is not None:
            raise malformed(f"{last} goes with {first}.")
        return None, None
    given: int | None = args.get(last)
    end = start if given is None else given
    for name, port in ((first, start), (last, end)):
        if not 1 <= port <= 65535:
            raise invalid(f"{name}={port} is no port: 1 to 65535.")
    if end < start:
        raise invalid(f"{last}={end} is before {first}={start}.")
    return start, end


def cidrs_of(given: list[str] | None, name: str) -> str:
    """Blocks as the store has them. Raises ApiError 431 for what is none."""
    if len(given or []) > MOST_BLOCKS:
        raise invalid(f"{name} names {len(given or [])} blocks; {MOST_BLOCKS} are the most.")
    try:
        return ",".join(str(IPv4Network(each, strict=False)) for each in given or [])
    except ValueError:
        raise invalid(f"{name}={','.join(given or [])}: these are no IPv4 blocks.") from None


def refuse_too_many(call: Call, address: PublicAddress, rule: Rule) -> None:
    """Raise ApiError 431 where an address would have more ports open than may be."""
    has = sum(len(each.ports) for each in address.rules(call.store) if each.purpose == rule.purpose)
    if rule.protocol != "icmp" and has + len(rule.ports) > MOST_PORTS:
        raise invalid(
            f"{address.public_ip_address} would have {has + len(rule.ports)} ports open; "
            f"{MOST_PORTS} are the most in a lab."
        )


def _deletion(call: Call, args: Args, purpose: str, traffic: str) -> Task:
    rule = call.find(Rule, args["id"])
    if (rule.purpose, rule.traffic_type) != (purpose, traffic):
        raise invalid(f"{args['id']} is a rule of another kind.")
    return Task(rule)


@job(DONE)
def delete_firewall_rule(call: Call, args: Args) -> Task:
    """Closes what a rule has opened.

    id*: the rule
    """
    return _deletion(call, args, Rule.FIREWALL, "Ingress")


@job(DONE)
def delete_egress_firewall_rule(call: Call, args: Args) -> Task:
    """Takes back a rule about what may leave a network.

    id*: the rule
    """
    return _deletion(call, args, Rule.FIREWALL, "Egress")


@job(DONE)
def delete_port_forwarding_rule(call: Call, args: Args) -> Task:
    """Ends a forwarding, and closes the firewall that was opened with it.

    id*: the rule
    """
    return _deletion(call, args, Rule.FORWARDING, "Ingress")
