"""What an image is, by our own reading of its header and by qemu-img's under limits.

Nothing that points out of its own file may reach a guest: no backing file, no data file, no
extents. The qcow2 header is that of QEMU's docs/interop/qcow2.txt.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
from dataclasses import dataclass
from typing import Any, Optional

from .failures import ImageFailure
from .qcow2 import check_whole

HEADER = 104
#: What is looked at of a file's beginning: a tar's mark is in its first 512 bytes.
FIRST = 512

#: First bytes of formats that QEMU would recognise, were it asked to guess.
_MAGICS = {
    b"QFI\xfb": "QCOW2",
    b"KDMV": "VMDK",
    b"# Disk DescriptorFile": "VMDK",
    b"vhdxfile": "VHDX",
    b"conectix": "VHD",
    b"LUKS\xba\xbe": "LUKS",
    b"QED\0": "QED",
    b"<<< ": "VDI",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "RAR",
    b"\x04\x22\x4d\x18": "lz4",
    b"WithoutFreeSpace": "Parallels",
    b"WithouFreSpacExt": "Parallels",
    b"COWD": "VMDK",
    b"!<arch>\n": "ar (a Debian package is one)",
    b"hsqs": "squashfs",
    b"070701": "cpio",
    b"070702": "cpio",
    b"070707": "cpio",
    b"MSWIM\0\0\0": "WIM",
}

#: Incompatible feature bits that a guest can be given: dirty, compression type, extended L2.
_KNOWN_FEATURES = (1 << 0) | (1 << 3) | (1 << 4)

_QEMU_IMG_LIMITS = ("prlimit", f"--as={1 << 30}", "--cpu=30", "--core=0")
_QEMU_IMG_SECONDS = 60


@dataclass(frozen=True)
class Image:
    """An image that may be used: its format, what a guest sees of it, and any doubts."""

    format: str
    virtual_size: int
    warnings: tuple[str, ...] = ()


def format_of(first: bytes) -> str:
    """The format that the first bytes tell of; RAW where they tell of none."""
    for magic, name in _MAGICS.items():
        if first.startswith(magic):
            return name
    if first[257:262] == b"ustar":  # of its first file (POSIX.1-1988)
        return "OVA" if b".ovf\0" in first[:100] else "tar"
    return "RAW"


def qcow2_size(first: bytes) -> Optional[int]:
    """The virtual size in a qcow2 header; None for bytes that are none."""
    if len(first) < 32 or not first.startswith(b"QFI\xfb"):
        return None
    return int(struct.unpack_from(">Q", first, 24)[0])


def check_format(declared: str, first: bytes) -> None:
    """Raise ImageFailure where the first bytes belie the declared format (QCOW2, RAW, ISO)."""
    found = format_of(first)
    if declared == "QCOW2" and found != "QCOW2":
        raise ImageFailure(f"it was declared QCOW2 and is {_what(found, first)}")
    if declared in {"RAW", "ISO"} and found != "RAW":
        raise ImageFailure(f"it was declared {declared} and begins like {found}")
    if declared == "QCOW2" and len(first) >= HEADER:
        check_header(first)


def is_html(first: bytes) -> bool:
    """Whether the first bytes are those of a page for people: of a login, or an error."""
    text = first[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<?xml", b"<!--")):
        return b"<html" in text
    return text.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))


def _what(found: str, first: bytes) -> str:
    if found != "RAW":
        return found
    return "a page of HTML" if is_html(first) else "something else (no QCOW2 header)"


def validate(path: str, declared: str, most: int) -> Image:
    """The image at an absolute path. Raises ImageFailure for anything a guest must not see.

    `most` is the largest virtual size, in bytes.
    """
    with open(path, "rb") as file:
        first = file.read(FIRST)
        check_format(declared, first)
        warnings: tuple[str, ...] = ()
        if declared == "ISO":
            file.seek(32768)
            warnings = _iso_doubts(file.read(6 * 2048))
    if declared == "QCOW2":
        check_header(first)
        size = _ask_qemu(path)
        with open(path, "rb") as file:
            check_whole(file, first, os.fstat(file.fileno()).st_size)
    else:
        size = os.stat(path).st_size
    if size <= 0:
        raise ImageFailure("it is empty")
    if size > most:
        raise ImageFailure(f"its virtual size is {size} bytes; the limit is {most}")
    return Image(declared, size, warnings)


def check_header(first: bytes) -> None:
    """Raise ImageFailure for a QCOW2 header that no guest may be given."""
    if len(first) < 72:
        raise ImageFailure("its QCOW2 header is cut off")
    version, backing, _, _, _, encryption = struct.unpack_from(">IQIIQI", first, 4)
    if version not in (2, 3):
        raise ImageFailure(f"it is QCOW2 of version {version}, which is unknown")
    if backing:
        raise ImageFailure("it has a backing file, and would show the guest another file")
    if encryption:
        raise ImageFailure("it is encrypted")
    if version == 3:
        if len(first) < HEADER:
            raise ImageFailure("its QCOW2 header is cut off")
        features = struct.unpack_from(">Q", first, 72)[0]
        if features & 1 << 1:
            raise ImageFailure("it is marked as corrupt")
        if features & 1 << 2:
            raise ImageFailure("its data is in another file")
        if features & ~_KNOWN_FEATURES:
            raise ImageFailure(f"it needs features that are unknown (bits {features:#x})")


def _ask_qemu(path: str) -> int:
    """qemu-img's opinion of a QCOW2 file; returns the virtual size."""
    told = _qemu_info(path)
    if told.get("format") != "qcow2":
        raise ImageFailure(f"qemu-img says that it is {told.get('format')}")
    for key, what in (
        ("backing-filename", "a backing file"),
        ("full-backing-filename", "a backing file"),
    ):
        if told.get(key):
            raise ImageFailure(f"it has {what}")
    data = told.get("format-specific", {}).get("data", {})
    if told.get("encrypted") or data.get("encrypt"):
        raise ImageFailure("it is encrypted")
    if data.get("data-file"):
        raise ImageFailure("its data is in another file")
    if data.get("corrupt"):
        raise ImageFailure("it is marked as corrupt")
    return int(told.get("virtual-size", 0))


def _qemu_info(path: str) -> dict[str, Any]:
    command = [*_QEMU_IMG_LIMITS, "qemu-img", "info", "--output=json", "-f", "qcow2", path]
    try:
        run = subprocess.run(
            command,
            capture_output=True,
            timeout=_QEMU_IMG_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
        )
    except FileNotFoundError:
        raise ImageFailure("it cannot be checked: qemu-img or prlimit is missing here") from None
    except subprocess.TimeoutExpired:
        raise ImageFailure(f"qemu-img could not read it in {_QEMU_IMG_SECONDS} s") from None
    if run.returncode:
        told = run.stderr.decode(errors="replace").strip().splitlines()
        said = told[-1].replace(path, "it") if told else f"status {run.returncode}"
        raise ImageFailure(f"qemu-img refuses it: {said}")
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def _iso_doubts(volume: bytes) -> tuple[str, ...]:
    """ISO 9660 and UDF write their names at 32 KiB, one descriptor each 2 KiB (ECMA-119, -167)."""
    names = {volume[at + 1 : at + 6] for at in range(0, len(volume) - 5, 2048)}
    if names & {b"CD001", b"BEA01", b"NSR02", b"NSR03"}:
        return ()
    return ("it does not look like an ISO 9660 or UDF image",)
