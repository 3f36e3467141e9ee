"""The lab's own key: its public half goes to every guest that takes keys, so that `cmk ssh` is let
in."""

from __future__ import annotations

from pathlib import Path

from cmk.files import make_directory
from cmk.lab.directory import LabDirectory, held
from cmk.wire.faults import of_extra

_PRIVATE, _PUBLIC = "id_ed25519", "id_ed25519.pub"


def private_key(directory: LabDirectory) -> Path:
    """Where the private half is, made where there is none yet."""
    path = directory.keys / _PRIVATE
    if not path.exists():
        make_directory(directory.keys)
        with held(directory.keys / "making"):
            if not path.exists():
                _make(directory.keys)
    return path


def public_key(directory: LabDirectory) -> str:
    """The public half, as a line of authorized_keys."""
    return private_key(directory).with_name(_PUBLIC).read_text().strip()


def _make(place: Path) -> None:
    with of_extra("Guests that are let in", "cryptography"):
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    for name, body in ((_PUBLIC, public + b" cmk-lab\n"), (_PRIVATE, private)):
        fresh = place / f".{name}"
        fresh.touch(mode=0o600)
        fresh.write_bytes(body)
        fresh.replace(place / name)
