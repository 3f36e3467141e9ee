"""Guests small enough for every test: a boot sector that says READY on its serial port."""

from __future__ import annotations

import subprocess
from pathlib import Path

from cmk.images.boot_sector import boot_sector

SIZE = 1 << 20


def raw(text: str = "READY", size: int = SIZE) -> bytes:
    """A bootable raw disk."""
    return boot_sector(text).ljust(size, b"\0")


def qcow2(path: Path, text: str = "READY", size: int = SIZE) -> bytes:
    """The same as QCOW2, made at `path`; its bytes."""
    source = path.with_suffix(".source")
    source.write_bytes(raw(text, size))
    subprocess.run(
        ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", source, path],
        check=True,
        capture_output=True,
    )
    return path.read_bytes()


def iso(path: Path, text: str = "READY") -> bytes:
    """An ISO 9660 image that boots the sector (El Torito, no emulation); its bytes."""
    tree = path.with_suffix(".tree")
    tree.mkdir()
    (tree / "boot.bin").write_bytes(boot_sector(text).ljust(2048, b"\0"))
    subprocess.run(
        [
            "xorriso",
            "-as",
            "mkisofs",
            "-quiet",
            "-o",
            path,
            "-b",
            "boot.bin",
            "-c",
            "boot.cat",
            "-no-emul-boot",
            "-boot-load-size",
            "4",
            tree,
        ],
        check=True,
        capture_output=True,
    )
    return path.read_bytes()
