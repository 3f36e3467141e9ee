"""Storage pools and the volumes in them, through libvirt, on whichever host it is."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as Xml

from cmk.errors import Unreachable
from cmk.lab.libvirt.connection import errors, load


def pool(connection: Any, uuid: str, path: str) -> Any:
    """The directory pool with this uuid, defined and started where it is not yet."""
    libvirt = load()
    try:
        found = connection.storagePoolLookupByUUIDString(uuid)
    except libvirt.libvirtError as problem:
        if problem.get_error_code() != libvirt.VIR_ERR_NO_STORAGE_POOL:
            raise Unreachable(
                f"libvirt does not look for the pool in {path}: {problem}."
            ) from problem
        found = _define(connection, uuid, path)
    with errors(f"libvirt cannot use the storage pool in {path}"):
        if not found.isActive():
            found.create(0)
    return found


def _define(connection: Any, uuid: str, path: str) -> Any:
    root = Xml.Element("pool", type="dir")
    Xml.SubElement(root, "name").text = f"cmk-{uuid}"
    Xml.SubElement(root, "uuid").text = uuid
    Xml.SubElement(Xml.SubElement(root, "target"), "path").text = path
    with errors(f"libvirt cannot make a storage pool in {path}"):
        return connection.storagePoolDefineXML(Xml.tostring(root, encoding="unicode"), 0)


def create(pool: Any, name: str, size: int, base: str = "", base_format: str = "qcow2") -> None:
    """A qcow2 volume of `size` bytes: empty, or an overlay on the file `base`.

    A volume of that name is replaced: it is what an interrupted deployment left.
    """
    delete(pool, name)
    root = Xml.Element("volume")
    Xml.SubElement(root, "name").text = name
    Xml.SubElement(root, "capacity").text = str(size)
    Xml.SubElement(root, "allocation").text = "0"
    Xml.SubElement(Xml.SubElement(root, "target"), "format", type="qcow2")
    if base:
        backing = Xml.SubElement(root, "backingStore")
        Xml.SubElement(backing, "path").text = base
        Xml.SubElement(backing, "format", type=base_format)
    with errors(f"libvirt cannot make the volume {name}"):
        pool.createXML(Xml.tostring(root, encoding="unicode"), 0)


def write(connection: Any, pool: Any, name: str, body: bytes) -> None:
    """A volume with these bytes; one of that name is replaced."""
    delete(pool, name)
    root = Xml.Element("volume")
    Xml.SubElement(root, "name").text = name
    Xml.SubElement(root, "capacity").text = str(len(body))
    Xml.SubElement(Xml.SubElement(root, "target"), "format", type="raw")
    with errors(f"libvirt cannot write the volume {name}"):
        volume = pool.createXML(Xml.tostring(root, encoding="unicode"), 0)
        stream = connection.newStream(0)
        volume.upload(stream, 0, len(body), 0)
        left = memoryview(body)
        while left:
            left = left[stream.send(bytes(left[: 1 << 18])) :]
        stream.finish()


def delete(pool: Any, name: str) -> None:
    """Delete a volume; one that is not there is deleted."""
    libvirt = load()
    with errors(f"libvirt cannot delete the volume {name}"):
        try:
            volume = _look_up(pool, name)
            if volume is None:
                # Made by a client that died before libvirt knew of it, or by hand.
                pool.refresh(0)
                volume = _look_up(pool, name)
            if volume is not None:
                volume.delete(0)
        except libvirt.libvirtError as problem:
            if problem.get_error_code() != libvirt.VIR_ERR_NO_STORAGE_VOL:
                raise


def _look_up(pool: Any, name: str) -> Any | None:
    libvirt = load()
    try:
        return pool.storageVolLookupByName(name)
    except libvirt.libvirtError as problem:
        if problem.get_error_code() == libvirt.VIR_ERR_NO_STORAGE_VOL:
            return None
        raise
