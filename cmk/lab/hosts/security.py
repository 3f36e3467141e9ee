"""What security groups say, as the router is told it of each guest."""

from __future__ import annotations

from cmk.document import Json
from cmk.lab.hosts.access_list import about
from cmk.lab.model.machine import Machine
from cmk.lab.model.network import Network
from cmk.lab.model.security_group import SecurityGroup, SecurityRule
from cmk.lab.store import Store


def groups_of_guest(store: Store, vm: Machine, network: Network) -> Json | None:
    """What a VM lets in and may send on a Shared network; None where it is in no group: all."""
    groups = SecurityGroup.of_machine(store, vm.id)
    if not groups:
        return None
    rules = [rule for group in groups for rule in group.rules(store)]
    return {
        "ingress": _told(store, rules, SecurityRule.INGRESS, "sources", network),
        "egress": _told(store, rules, SecurityRule.EGRESS, "destinations", network),
        "sends_all": not any(rule.type == SecurityRule.EGRESS for rule in rules),
    }


def _told(
    store: Store, rules: list[SecurityRule], kind: str, where: str, network: Network
) -> list[Json]:
    found = []
    for rule in rules:
        if rule.type != kind:
            continue
        blocks = [rule.allowed_cidr] if rule.allowed_cidr else []
        if rule.allowed_group_id is not None:
            blocks = SecurityGroup.of(store, rule.allowed_group_id).addresses(store, network.id)
            if not blocks:
                continue  # a group without VMs here allows nobody
        found.append({**about(rule), where: blocks})
    return found
