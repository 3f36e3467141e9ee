"""The lab's settings: CloudStack's keys where it has them, with their defaults here.

The store holds only what was changed.
"""

from __future__ import annotations

from typing import NamedTuple

from cmk.lab.store import Store


class Setting(NamedTuple):
    """One global setting; the default is text, as CloudStack keeps it."""

    default: str
    description: str


SETTINGS = {
    "cpu.overprovisioning.factor": Setting("16", "CPU MHz given to VMs over what a host has"),
    "direct.download.connect.timeout": Setting("5000", "ms to wait for a connection"),
    "direct.download.socket.timeout": Setting("5000", "ms to wait for the next byte"),
    "job.workers": Setting("4", "how many jobs run at once"),
    "lab.virt.type": Setting("auto", "auto, kvm or qemu (software emulation)"),
    "start.retry": Setting("10", "the most hosts that a deployment is tried on"),
    "store.download.follow.redirects": Setting("true", "follow a download's redirects"),
    "storage.max.volume.size": Setting("2000", "GiB: the most that an image may have inside"),
}


def setting(store: Store, name: str) -> str:
    """The value in force."""
    changed = store.value("SELECT value FROM configuration WHERE name = ?", name)
    return SETTINGS[name].default if changed is None else str(changed)


def number(store: Store, name: str) -> int:
    """The value in force of a setting that is a whole number."""
    return int(setting(store, name))
