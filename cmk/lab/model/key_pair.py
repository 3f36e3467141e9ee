"""Keys that guests let in, and user data, both by name."""

from __future__ import annotations

from cmk.lab.model.record import Record


class KeyPair(Record):
    """The public half of a pair; the private one is its owner's alone."""

    TABLE, KIND, RESOURCE, THERE = "ssh_keypairs", "key pair", "SSHKeyPair", "1"

    name: str
    account_id: int
    fingerprint: str
    public_key: str


class UserData(Record):
    """User data to be named at deployment: base64; `params` are the names that it leaves open."""

    TABLE, KIND, RESOURCE = "user_data", "user data", "UserData"

    name: str
    account_id: int
    user_data: str
    params: str
    removed: str | None
