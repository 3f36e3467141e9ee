"""The smallest guest there is: a boot sector that says something on its serial port."""

from __future__ import annotations


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
