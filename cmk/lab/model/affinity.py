"""Affinity groups: VMs that are to be on one host, or on different ones."""

from __future__ import annotations

from typing import NamedTuple

from cmk.lab.model.record import Record
from cmk.lab.store import Store

#: The types, as CloudStack writes them.
TYPES = (
    "host anti-affinity",
    "host affinity",
    "non-strict host anti-affinity",
    "non-strict host affinity",
)


class AffinityGroup(Record):
    """A group of VMs; its type says how they are kept."""

    TABLE, KIND, RESOURCE, THERE = "affinity_group", "affinity group", "AffinityGroup", "1"

    name: str
    type: str
    description: str | None
    account_id: int

    @property
    def is_strict(self) -> bool:
        return not self.type.startswith("non-strict")

    @property
    def keeps_apart(self) -> bool:
        return self.type.endswith("anti-affinity")

    def machines(self, store: Store) -> list[int]:
        """The VMs in it, by number."""
        rows = store.rows(
            "SELECT m.instance_id FROM affinity_group_vm_map m JOIN vm_instance v "
            "ON v.id = m.instance_id WHERE m.affinity_group_id = ? AND v.removed IS NULL "
            "ORDER BY v.id",
            self.id,
        )
        return [row["instance_id"] for row in rows]

    def empty(self, store: Store) -> None:
        """No VM is in it any more, also none that is gone."""
        store.execute("DELETE FROM affinity_group_vm_map WHERE affinity_group_id = ?", self.id)

    def hosts(self, store: Store, besides: int) -> set[int]:
        """Where its other VMs are now."""
        rows = store.rows(
            "SELECT v.host_id FROM affinity_group_vm_map m JOIN vm_instance v "
            "ON v.id = m.instance_id WHERE m.affinity_group_id = ? AND v.removed IS NULL "
            "AND v.host_id IS NOT NULL AND v.id <> ?",
            self.id,
            besides,
        )
        return {row["host_id"] for row in rows}

    @classmethod
    def of_all(cls, store: Store, machines: list[int]) -> dict[int, list[dict[str, str]]]:
        """The groups of VMs, as lists of VMs tell them, by VM."""
        marks = ", ".join("?" * len(machines))
        found: dict[int, list[dict[str, str]]] = {}
        for row in store.rows(
            "SELECT m.instance_id, g.uuid AS id, g.name, g.type FROM affinity_group_vm_map m "
            f"JOIN affinity_group g ON g.id = m.affinity_group_id WHERE m.instance_id IN ({marks}) "
            "ORDER BY g.id",
            *machines,
        ):
            told = {"id": row["id"], "name": row["name"], "type": row["type"]}
            found.setdefault(row["instance_id"], []).append(told)
        return found

    @classmethod
    def of_machine(cls, store: Store, machine: int) -> list[AffinityGroup]:
        """Those that a VM is in."""
        return cls.where(
            store,
            "id IN (SELECT affinity_group_id FROM affinity_group_vm_map WHERE instance_id = ?) "
            "ORDER BY id",
            machine,
        )


def set_groups(store: Store, machine: int, groups: list[AffinityGroup]) -> None:
    """Put a VM into these groups, and into no other."""
    store.execute("DELETE FROM affinity_group_vm_map WHERE instance_id = ?", machine)
    for group in groups:
        store.insert("affinity_group_vm_map", affinity_group_id=group.id, instance_id=machine)


class Affinity(NamedTuple):
    """What groups mean for a place: the hosts of each group's other VMs."""

    groups: tuple[tuple[AffinityGroup, frozenset[int]], ...] = ()

    @classmethod
    def of(cls, store: Store, groups: list[AffinityGroup], machine: int = 0) -> Affinity:
        """Of a VM that is, or is going to be, in these groups."""
        return cls(tuple((each, frozenset(each.hosts(store, machine))) for each in groups))

    def forbids(self, host: int) -> str:
        """Why a host will not do, "" where it will."""
        for group, hosts in self.groups:
            if not group.is_strict or not hosts:
                continue
            if group.keeps_apart and host in hosts:
                return f"another VM of the affinity group {group.name} ({group.type}) is on it"
            if not group.keeps_apart and host not in hosts:
                return f"the VMs of the affinity group {group.name} ({group.type}) are elsewhere"
        return ""

    def distance(self, host: int) -> int:
        """How many groups would rather have another host."""
        return sum((host in hosts) == group.keeps_apart for group, hosts in self.groups if hosts)
