"""Limits of what accounts and domains may have, and how much they have."""

from __future__ import annotations

from typing import NamedTuple

from cmk.lab.model.account import Account, Domain
from cmk.lab.model.ownership import Owners
from cmk.lab.store import Store

_VMS = "FROM vm_instance v JOIN service_offering o ON o.id = v.service_offering_id WHERE v.removed "
_VMS += "IS NULL AND v.state NOT IN ('Error', 'Destroyed', 'Expunging') AND {v}"
_DISKS = "FROM volumes d JOIN vm_instance v ON v.id = d.instance_id LEFT JOIN vm_template t "
_DISKS += "ON t.id = d.template_id WHERE d.removed IS NULL AND {v}"
_NETWORKS = "SELECT count(*) FROM networks v WHERE v.removed IS NULL AND {v}"

#: The lab's settings that say how many an account may have, as CloudStack names them.
SETTINGS = {
    "user_vm": "max.account.user.vms",
    "public_ip": "max.account.public.ips",
    "volume": "max.account.volumes",
    "snapshot": "max.account.snapshots",
    "template": "max.account.templates",
    "project": "max.account.projects",
    "network": "max.account.networks",
    "vpc": "max.account.vpcs",
    "cpu": "max.account.cpus",
    "memory": "max.account.memory",
    "primary_storage": "max.account.primary.storage",
    "secondary_storage": "max.account.secondary.storage",
}


class Resource(NamedTuple):
    """A type of thing that is counted: CloudStack's number and word for it, what an account's
    fields begin with, how many an account may have by default, and the query that counts them."""

    number: int
    name: str
    field: str
    default: int
    query: str = ""


#: In the order of their numbers (4.22). CPU in cores, memory in MiB, storage in GiB.
RESOURCES = (
    Resource(0, "user_vm", "vm", 20, f"SELECT count(*) {_VMS}"),
    Resource(
        1,
        "public_ip",
        "ip",
        20,
        "SELECT count(*) FROM user_ip_address v WHERE v.removed IS NULL AND {v}",
    ),
    Resource(2, "volume", "volume", 20, f"SELECT count(*) {_DISKS}"),
    Resource(3, "snapshot", "snapshot", 20),
    Resource(
        4,
        "template",
        "template",
        20,
        "SELECT count(*) FROM vm_template v WHERE v.removed IS NULL AND {v}",
    ),
    Resource(
        5,
        "project",
        "project",
        10,
        "SELECT count(*) FROM projects p JOIN project_account v ON v.project_id = p.id "
        "WHERE p.removed IS NULL AND v.role = 'Admin' AND {v}",
    ),
    Resource(6, "network", "network", 20, _NETWORKS),
    Resource(7, "vpc", "vpc", 20, "SELECT count(*) FROM vpc v WHERE v.removed IS NULL AND {v}"),
    Resource(8, "cpu", "cpu", 40, f"SELECT coalesce(sum(o.cpu), 0) {_VMS}"),
    Resource(9, "memory", "memory", 40960, f"SELECT coalesce(sum(o.ram_size), 0) {_VMS}"),
    Resource(
        10,
        "primary_storage",
        "primarystorage",
        200,
        f"SELECT (coalesce(sum(coalesce(d.size, t.size)), 0) + 1073741823) >> 30 {_DISKS}",
    ),
    Resource(11, "secondary_storage", "secondarystorage", 400),
    Resource(12, "backup", "backup", 20),
    Resource(13, "backup_storage", "backupstorage", 400),
    Resource(14, "bucket", "bucket", 20),
    Resource(15, "object_storage", "objectstorage", 400),
    Resource(16, "gpu", "gpu", 20),
)
BY_NAME = {resource.name: resource for resource in RESOURCES}

#: Stands for no limit.
UNLIMITED = -1


def total(store: Store, resource: Resource, owners: Owners) -> int:
    """How much of it these have."""
    if not resource.query:  # a lab has none of these
        return 0
    condition, values = owners.condition("v.account_id")
    return int(store.value(resource.query.replace("{v}", condition or "1"), *values))


def limit_of_account(store: Store, resource: Resource, account: Account) -> int:
    """The most that an account may have: what was set for it, else for all (max.account.*); root
    admins may have any."""
    if account.is_root:
        return UNLIMITED
    found = store.value(
        "SELECT max FROM resource_limit WHERE type = ? AND account_id = ?",
        resource.name,
        account.id,
    )
    if found is None and resource.name in SETTINGS:
        found = store.configuration(SETTINGS[resource.name])
    return resource.default if found is None else int(found)


def limit_of_domain(store: Store, resource: Resource, domain: Domain) -> int:
    """The most that all accounts of a domain and those below it may have together."""
    found = store.value(
        "SELECT max FROM resource_limit WHERE type = ? AND domain_id = ?", resource.name, domain.id
    )
    return UNLIMITED if found is None else int(found)


def set_limit(store: Store, resource: Resource, whose: Account | Domain, most: int) -> None:
    """Set one; it counts from the next thing on."""
    column = "account_id" if isinstance(whose, Account) else "domain_id"
    store.execute(
        f"DELETE FROM resource_limit WHERE type = ? AND {column} = ?", resource.name, whose.id
    )
    store.insert("resource_limit", type=resource.name, **{column: whose.id}, max=most)


class Excess(NamedTuple):
    """A limit that something more would pass."""

    resource: Resource
    whose: str
    limit: int
    total: int


def excess(store: Store, account: Account, wanted: dict[str, int]) -> Excess | None:
    """The first limit that an account, or a domain it is in, would pass with this much more."""
    for name, more in wanted.items():
        resource = BY_NAME[name]
        most = limit_of_account(store, resource, account)
        if most != UNLIMITED:
            has = total(store, resource, Owners([account.id]))
            if has + more > most:
                return Excess(resource, f"the account {account.account_name}", most, has)
        for domain in account.domain(store).above(store):
            most = limit_of_domain(store, resource, domain)
            if most != UNLIMITED:
                has = total(store, resource, Owners(None, domain.id, True))
                if has + more > most:
                    return Excess(resource, f"the domain {domain.path}", most, has)
    return None
