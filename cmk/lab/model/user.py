"""Users: who may ask over HTTP, by which keys or password."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import ClassVar

from cmk.lab.model.account import ADMIN_ACCOUNT, Account
from cmk.lab.model.record import Record, State
from cmk.lab.store import Store, now


class UserState(State):
    """Whether a user may ask."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    LOCKED = "locked"


class User(Record):
    """One user of an account."""

    TABLE, KIND, RESOURCE = "user", "user", "User"
    STATES: ClassVar = {"state": UserState}

    username: str
    account_id: int
    firstname: str
    lastname: str
    email: str | None
    password: str | None
    api_key: str | None
    secret_key: str | None
    state: UserState

    @classmethod
    def admin(cls, store: Store) -> User:
        """The lab's admin, made when somebody first asks for it; without keys or password."""
        with store.change():
            known = cls.first(store, account_id=ADMIN_ACCOUNT)
            if known is not None:
                return known
            return cls.add(
                store,
                username="admin",
                account_id=ADMIN_ACCOUNT,
                firstname="Admin",
                lastname="User",
                created=now(),
            )

    def account(self, store: Store) -> Account:
        return Account.of(store, self.account_id)

    def renew_keys(self, store: Store) -> User:
        """The same with a new pair of keys; the old ones are good no more."""
        pair = {"api_key": secrets.token_urlsafe(64), "secret_key": secrets.token_urlsafe(64)}
        self.update(store, **pair)
        return self.again(store)

    def renew_password(self, store: Store) -> str:
        """A new password, which nobody can read afterwards."""
        password = secrets.token_urlsafe(15)
        salt = secrets.token_bytes(16)
        self.update(store, password=f"{salt.hex()}:{_stretched(password, salt).hex()}")
        return password

    def has_password(self, password: str) -> bool:
        """Whether it is this one; takes as long for a user that has none."""
        salt, _, kept = (self.password or "00:").partition(":")
        found = _stretched(password, bytes.fromhex(salt)).hex()
        return hmac.compare_digest(found, kept) and bool(kept)


def _stretched(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "replace"), salt=salt, n=1 << 14, r=8, p=1)
