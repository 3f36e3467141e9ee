"""A state as a table of nftables, put in as a whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from cmk.router.links import UPLINK, bridge_of

#: What guests may ask the router itself, at its address in their own network: names, metadata,
#: passwords, an echo.
_OF_GUESTS = (
    "udp dport 53 accept",
    "tcp dport { 53, 80, 8080 } accept",
    "icmp type echo-request accept",
)


def table(state: dict[str, Any]) -> str:
    """The text for `nft -f -`."""
    chains = (
        *_lists(state),
        chain("pre", "type nat hook prerouting priority -100;", _forwards(state)),
        chain("post", "type nat hook postrouting priority 100;", _sources(state)),
        chain("pass", "type filter hook forward priority 0; policy drop;", _passing(state)),
        chain("own", "type filter hook input priority 0; policy drop;", _asking(state)),
    )
    return "table ip lab\ndelete table ip lab\ntable ip lab {\n" + "".join(chains) + "}\n"


def chain(name: str, hook: str, rules: Iterable[str]) -> str:
    """A chain as nftables reads it."""
    return f"  chain {name} {{\n    {hook}\n" + "".join(f"    {rule}\n" for rule in rules) + "  }\n"


def _lists(state: dict[str, Any]) -> Iterator[str]:
    """A VPC's lists of rules, two chains a tier: what they let pass returns to where it came from.
    What no rule is about does not come in, and may leave (CloudStack's router, 4.22)."""
    for network in _tiers(state):
        access = network["access"]
        entering = [rule for item in access["ingress"] for rule in _entering(item)]
        leaving = [f"{condition(item)}{item['verdict']}" for item in access["egress"]]
        yield chain(f"in{network['id']}", "", [*entering, "drop"])
        yield chain(f"out{network['id']}", "", leaving)


def _tiers(state: dict[str, Any]) -> list[dict[str, Any]]:
    return [network for network in state["networks"] if network["vpc"]]


def _entering(item: dict[str, Any]) -> Iterator[str]:
    """A rule on what comes in: who comes from outside is known by no address of its own."""
    if item["outside"]:
        rule = condition({**item, "sources": []})
        yield f'iifname "{UPLINK}" {rule}{item["verdict"]}'
    yield f'iifname != "{UPLINK}" {condition(item)}{item["verdict"]}'


def _forwards(state: dict[str, Any]) -> Iterator[str]:
    """Where what comes to a public address goes."""
    for public in state["publics"]:
        for forward in public["forwards"]:
            yield (
                f'iifname "{UPLINK}" ip daddr {public["inside"]} {forward["protocol"]} dport '
                f"{forward['port']} dnat to {forward['to']}:{forward['at']}"
            )


def _sources(state: dict[str, Any]) -> Iterator[str]:
    """Which address guests have outside."""
    insides = {
        source: public["inside"] for public in state["publics"] for source in public["sources"]
    }
    for network in state["networks"]:
        if "SourceNat" in network["services"]:
            inside = insides.get(network["id"])
            how = f"snat to {inside}" if inside else "masquerade"
            yield f'iifname "{bridge_of(network["id"])}" oifname "{UPLINK}" {how}'


def _passing(state: dict[str, Any]) -> Iterator[str]:
    """What the router passes on: what was forwarded, its answers, and what may leave."""
    yield "ct state established,related accept"
    for network in _tiers(state):
        yield f'iifname "{bridge_of(network["id"])}" jump out{network["id"]}'
        yield f'oifname "{bridge_of(network["id"])}" jump in{network["id"]}'
    yield f'iifname "{UPLINK}" ct status dnat accept'
    yield from _between(state)
    for network in state["networks"]:
        way = f'iifname "{bridge_of(network["id"])}" oifname "{UPLINK}"'
        if "SourceNat" not in network["services"]:
            continue
        allows = network["outgoing"] == "allow"
        for rule in network["egress"]:
            yield f"{way} {condition(rule)}{'drop' if allows else 'accept'}"
        if allows:
            yield f"{way} accept"


def _between(state: dict[str, Any]) -> Iterator[str]:
    """What tiers of one VPC say to each other, as far as their lists have let it come here."""
    vpcs: dict[int, list[str]] = {}
    for network in _tiers(state):
        vpcs.setdefault(network["vpc"], []).append(f'"{bridge_of(network["id"])}"')
    for bridges in vpcs.values():
        if len(bridges) > 1:
            tiers = f"{{ {', '.join(bridges)} }}"
            yield f"iifname {tiers} oifname {tiers} accept"


def _asking(state: dict[str, Any]) -> Iterator[str]:
    """What may come to the router itself."""
    yield 'iifname "lo" accept'
    yield "ct state established,related accept"
    for public in state["publics"]:
        for balancer in public["balancers"]:
            place = f"ip daddr {public['inside']} tcp dport {balancer['port']}"
            yield f'iifname "{UPLINK}" {place} accept'
    for network in state["networks"]:
        if network["address"]:
            way = f'iifname "{bridge_of(network["id"])}"'
            yield f"{way} udp dport 67 accept"  # who asks for an address has none yet
            yield from (f"{way} ip daddr {network['address']} {rule}" for rule in _OF_GUESTS)


def condition(rule: dict[str, Any]) -> str:
    """A rule's protocol, ports and addresses as nftables writes them, with a blank at its end."""
    parts = []
    for word, field in (("saddr", "sources"), ("daddr", "destinations")):
        if rule.get(field):
            parts.append(f"ip {word} {{ {', '.join(rule[field])} }}")
    protocol = rule["protocol"]
    if protocol in ("tcp", "udp"):
        ports = f" dport {rule['start']}-{rule['end']}" if rule.get("start") else ""
        parts.append(f"{protocol}{ports}" if ports else f"ip protocol {protocol}")
    elif protocol.isdigit():
        parts.append(f"ip protocol {protocol}")
    elif protocol == "icmp":
        parts.append("ip protocol icmp")
        parts += [
            f"icmp {name} {rule[name]}"
            for name in ("type", "code")
            if rule.get(name) is not None and rule[name] >= 0
        ]
    return "".join(f"{part} " for part in parts)
