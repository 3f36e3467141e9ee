"""Tokens that show a VM's console once."""

from __future__ import annotations

import hashlib
import secrets
import time

from cmk.lab.model.machine import Machine
from cmk.lab.store import Store

#: Seconds that a token is good for.
LIFETIME = 300


def new_token(store: Store, machine: Machine) -> str:
    """A token for a VM's console; only its digest is kept."""
    token = secrets.token_urlsafe(24)
    with store.change():
        store.execute("DELETE FROM console_session WHERE expires < ?", int(time.time()))
        store.insert(
            "console_session",
            uuid=_digest(token),
            instance_id=machine.id,
            expires=int(time.time()) + LIFETIME,
        )
    return token


def spend(store: Store, token: str) -> Machine | None:
    """The VM that a token is for; it is good no more. None for one that is not good."""
    with store.change():
        row = store.one(
            "SELECT * FROM console_session WHERE uuid = ? AND expires >= ?",
            _digest(token),
            int(time.time()),
        )
        if row is None:
            return None
        store.execute("DELETE FROM console_session WHERE id = ?", row["id"])
    machine = Machine.of(store, row["instance_id"])
    return None if machine.removed else machine


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
