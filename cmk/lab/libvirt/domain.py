"""A VM as a libvirt domain: its XML, and the few things done with it.

Only domains that carry this lab's metadata are ever touched.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as Xml

from cmk.errors import Unreachable
from cmk.lab.libvirt.connection import errors, load

#: The namespace of our metadata element in a domain's XML.
NAMESPACE = "urn:pycmk:lab:1"

#: Seconds that a guest is given to shut down by its power button.
SHUTDOWN = 10.0


@dataclass(frozen=True)
class Interface:
    """A NIC: on a tap of the router's, on a bridge of the host's, or (neither) in QEMU's user mode,
    where the guest's network is `within` if that is not QEMU's own."""

    mac: str
    tap: str = ""
    bridge: str = ""
    within: str = ""


@dataclass(frozen=True)
class Guest:
    """What a domain is made of; memory in MiB, paths absolute on the host."""

    uuid: str
    name: str
    title: str
    lab_id: str
    virt_type: str
    cpus: int
    memory: int
    disk: str
    nics: tuple[Interface, ...]
    log: str
    iso: str = ""
    seed: str = ""
    boots_from_iso: bool = False


def xml_of(guest: Guest) -> str:
    """The domain's XML."""
    root = Xml.Element("domain", type=guest.virt_type)
    _add(root, "name", guest.name)
    _add(root, "uuid", guest.uuid)
    _add(root, "title", guest.title)
    _add(root, "description", f"VM {guest.title} of the cmk lab {guest.lab_id}")
    metadata = _add(root, "metadata")
    Xml.SubElement(metadata, f"{{{NAMESPACE}}}vm", lab=guest.lab_id)
    _add(root, "memory", str(guest.memory), unit="MiB")
    _add(root, "vcpu", str(guest.cpus))
    os = _add(root, "os")
    _add(os, "type", "hvm", arch="x86_64", machine="pc")
    for device in ("cdrom", "hd") if guest.boots_from_iso else ("hd",):
        _add(os, "boot", dev=device)
    _add(_add(root, "features"), "acpi")
    _add(root, "on_poweroff", "destroy")
    _add(root, "on_reboot", "restart")
    _add(root, "on_crash", "destroy")
    _devices(_add(root, "devices"), guest)
    Xml.register_namespace("cmk", NAMESPACE)
    return Xml.tostring(root, encoding="unicode")


def _devices(devices: Xml.Element, guest: Guest) -> None:
    disk = _add(devices, "disk", type="file", device="disk")
    _add(disk, "driver", name="qemu", type="qcow2", discard="unmap")
    _add(disk, "source", file=guest.disk)
    _add(disk, "target", dev="vda", bus="virtio")
    if guest.seed:
        devices.append(_seed(guest.seed))
    devices.append(_drive(guest.iso))
    for nic in guest.nics:
        devices.append(_interface(nic))
    serial = _add(devices, "serial", type="pty")
    _add(serial, "log", file=guest.log, append="on")
    _add(_add(devices, "console", type="pty"), "target", type="serial")
    # Nothing listens: who may see the screen is handed a socket (libvirt's openGraphicsFD).
    _add(_add(devices, "graphics", type="vnc"), "listen", type="none")
    _add(_add(devices, "video"), "model", type="vga", vram="16384")
    _add(devices, "controller", type="usb", model="none")
    _add(devices, "memballoon", model="none")


def _interface(nic: Interface) -> Xml.Element:
    kind = "ethernet" if nic.tap else "bridge" if nic.bridge else "user"
    interface = Xml.Element("interface", type=kind)
    _add(interface, "mac", address=nic.mac)
    if nic.tap:
        _add(interface, "target", dev=nic.tap, managed="no")
    elif nic.bridge:
        _add(interface, "source", bridge=nic.bridge)
    elif nic.within:
        address, _, prefix = nic.within.partition("/")
        _add(interface, "ip", family="ipv4", address=address, prefix=prefix)
    _add(interface, "model", type="virtio")
    return interface


def _seed(path: str) -> Xml.Element:
    """What cloud-init reads at the first boot: a virtio disk, which every cloud image sees (that of
    Debian has no driver for SATA drives)."""
    disk = Xml.Element("disk", type="file", device="disk")
    _add(disk, "driver", name="qemu", type="raw")
    _add(disk, "source", file=path)
    _add(disk, "target", dev="vdz", bus="virtio")
    _add(disk, "readonly")
    _add(disk, "serial", "cidata")
    return disk


def _drive(iso: str) -> Xml.Element:
    """The CD-ROM drive, with an ISO in it or ("") empty."""
    drive = Xml.Element("disk", type="file", device="cdrom")
    _add(drive, "driver", name="qemu", type="raw")
    if iso:
        _add(drive, "source", file=iso)
    _add(drive, "target", dev="hdc", bus="ide")
    _add(drive, "readonly")
    return drive


def _add(parent: Xml.Element, tag: str, text: str = "", **attributes: str) -> Xml.Element:
    child = Xml.SubElement(parent, tag, attributes)
    child.text = text or None
    return child


def find(connection: Any, uuid: str, lab_id: str) -> Any | None:
    """The lab's domain with this UUID, or None. Raises Unreachable for somebody else's."""
    libvirt = load()
    try:
        domain = connection.lookupByUUIDString(uuid)
    except libvirt.libvirtError as problem:
        if problem.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise Unreachable(f"libvirt cannot look for the VM: {problem}.") from problem
    if owner_of(domain) != lab_id:
        raise Unreachable(f"The domain {uuid} on this host is not this lab's; it is left alone.")
    return domain


