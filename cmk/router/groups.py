"""Security groups as a table of nftables on the bridges: what guests of one network say to each
other is not routed, and is asked about there.

Not every kernel follows connections on a bridge, so the table remembers what its rules have let
pass: a set of (to, from, protocol, port, port), in which answers find themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cmk.router.firewall import chain, condition
from cmk.router.links import tap_of

#: What is kept of conversations outlives each change of the rules.
_SEEN = (
    "  set seen {\n"
    "    type ipv4_addr . ipv4_addr . inet_proto . inet_service . inet_service\n"
    "    flags dynamic,timeout; timeout 10m; size 65536\n"
    "  }\n"
)

_REMEMBER = (
    "meta l4proto { tcp, udp } "
    "update @seen { ip daddr . ip saddr . meta l4proto . th dport . th sport }"
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
    chains = [chain("keep", "", (_REMEMBER, "return"))]
    for network, guest in guests:
        groups, nic = guest["groups"], guest["nic"]
        ingress = [f"{condition(rule)}goto keep" for rule in groups["ingress"]]
        chains.append(chain(f"in{nic}", "", (*ingress, "drop")))
        router = f"ip daddr {{ {network['address']}, 255.255.255.255 }} return"
        egress = [f"{condition(rule)}goto keep" for rule in groups["egress"]]
        last = "goto keep" if groups["sends_all"] else "drop"
        chains.append(chain(f"out{nic}", "", (router, *egress, last)))
    taps = [(tap_of(guest["nic"]), guest["nic"]) for _, guest in guests]
    chains += [
        chain("forward", "type filter hook forward priority 0; policy accept;", _between(taps)),
        chain("input", "type filter hook input priority 0; policy accept;", _leaving(taps)),
    ]
    kept = f"table bridge lab {{\n{_SEEN}}}\nflush table bridge lab\n"
    return kept + "table bridge lab {\n" + "".join(chains) + "}\n"


def _between(taps: list[tuple[str, int]]) -> Iterator[str]:
    """What one guest says to another: answers pass, all else is asked of both."""
    yield "ip saddr . ip daddr . meta l4proto . th sport . th dport @seen accept"
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
