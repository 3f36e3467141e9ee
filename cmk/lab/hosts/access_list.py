"""What a VPC's lists say, as the router is told it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from cmk.document import Json
from cmk.lab.model.network import Network, Rule
from cmk.lab.model.security_group import SecurityRule
from cmk.lab.model.vpc import AclItem, AclList
from cmk.lab.store import Store

#: What every program on this machine comes from, as far as a rule on a public address can tell.
HERE = IPv4Address("127.0.0.1")

#: Ports of one public address that may lead in: slirp4netns opens them one by one.
MOST_PORTS = 2048

#: What is opened of a public address with static NAT by a rule that names no ports, or more than
#: those: the well-known ones, and three that people use beside them.
COMMON_PORTS = (*range(1, 1025), 3389, 8080, 8443)


def access(store: Store, network: Network) -> Json | None:
    """What may enter and leave a tier, as lists of rules in their order; None outside a VPC."""
    if network.network_acl_id is None:
        return None
    items = AclList.of(store, network.network_acl_id).items(store)
    return {
        "ingress": [_told(item, "sources") for item in items if item.is_ingress],
        "egress": [_told(item, "destinations") for item in items if not item.is_ingress],
    }


def _told(item: AclItem, where: str) -> Json:
    return {
        **about(item),
        "verdict": "return" if item.allows else "drop",
        where: [] if item.cidrs == "0.0.0.0/0" else Rule.list_of(item.cidrs),
        "outside": lets_here(item.cidrs),
    }


def about(rule: Rule | AclItem | SecurityRule) -> Json:
    """The protocol of a rule, with its ports, or its type and code."""
    return {
        "protocol": rule.protocol,
        "start": rule.start_port,
        "end": rule.end_port,
        "type": rule.icmp_type,
        "code": rule.icmp_code,
    }


def lets_here(cidrs: str) -> bool:
    """Whether blocks have this machine in them, which all that comes from outside is from."""
    return any(HERE in IPv4Network(cidr, strict=False) for cidr in Rule.list_of(cidrs))


def entrances(store: Store, network: Network) -> set[tuple[str, int]]:
    """The ports of a tier's VMs that its list lets this machine come to, as (protocol, port)."""
    asked: set[tuple[str, int]] = set()
    opened: list[tuple[str, int]] = []
    for item in AclList.of(store, network.network_acl_id).items(store):
        if not item.is_ingress or not lets_here(item.cidrs):
            continue
        protocols = ("tcp", "udp") if item.protocol == "all" else (item.protocol,)
        its = [
            (protocol, port)
            for protocol in protocols
            if protocol in ("tcp", "udp")
            for port in _ports(item)
            if (protocol, port) not in asked
        ]
        asked.update(its)
        if item.allows:
            opened += its
    return set(opened[:MOST_PORTS])


def _ports(item: AclItem) -> tuple[int, ...] | range:
    if item.start_port is None or item.end_port is None:
        return COMMON_PORTS
    ports = range(item.start_port, item.end_port + 1)
    if len(ports) > MOST_PORTS:
        return tuple(port for port in COMMON_PORTS if port in ports)
    return ports