def owner_of(domain: Any) -> str:
    """The id of the lab that a domain says it belongs to, "" for none."""
    libvirt = load()
    try:
        text = domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, NAMESPACE)
    except libvirt.libvirtError as problem:
        if problem.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN_METADATA:
            raise Unreachable(f"libvirt cannot tell whose the VM is: {problem}.") from problem
        return ""
    return Xml.fromstring(text).get("lab", "")  # noqa: S314 - libvirt's own, already parsed by it


def start(connection: Any, guest: Guest) -> None:
    """Define the domain as it is to be now, and start it unless it runs."""
    domain = find(connection, guest.uuid, guest.lab_id)
    if domain is not None and is_on(domain):
        return
    with errors(f"libvirt does not start {guest.name}"):
        domain = connection.defineXML(xml_of(guest))
        domain.create()


def try_out(connection: Any, lab_id: str, virt_type: str, disk: str) -> None:
    """Start a domain on a disk, paused, and end it again. Raises Unreachable where that fails."""
    from uuid import uuid4

    libvirt = load()
    guest = Guest(
        uuid=str(uuid4()),
        name=f"cmk-proof-{uuid4().hex[:8]}",
        title="proof",
        lab_id=lab_id,
        virt_type=virt_type,
        cpus=1,
        memory=32,
        disk=disk,
        nics=(Interface("52:54:00:00:00:01"),),
        log=f"{disk}.log",
    )
    flags = libvirt.VIR_DOMAIN_START_PAUSED | libvirt.VIR_DOMAIN_START_AUTODESTROY
    with errors("QEMU does not start"):
        connection.createXML(xml_of(guest), flags).destroy()


def stop(domain: Any, forced: bool) -> None:
    """Switch a domain off: by its power button first, unless forced. Does nothing if it is off."""
    if not is_on(domain) or (not forced and _shuts_down(domain)):
        return
    libvirt = load()
    try:
        domain.destroy()
    except libvirt.libvirtError as problem:
        # A reattached domain may say that it is not running although this call ended it.
        if is_on(domain):
            raise Unreachable(f"libvirt cannot stop the VM: {problem}.") from problem


def is_on(domain: Any) -> bool:
    """Whether a domain runs, when all that was begun with it is over. Raises Unreachable."""
    _settle(domain)
    with errors("libvirt cannot tell whether the VM runs"):
        return bool(domain.isActive())


def _settle(domain: Any) -> None:
    """Wait for what another client has begun with a domain, also one that has died meanwhile.

    libvirt goes on with a start whose client was killed, and until that is over the domain says
    that it is off. A change of the metadata waits its turn behind it; this one changes nothing.
    """
    libvirt = load()
    kind = libvirt.VIR_DOMAIN_METADATA_TITLE
    with contextlib.suppress(libvirt.libvirtError):  # vanished meanwhile: the caller will see
        domain.setMetadata(
            kind, domain.metadata(kind, None), None, None, libvirt.VIR_DOMAIN_AFFECT_CONFIG
        )


def _shuts_down(domain: Any) -> bool:
    """Press the power button; whether the guest obeys in time."""
    libvirt = load()
    with contextlib.suppress(libvirt.libvirtError):  # it may have ended by itself
        domain.shutdown()
    deadline = time.monotonic() + SHUTDOWN
    while time.monotonic() < deadline:
        with errors("libvirt cannot tell whether the VM runs"):
            if not domain.isActive():
                return True
        time.sleep(0.05)
    return False


def change_iso(domain: Any, iso: str) -> None:
    """Put another ISO into the drive of a running domain, or ("") take out the one that is in."""
    libvirt = load()
    flags = libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG
    flags |= libvirt.VIR_DOMAIN_DEVICE_MODIFY_FORCE  # also when the guest has locked the tray
    with errors("libvirt cannot change the ISO"):
        domain.updateDeviceFlags(Xml.tostring(_drive(iso), encoding="unicode"), flags)


def add_interface(domain: Any, nic: Interface) -> None:
    """Put a NIC into a running domain, unless it has it. Raises Unreachable."""
    if _has_interface(domain, nic.mac):
        return
    with errors("libvirt cannot put the NIC in"):
        text = Xml.tostring(_interface(nic), encoding="unicode")
        domain.attachDeviceFlags(text, load().VIR_DOMAIN_AFFECT_LIVE)


def remove_interface(domain: Any, mac: str) -> None:
    """Take a NIC out of a running domain. Raises Unreachable where its guest does not let go."""
    if not _has_interface(domain, mac):
        return
    with errors("libvirt cannot take the NIC out"):
        found = next(
            nic
            for nic in Xml.fromstring(domain.XMLDesc(0)).iter("interface")  # noqa: S314 - libvirt's
            if (nic.find("mac") is not None) and nic.find("mac").get("address") == mac  # type: ignore[union-attr]
        )
        text = Xml.tostring(found, encoding="unicode")
        domain.detachDeviceFlags(text, load().VIR_DOMAIN_AFFECT_LIVE)
        deadline = time.monotonic() + SHUTDOWN
        while _has_interface(domain, mac):
            if time.monotonic() > deadline:
                raise Unreachable("The guest does not let go of the NIC.")
            time.sleep(0.05)


def _has_interface(domain: Any, mac: str) -> bool:
    with errors("libvirt cannot tell the VM's NICs"):
        return f"'{mac}'" in str(domain.XMLDesc(0))


def undefine(domain: Any) -> None:
    """Forget a domain, with all that libvirt keeps for it. Raises Unreachable."""
    libvirt = load()
    flags = (
        libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
        | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
        | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    )
    with errors("libvirt cannot forget the VM"):
        domain.undefineFlags(flags)


def remove(domain: Any) -> None:
    """End a domain, whatever it does, and forget it. Raises Unreachable."""
    stop(domain, forced=True)
    undefine(domain)
