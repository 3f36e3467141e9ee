"""Tags: keys with values that accounts put on what they have."""

from __future__ import annotations

from typing import Any

from cmk.lab.model.machine import Machine, Volume
from cmk.lab.model.network import Network, PublicAddress, Rule
from cmk.lab.model.record import Record
from cmk.lab.model.security_group import SecurityGroup
from cmk.lab.model.template import Template
from cmk.lab.model.vpc import AclItem, AclList, Vpc
from cmk.lab.store import Store

#: What can have tags, under CloudStack's names (ResourceObjectType, 4.22).
TAGGED: dict[str, type[Record]] = {
    "UserVm": Machine,
    "Template": Template,
    "ISO": Template,
    "Volume": Volume,
    "Network": Network,
    "PublicIpAddress": PublicAddress,
    "FirewallRule": Rule,
    "PortForwardingRule": Rule,
    "LoadBalancer": Rule,
    "SecurityGroup": SecurityGroup,
    "Vpc": Vpc,
    "NetworkACL": AclItem,
    "NetworkACLList": AclList,
}


def is_of(thing: Record, kind: str) -> bool:
    """Whether a row is of this kind: some kinds share a table."""
    if isinstance(thing, Template):
        return thing.is_iso == (kind == "ISO")
    if isinstance(thing, Rule):
        return kind == {
            Rule.FIREWALL: "FirewallRule",
            Rule.FORWARDING: "PortForwardingRule",
            Rule.BALANCING: "LoadBalancer",
        }.get(thing.purpose)
    return True


#: What is told of a tag, in CloudStack's order.
SHOWN = "key value resourcetype resourceid account domainid domain domainpath project projectid"


class Tag(Record):
    """One key of one thing; `resource_uuid` is the thing's id."""

    TABLE, KIND, RESOURCE, THERE, HAS_UUID = "resource_tags", "tag", "Tag", "1", False

    resource_type: str
    resource_uuid: str
    account_id: int
    key: str
    value: str

    @classmethod
    def of_all(cls, store: Store, kind: str, things: list[str]) -> dict[str, list[dict[str, Any]]]:
        """The tags of things of one kind, as lists tell them, by id."""
        marks = ", ".join("?" * len(things))
        found: dict[str, list[dict[str, Any]]] = {}
        for row in store.rows(
            f"SELECT * FROM tag_view WHERE resourcetype = ? AND resourceid IN ({marks}) "
            "ORDER BY row_id",
            kind,
            *things,
        ):
            told = {name: row[name] for name in SHOWN.split() if row[name] is not None}
            found.setdefault(row["resourceid"], []).append(told)
        return found

    @staticmethod
    def having(kind: str, wanted: dict[str, str]) -> tuple[str, list[Any]]:
        """Which things of a kind have one of these tags, as a condition on a view; of a key without
        a value any is meant."""
        parts, values = [], [kind]
        for key, value in wanted.items():
            parts.append("(t.key = ? AND t.value = ?)" if value else "t.key = ?")
            values += [key, value] if value else [key]
        return (
            "id IN (SELECT t.resource_uuid FROM resource_tags t WHERE t.resource_type = ? "
            f"AND ({' OR '.join(parts) or '0'}))",
            values,
        )
