"""Tokens with which something may be done once: see a VM's console, upload a template."""

from __future__ import annotations

import hashlib
import secrets
import time

from cmk.lab.model.record import Record
from cmk.lab.store import Store


class Ticket(Record):
    """One of them; the store has its digest alone. `expires` in seconds of the epoch."""

    TABLE, KIND, THERE = "ticket", "token", "1"

    #: What they are for.
    CONSOLE, UPLOAD = "console", "upload"

    purpose: str
    instance_id: int
    expires: int

    @classmethod
    def issue(cls, store: Store, purpose: str, thing: Record, seconds: int) -> str:
        """A new token."""
        token = secrets.token_urlsafe(24)
        with store.change():
            store.execute("DELETE FROM ticket WHERE expires < ?", int(time.time()))
            store.insert(
                cls.TABLE,
                uuid=_digest(token),
                purpose=purpose,
                instance_id=thing.id,
                expires=int(time.time()) + seconds,
            )
        return token

    @classmethod
    def good(cls, store: Store, purpose: str, token: str) -> Ticket | None:
        """What a token stands for, if it is good; it stays so."""
        found = cls.where(
            store,
            "uuid = ? AND purpose = ? AND expires >= ?",
            _digest(token),
            purpose,
            int(time.time()),
        )
        return found[0] if found else None

    @classmethod
    def spend(cls, store: Store, purpose: str, token: str) -> Ticket | None:
        """The same; it is good no more."""
        with store.change():
            found = cls.good(store, purpose, token)
            if found is not None:
                found.delete(store)
            return found


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
