"""The lab's settings: CloudStack's keys where it has them, with their defaults here.

The store holds only what was changed.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from cmk.lab.model.limit import RESOURCES
from cmk.lab.model.limit import SETTINGS as SETTING_OF
from cmk.lab.store import Store
from cmk.wire.faults import invalid


class Setting(NamedTuple):
    """One global setting; the default is text, as CloudStack keeps it.

    `values` are all it may be, where that can be listed; otherwise its kind is the default's:
    a whole number, or true and false.
    """

    default: str
    description: str
    values: tuple[str, ...] = ()


#: Whether VMs have guests; a lab with VMs keeps it.
GUESTS = "lab.guests"

#: What guests' networks are made of.
NETWORK_MODE = "lab.network.mode"

#: Where public addresses are from.
PUBLIC_CIDR = "network.public.cidr"

#: What over HTTP may be named of this machine's files.
FILE_PATHS = "direct.download.file.paths"

#: Whether other accounts than root admins may name servers of the machine's own networks.
PRIVATE = "direct.download.private.addresses"

SETTINGS = {
    **{
        SETTING_OF[each.name]: Setting(
            str(each.default), f"how many an account may have ({each.name}); -1: any"
        )
        for each in RESOURCES
        if each.name in SETTING_OF
    },
    "cpu.overprovisioning.factor": Setting("16", "CPU MHz given to VMs over what a host has"),
    "direct.download.allow.https.to.http": Setting(
        "false", "follow redirects of downloads from https to plain http"
    ),
    "direct.download.check.upstream": Setting(
        "warn",
        "when the file behind the URL of a copy has changed: warn, fail, refresh (download the new "
        "one) or off (do not ask)",
        ("warn", "fail", "refresh", "off"),
    ),
    "direct.download.connect.timeout": Setting("5000", "ms to wait for a connection"),
    "direct.download.connections": Setting("1", "connections to each mirror, when several fetch"),
    FILE_PATHS: Setting(
        "", "directories with commas between, in which file: URLs may lie that come over HTTP"
    ),
    PRIVATE: Setting(
        "false",
        "whether templates of accounts that are no root admins may come from loopback, link-local "
        "and private addresses",
    ),
    "direct.download.low.speed": Setting("1024", "bytes/s under which a mirror is left"),
    "direct.download.low.speed.time": Setting("30", "s that a mirror may be that slow"),
    "direct.download.socket.timeout": Setting("5000", "ms to wait for the next byte"),
    "expunge.delay": Setting("86400", "s after which a destroyed VM is expunged"),
    "job.workers": Setting("4", "how many jobs run at once"),
    GUESTS: Setting(
        "true", "false: guests are never started, only written down, for machines without QEMU"
    ),
    NETWORK_MODE: Setting(
        "auto",
        "auto: the lab's virtual router where there can be one; user: QEMU's user mode",
        ("auto", "user"),
    ),
    "lab.virt.type": Setting(
        "auto", "auto, kvm or qemu (software emulation)", ("auto", "kvm", "qemu")
    ),
    PUBLIC_CIDR: Setting(
        "", "the block of 127.0.0.0/8 that public addresses are of; empty: one of the lab's own"
    ),
    "start.retry": Setting("10", "the most hosts that a deployment is tried on"),
    "store.download.follow.redirects": Setting("true", "follow a download's redirects"),
    "storage.cleanup.enabled": Setting("true", "remove what nothing needs when a worker ends"),
    "storage.cleanup.interval": Setting("86400", "s that a template's copy may be unused"),
    "storage.max.volume.size": Setting("2000", "GiB: the most that an image may have inside"),
    "storage.overprovisioning.factor": Setting("2", "bytes of disks over what a pool holds"),
    "storage.template.cleanup.enabled": Setting("true", "remove unused copies of templates too"),
}


def setting(store: Store, name: str) -> str:
    """The value in force."""
    changed = store.configuration(name)
    return SETTINGS[name].default if changed is None else changed


def checked(name: str, value: str) -> str:
    """A value that this setting can have; raises ApiError 431 for any other."""
    known = SETTINGS[name]
    allowed = known.values or (("true", "false") if known.default in ("true", "false") else ())
    if allowed and value.lower() not in allowed:
        raise invalid(f"{name} is one of {', '.join(allowed)}, not '{value}'.")
    if name == FILE_PATHS:
        if not all(re.fullmatch(r"/[^,\0]*", place) for place in value.split(",")) and value:
            raise invalid(f"{name} is absolute paths with commas between, not '{value}'.")
        return value
    if name == PUBLIC_CIDR:
        return _loopback_block(value)
    if name in SETTING_OF.values() and value == "-1":
        return value
    if not allowed and not re.fullmatch(r"[0-9]{1,9}", value):
        raise invalid(f"{name} is a whole number, not '{value}'.")
    return value.lower()


def _loopback_block(value: str) -> str:
    from ipaddress import IPv4Network

    try:
        block = IPv4Network(value or "127.64.0.0/24")
    except ValueError:
        block = IPv4Network("0.0.0.0/0")
    if not block.subnet_of(IPv4Network("127.0.0.0/8")) or not 16 <= block.prefixlen <= 27:
        raise invalid(f"{PUBLIC_CIDR} is a block of 127.0.0.0/8, /16 to /27, not '{value}'.")
    return value


def flag(store: Store, name: str) -> bool:
    """The value in force of a setting that is true or false."""
    return setting(store, name) == "true"


def limits(store: Store, trust: list[str]) -> dict[str, Any]:
    """The agent's limits (see cmk.agent.protocol); `trust` are certificates in PEM."""
    return {
        "connect": number(store, "direct.download.connect.timeout") / 1000,
        "read": number(store, "direct.download.socket.timeout") / 1000,
        "redirects": flag(store, "store.download.follow.redirects"),
        "downgrade": flag(store, "direct.download.allow.https.to.http"),
        "low_speed": number(store, "direct.download.low.speed"),
        "low_speed_time": number(store, "direct.download.low.speed.time"),
        "trust": trust,
    }


def number(store: Store, name: str) -> int:
    """The value in force of a setting that is a whole number."""
    return int(setting(store, name))
