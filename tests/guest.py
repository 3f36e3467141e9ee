"""Guests small enough for every test: a boot sector that says READY on its serial port."""

from __future__ import annotations

import subprocess
from pathlib import Path

SIZE = 1 << 20


def boot_sector(text: str = "READY") -> bytes:
    """512 bytes that set up COM1 by the BIOS (int 14h), print the text, and halt."""
    code = bytes.fromhex(
        "fa31c08ed88ec08ed0bc007cfb"  # cli; segments to 0, stack below us; sti
        "b8e30031d2cd14"  # int 14h, ah 0: 9600 8n1 on port 0
        "be0000"  # si = the text's address, filled in below
        "ac84c07408"  # lodsb; end at a zero byte
        "b40131d2cd14ebf3"  # int 14h, ah 1: send; again
        "fbf4ebfc"  # sti; hlt; for ever
    )
    at = code.index(b"\xbe\0\0") + 1
    address = (0x7C00 + len(code)).to_bytes(2, "little")
    code = code[:at] + address + code[at + 2 :]
    return (code + text.encode() + b"\r\n\0").ljust(510, b"\0") + b"\x55\xaa"


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
