"""Bridges and taps, as lines for `ip -batch`."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any

#: The link that slirp4netns makes: the cable to the outside.
UPLINK = "out0"

_BRIDGE, _TAP = "cmkb", "cmkt"


def bridge_of(network: int) -> str:
    """The name of a network's bridge."""
    return f"{_BRIDGE}{network}"


def tap_of(nic: int) -> str:
    """The name of a NIC's tap."""
    return f"{_TAP}{nic}"


def there() -> set[str]:
    """The links of this network namespace."""
    return {name for _, name in socket.if_nameindex()}


def commands(state: dict[str, Any], existing: Iterable[str]) -> list[str]:
    """What makes the links that a state wants of those that are there."""
    found = set(existing)
    wanted = {"lo", UPLINK}
    lines = ["link set lo up"]
    for network in state["networks"]:
        bridge = bridge_of(network["id"])
        wanted.add(bridge)
        if bridge not in found:
            lines.append(f"link add {bridge} address {network['mac']} type bridge")
        if network["address"]:
            lines.append(f"addr replace {network['address']}/{network['prefix']} dev {bridge}")
        lines.append(f"link set {bridge} up")
        for guest in network["guests"]:
            tap = tap_of(guest["nic"])
            wanted.add(tap)
            if tap not in found:
                lines.append(f"tuntap add dev {tap} mode tap user 0")
            lines.append(f"link set {tap} master {bridge} up")
    if UPLINK in found:
        lines += [f"addr replace {public['inside']}/32 dev {UPLINK}" for public in state["publics"]]
    gone = sorted(name for name in found - wanted if name.startswith((_BRIDGE, _TAP)))
    return [*(f"link del {name}" for name in gone), *lines]
