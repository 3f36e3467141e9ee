"""Security groups as a table of nftables on the bridges: what guests of one network say to each
other is not routed, and is asked about there.

Not every kernel follows connections on a bridge, so each NIC in a group has two sets of answers
that are awaited, as (from, to, protocol, port, port): `i` of what its rules have let in, `o` of
what they have let out. They are its own, so that nobody fills another's. Where a guest is in a
group, none on its network may send from an address that is not its own: rules are about addresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cmk.router.firewall import chain, condition
from cmk.router.links import tap_of

#: What a guest sends from that asks for its address.
_NONE_YET = "0.0.0.0"  # noqa: S104 - nothing listens there

_SET = (
    "  set {name} {{\n"
    "    type ipv4_addr . ipv4_addr . inet_proto . inet_service . inet_service\n"
    "    flags dynamic,timeout; timeout 10m; size 16384\n"
    "  }}\n"
)

#: Whether a packet is an answer, and what awaits one.
_IS_IN = "ip saddr . ip daddr . meta l4proto . th sport . th dport @{name} return"
_AWAIT = (
    "meta l4proto {{ tcp, udp }} "
    "update @{name} {{ ip daddr . ip saddr . meta l4proto . th dport . th sport }} return"
)


def guarded(state: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The guests that are in groups, each with its network."""
    return [
        (network, guest)
        for network in state["networks"]
        for guest in network["guests"]
        if guest["groups"] is not None
    ]


def table(state: dict[str, Any]) -> str:
    """The text for `nft -f -`; without guests in groups all passes."""
    guests = guarded(state)
    sets = [_SET.format(name=f"{way}{guest['nic']}") for _, guest in guests for way in ("i", "o")]
    chains = [text for network, guest in guests for text in _chains(network, guest)]
    taps = [(tap_of(guest["nic"]), guest["nic"]) for _, guest in guests]
    spoofed = list(_spoofed(state))
    hook = "type filter hook {} priority 0; policy accept;"
    chains += [
        chain("forward", hook.format("forward"), (*spoofed, *_between(taps))),
        chain("input", hook.format("input"), (*spoofed, *_leaving(taps))),
    ]
    # What is awaited outlives each change of the rules.
    kept = f"table bridge lab {{\n{''.join(sets)}}}\nflush table bridge lab\n"
    return kept + "table bridge lab {\n" + "".join(chains) + "}\n"


def _chains(network: dict[str, Any], guest: dict[str, Any]) -> Iterator[str]:
    """What a guest lets in, and may send."""
    nic, groups = guest["nic"], guest["groups"]
    come_in = [line for rule in groups["ingress"] for line in _passing(rule, f"i{nic}")]
    yield chain(f"in{nic}", "", (_IS_IN.format(name=f"o{nic}"), *come_in, "drop"))
    router = f"ip daddr {{ {network['address']}, 255.255.255.255 }} return"
    go_out = [line for rule in groups["egress"] for line in _passing(rule, f"o{nic}")]
    if groups["sends_all"]:
        go_out += [_AWAIT.format(name=f"o{nic}"), "return"]
    yield chain(f"out{nic}", "", (router, _IS_IN.format(name=f"i{nic}"), *go_out, "drop"))


def _passing(rule: dict[str, Any], name: str) -> Iterator[str]:
    """A rule that lets pass, and awaits the answer; a set that is full awaits none."""
    allowed = condition(rule)
    yield allowed + _AWAIT.format(name=name)
    yield f"{allowed}return"


def _spoofed(state: dict[str, Any]) -> Iterator[str]:
    """What no guest may send on a network where one is in a group."""
    for network in state["networks"]:
        if all(guest["groups"] is None for guest in network["guests"]):
            continue
        for guest in network["guests"]:
            own = ", ".join((_NONE_YET, *dict.fromkeys(guest["addresses"])))
            way = f'iifname "{tap_of(guest["nic"])}"'
            yield f"{way} ether type ip ip saddr != {{ {own} }} drop"
            yield f"{way} arp saddr ip != {{ {own} }} drop"
            yield f"{way} ether type vlan drop"


def _between(taps: list[tuple[str, int]]) -> Iterator[str]:
    """What one guest says to another is asked of both."""
    yield "icmp type { echo-reply, destination-unreachable, time-exceeded } accept"
    for tap, nic in taps:
        yield f'iifname "{tap}" ether type ip jump out{nic}'
        yield f'oifname "{tap}" ether type ip jump in{nic}'
        yield f'iifname "{tap}" ether type ip6 drop'  # no rule is about it
        yield f'oifname "{tap}" ether type ip6 drop'


def _leaving(taps: list[tuple[str, int]]) -> Iterator[str]:
    """What guests send to the router, and through it."""
    for tap, nic in taps:
        yield f'iifname "{tap}" ether type ip jump out{nic}'
