"""A state as a table of nftables, put in as a whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
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
        _chain("pre", "type nat hook prerouting priority -100;", _forwards(state)),
        _chain("post", "type nat hook postrouting priority 100;", _sources(state)),
        _chain("pass", "type filter hook forward priority 0; policy drop;", _passing(state)),
        _chain("own", "type filter hook input priority 0; policy drop;", _asking(state)),
    )
    return "table ip lab\ndelete table ip lab\ntable ip lab {\n" + "".join(chains) + "}\n"


def _chain(name: str, hook: str, rules: Iterator[str]) -> str:
    return f"  chain {name} {{\n    {hook}\n" + "".join(f"    {rule}\n" for rule in rules) + "  }\n"


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
    insides = {public["source"]: public["inside"] for public in state["publics"]}
    for network in state["networks"]:
        if "SourceNat" in network["services"]:
            inside = insides.get(network["id"])
            how = f"snat to {inside}" if inside else "masquerade"
            yield f'iifname "{bridge_of(network["id"])}" oifname "{UPLINK}" {how}'


def _passing(state: dict[str, Any]) -> Iterator[str]:
    """What the router passes on: what was forwarded, its answers, and what may leave."""
    yield "ct state established,related accept"
    yield f'iifname "{UPLINK}" ct status dnat accept'
    for network in state["networks"]:
        way = f'iifname "{bridge_of(network["id"])}" oifname "{UPLINK}"'
        if "SourceNat" not in network["services"]:
            continue
        allows = network["outgoing"] == "allow"
        for rule in network["egress"]:
            yield f"{way} {condition(rule)}{'drop' if allows else 'accept'}"
        if allows:
            yield f"{way} accept"


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
    elif protocol == "icmp":
        parts.append("ip protocol icmp")
        parts += [
            f"icmp {name} {rule[name]}"
            for name in ("type", "code")
            if rule.get(name) is not None and rule[name] >= 0
        ]
    return "".join(f"{part} " for part in parts)
