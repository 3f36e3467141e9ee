"""Users: who may ask over HTTP, by which keys or password."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import ClassVar

from cmk.lab.model.account import ADMIN_ACCOUNT, Account, AccountState
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
    totp_secret: str | None
    has_two_factors: int

    @property
    def is_first_admin(self) -> bool:
        """Whether it is the lab's own admin, who always stays."""
        return self.account_id == ADMIN_ACCOUNT and self.username == "admin"

    @classmethod
    def called(cls, store: Store, name: str, domain: int) -> User | None:
        """The one with this name in a domain."""
        found = cls.where(
            store,
            "username = ? COLLATE NOCASE AND removed IS NULL AND account_id IN "
            "(SELECT id FROM account WHERE domain_id = ? AND removed IS NULL)",
            name,
            domain,
        )
        return found[0] if found else None

    @classmethod
    def with_keys(cls, store: Store, apikey: str, secretkey: str) -> User | None:
        """The user that a pair of keys is of, if it may ask."""
        user = cls.first(store, api_key=apikey)
        kept = user.secret_key if user is not None and user.secret_key else "x" * 86
        is_right = hmac.compare_digest(kept.encode(), secretkey.encode("utf-8", "replace"))
        return user if user is not None and is_right and user.may_ask(store) else None

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

    def may_ask(self, store: Store) -> bool:
        """Whether neither it nor its account is disabled or locked."""
        enabled = self.account(store).state is AccountState.ENABLED
        return enabled and self.state is UserState.ENABLED

    def renew_keys(self, store: Store) -> User:
        """The same with a new pair of keys; the old ones are good no more."""
        pair = {"api_key": secrets.token_urlsafe(64), "secret_key": secrets.token_urlsafe(64)}
        self.update(store, **pair)
        return self.again(store)

    def renew_password(self, store: Store) -> str:
        """A new password, which nobody can read afterwards."""
        password = secrets.token_urlsafe(15)
        self.set_password(store, password)
        return password

    def set_password(self, store: Store, password: str) -> None:
        """Set it; only what it is stretched to is kept."""
        salt = secrets.token_bytes(16)
        self.update(store, password=f"{salt.hex()}:{_stretched(password, salt).hex()}")

    def has_password(self, password: str) -> bool:
        """Whether it is this one; takes as long for a user that has none."""
        salt, _, kept = (self.password or "00:").partition(":")
        found = _stretched(password, bytes.fromhex(salt)).hex()
        return hmac.compare_digest(found, kept) and bool(kept)


def shown_keys(user: User) -> dict[str, str | None]:
    """A user's keys, as the APIs that tell them do."""
    return {"apikey": user.api_key, "secretkey": user.secret_key}


def _stretched(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "replace"), salt=salt, n=1 << 14, r=8, p=1)
