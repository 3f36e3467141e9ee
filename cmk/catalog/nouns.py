"""Short words for the nouns that are typed most: `list vms`, `start vm`, `list ips`, `list so`."""

from __future__ import annotations

from collections.abc import Iterator

#: By the short word, what it may stand for, the likeliest first.
SHORT = {
    "vm": ("virtualmachine",),
    "ip": ("publicipaddress", "ipaddress"),
    "sg": ("securitygroup",),
    "so": ("serviceoffering",),
    "do": ("diskoffering",),
    "no": ("networkoffering",),
    "vol": ("volume",),
    "net": ("network",),
    "lb": ("loadbalancerrule", "loadbalancer"),
    "pf": ("portforwardingrule",),
    "fw": ("firewallrule",),
    "ag": ("affinitygroup",),
    "key": ("sshkeypair",),
    "config": ("configuration",),
}


def lengthened(name: str) -> Iterator[str]:
    """What an API's name may be in which a short word stands at the end: `listvms`, in lower case,
    is `listvirtualmachines`. Whole names come first: `listisos` ends in `so`, too."""
    stem = name.removesuffix("s")
    for short, nouns in SHORT.items():
        verb = stem.removesuffix(short)
        if verb and verb != stem:
            for noun in nouns:
                yield from (f"{verb}{noun}", f"{verb}{noun}s", f"{verb}{noun}es")
