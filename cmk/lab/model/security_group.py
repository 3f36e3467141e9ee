"""Security groups: what VMs on Shared networks let in from others there, and what they may send."""

from __future__ import annotations

from cmk.lab.model.record import Record
from cmk.lab.store import Store, now

#: What each account has from its beginning.
DEFAULT = "default"


class SecurityGroup(Record):
    """A group of VMs with rules for all of them."""

    TABLE, KIND, RESOURCE, THERE = "security_group", "security group", "SecurityGroup", "1"

    name: str
    description: str
    account_id: int

    @classmethod
    def called(cls, store: Store, name: str, account: int) -> SecurityGroup | None:
        """An account's group of this name; its default one is there when it is asked for."""
        found = cls.first(store, account_id=account, name=name)
        if found is None and name == DEFAULT:
            found = cls.add(
                store,
                name=DEFAULT,
                description="Default Security Group",
                account_id=account,
                created=now(),
            )
        return found

    def rules(self, store: Store) -> list[SecurityRule]:
        """Its rules, the oldest first."""
        return SecurityRule.there(store, security_group_id=self.id)

    def machines(self, store: Store) -> list[int]:
        """The VMs in it that are there, by number."""
        rows = store.rows(
            "SELECT m.instance_id FROM security_group_vm_map m JOIN vm_instance v "
            "ON v.id = m.instance_id WHERE m.security_group_id = ? AND v.removed IS NULL "
            "ORDER BY v.id",
            self.id,
        )
        return [row["instance_id"] for row in rows]

    def addresses(self, store: Store, network: int) -> list[str]:
        """Those that its VMs have on a network."""
        rows = store.rows(
            "SELECT w.ip4_address, s.ip4_address AS other FROM security_group_vm_map m JOIN nics w "
            "ON w.instance_id = m.instance_id LEFT JOIN nic_secondary_ips s ON s.nic_id = w.id "
            "AND s.removed IS NULL WHERE m.security_group_id = ? AND w.network_id = ? "
            "AND w.removed IS NULL AND w.ip4_address IS NOT NULL ORDER BY w.id, s.id",
            self.id,
            network,
        )
        found = [each for row in rows for each in (row["ip4_address"], row["other"]) if each]
        return list(dict.fromkeys(found))

    def namers(self, store: Store) -> list[SecurityRule]:
        """Rules of other groups that are about its VMs."""
        return [
            rule
            for rule in SecurityRule.there(store, allowed_group_id=self.id)
            if rule.security_group_id != self.id
        ]

    def dissolve(self, store: Store) -> None:
        """Take it out of the store, with its rules and its VMs' places in it."""
        store.execute("DELETE FROM security_group_vm_map WHERE security_group_id = ?", self.id)
        for rule in self.rules(store):
            rule.delete(store)
        self.delete(store)

    @classmethod
    def of_machine(cls, store: Store, machine: int) -> list[SecurityGroup]:
        """Those that a VM is in."""
        return cls.where(
            store,
            "id IN (SELECT security_group_id FROM security_group_vm_map WHERE instance_id = ?) "
            "ORDER BY id",
            machine,
        )

    @classmethod
    def of_all(cls, store: Store, machines: list[int]) -> dict[int, list[dict[str, str]]]:
        """The groups of VMs, as lists of VMs tell them, by VM."""
        marks = ", ".join("?" * len(machines))
        found: dict[int, list[dict[str, str]]] = {}
        for row in store.rows(
            "SELECT m.instance_id, g.uuid AS id, g.name, g.description "
            "FROM security_group_vm_map m JOIN security_group g ON g.id = m.security_group_id "
            f"WHERE m.instance_id IN ({marks}) ORDER BY g.id",
            *machines,
        ):
            told = {name: row[name] for name in ("id", "name", "description")}
            found.setdefault(row["instance_id"], []).append(told)
        return found

    @classmethod
    def put(cls, store: Store, machine: int, groups: list[SecurityGroup]) -> None:
        """Have a VM be in these, and in no others."""
        store.execute("DELETE FROM security_group_vm_map WHERE instance_id = ?", machine)
        for group in groups:
            store.insert("security_group_vm_map", security_group_id=group.id, instance_id=machine)


class SecurityRule(Record):
    """What a group lets in, or lets its VMs send: from or to a block, or another group's VMs."""

    TABLE, KIND, RESOURCE, THERE = "security_group_rule", "security group rule", "SecurityRule", "1"

    INGRESS, EGRESS = "ingress", "egress"

    security_group_id: int
    account_id: int
    type: str
    protocol: str
    start_port: int | None
    end_port: int | None
    icmp_type: int | None
    icmp_code: int | None
    allowed_cidr: str | None
    allowed_group_id: int | None
