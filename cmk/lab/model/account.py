"""Accounts: whom things belong to, and who asks."""

from __future__ import annotations

from cmk.lab.model.record import Record
from cmk.lab.store import Store

#: CloudStack gives the first domain and accounts these numbers; they show in instance names.
ROOT_DOMAIN, SYSTEM_ACCOUNT, ADMIN_ACCOUNT = 1, 1, 2


class Domain(Record):
    """One domain; a lab has the root."""

    TABLE, KIND, THERE = "domain", "domain", "1"

    name: str
    path: str


class Account(Record):
    """One account; a lab begins with the system's and its admin's."""

    TABLE, KIND, THERE = "account", "account", "1"

    account_name: str
    domain_id: int

    def domain(self, store: Store) -> Domain:
        """The domain that it is in."""
        return Domain.of(store, self.domain_id)

    @property
    def is_root(self) -> bool:
        """Whether it may see and do all."""
        return self.id == ADMIN_ACCOUNT
