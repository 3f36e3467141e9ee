"""Domains, accounts and their roles, projects: whom things belong to, and who asks."""

from __future__ import annotations

from typing import ClassVar

from cmk.lab.model.record import Record, State
from cmk.lab.store import Store, new_uuid, now

#: CloudStack gives the first domain and accounts these numbers; they show in instance names.
ROOT_DOMAIN, SYSTEM_ACCOUNT, ADMIN_ACCOUNT = 1, 1, 2


class Domain(Record):
    """One domain; `path` is what the API shows: ROOT/sales."""

    TABLE, KIND, RESOURCE = "domain", "domain", "Domain"

    name: str
    path: str
    parent: int | None

    @classmethod
    def at(cls, store: Store, place: str) -> Domain | None:
        """The one at a place below the root, as people log in with it: `/sales`, or `sales`."""
        path = "/".join(["ROOT", *filter(None, place.removeprefix("ROOT").split("/"))])
        found = cls.where(store, "path = ? COLLATE NOCASE AND removed IS NULL", path)
        return found[0] if found else None

    def holds(self, store: Store, domain: int) -> bool:
        """Whether another one is this one, or below it."""
        other = Domain.of(store, domain)
        return f"{other.path}/".startswith(f"{self.path}/")

    def below(self, store: Store) -> list[Domain]:
        """Itself and all below it, the deepest last."""
        found = [each for each in Domain.there(store) if self.holds(store, each.id)]
        return sorted(found, key=lambda each: each.path.count("/"))

    def above(self, store: Store) -> list[Domain]:
        """Itself and all above it."""
        parent = [] if self.parent is None else Domain.of(store, self.parent).above(store)
        return [self, *parent]

    def rename(self, store: Store, name: str) -> None:
        """Change its name, and with it the paths of all below it."""
        head, _, _ = self.path.rpartition("/")
        path = f"{head}/{name}" if head else name
        for each in self.below(store):
            each.update(store, path=path + each.path[len(self.path) :])
        self.update(store, name=name)


class RoleType(State):
    """What a role is, in CloudStack's words."""

    ADMIN = "Admin"
    RESOURCE_ADMIN = "ResourceAdmin"
    DOMAIN_ADMIN = "DomainAdmin"
    USER = "User"


class Role(Record):
    """What an account may do; `account_type` is CloudStack's older number for it."""

    TABLE, KIND, THERE = "roles", "role", "1"
    STATES: ClassVar = {"role_type": RoleType}

    name: str
    role_type: RoleType
    account_type: int


class AccountState(State):
    """Whether an account's users may ask; a locked one keeps what it has, and gets nothing."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    LOCKED = "locked"


class Account(Record):
    """One account; a lab begins with the system's and its admin's."""

    TABLE, KIND, RESOURCE = "account", "account", "Account"
    THERE = f"removed IS NULL AND id <> {SYSTEM_ACCOUNT}"
    STATES: ClassVar = {"state": AccountState}

    account_name: str
    domain_id: int
    role_id: int
    state: AccountState

    @property
    def owner(self) -> int | None:
        return self.id

    def domain(self, store: Store) -> Domain:
        """The domain that it is in."""
        return Domain.of(store, self.domain_id)

    def role(self, store: Store) -> Role:
        return Role.of(store, self.role_id)

    @property
    def is_root(self) -> bool:
        """Whether it may see and do all."""
        return self.role_id == 1

    @property
    def is_domain_admin(self) -> bool:
        return self.role_id == 3

    @classmethod
    def called(cls, store: Store, name: str, domain: int) -> Account | None:
        """The one with this name in a domain."""
        found = cls.where(
            store,
            "account_name = ? COLLATE NOCASE AND domain_id = ? AND removed IS NULL AND id <> ?",
            name,
            domain,
            SYSTEM_ACCOUNT,
        )
        return found[0] if found else None

    def is_above(self, store: Store, other: int) -> bool:
        """Whether this one may touch what belongs to another: it is that, or an admin over it, or a
        member of the project that it stands for. Nobody but a root admin is above a root admin."""
        if self.is_root or self.id == other:
            return True
        account = Account.of(store, other)
        if account.is_root or account.id == SYSTEM_ACCOUNT:
            return False
        if self.is_domain_admin and self.domain(store).holds(store, account.domain_id):
            return True
        project = Project.first(store, project_account_id=other)
        return project is not None and project.role_of(store, self.id) is not None


class Project(Record):
    """A project; what it has belongs to an account of its own."""

    TABLE, KIND, RESOURCE = "projects", "project", "Project"

    name: str
    project_account_id: int
    domain_id: int
    state: str

    @property
    def owner(self) -> int | None:
        return self.project_account_id

    @classmethod
    def begin(cls, store: Store, name: str, text: str, by: Account) -> Project:
        """Make one, with an account of its own, for whom it is by as its admin."""
        account = Account.insert(
            store,
            account_name=f"project-{new_uuid()}",
            domain_id=by.domain_id,
            role_id=4,
            created=now(),
        )
        project = cls.add(
            store,
            name=name,
            display_text=text,
            project_account_id=account,
            domain_id=by.domain_id,
            created=now(),
        )
        project.admit(store, by.id, "Admin")
        return project

    def admit(self, store: Store, account: int, role: str) -> None:
        """Make an account a member, as Admin or Regular; or change what it is."""
        self.dismiss(store, account)
        store.insert("project_account", project_id=self.id, account_id=account, role=role)

    def is_led_by_others(self, store: Store, account: int) -> bool:
        """Whether it has an Admin besides this account."""
        found = store.value(
            "SELECT 1 FROM project_account WHERE project_id = ? AND account_id <> ? "
            "AND role = 'Admin' LIMIT 1",
            self.id,
            account,
        )
        return bool(found)

    def dismiss(self, store: Store, account: int) -> None:
        """Let a member go."""
        store.execute(
            "DELETE FROM project_account WHERE project_id = ? AND account_id = ?", self.id, account
        )

    def role_of(self, store: Store, account: int) -> str | None:
        """What an account is in it; None for nothing."""
        found: str | None = store.value(
            "SELECT role FROM project_account WHERE project_id = ? AND account_id = ?",
            self.id,
            account,
        )
        return found

    def has_things(self, store: Store) -> bool:
        """Whether VMs or templates are its own."""
        tables = ("vm_instance", "vm_template")
        return any(
            store.value(
                f"SELECT 1 FROM {table} WHERE account_id = ? AND removed IS NULL LIMIT 1",
                self.project_account_id,
            )
            for table in tables
        )

    @classmethod
    def accounts_of(cls, store: Store, member: int) -> list[int]:
        """The accounts of all projects that an account is a member of."""
        rows = store.rows(
            "SELECT p.project_account_id FROM projects p JOIN project_account m "
            "ON m.project_id = p.id WHERE m.account_id = ? AND p.removed IS NULL",
            member,
        )
        return [row[0] for row in rows]
