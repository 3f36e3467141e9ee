"""Affinity groups: which hosts they leave to a VM, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from cmk.lab.hosts.placement import demand_of, plan
from cmk.lab.model.affinity import AffinityGroup, set_groups
from cmk.lab.model.machine import Machine, MachineState
from tests.lab.at_once import LabAtOnce, refused
from tests.lab.conftest import Things


@pytest.fixture
def lab(things: Things) -> LabAtOnce:
    things.pool.update(things.store, capacity=1 << 44, used=0)
    things.host.update(things.store, ram=1 << 40, cpus=64)
    things.add_host("other")
    return LabAtOnce(things)


def group(lab: LabAtOnce, type: str, *machines: Machine) -> Any:
    made = lab.ask("createAffinityGroup", name=f"g-{type[:8]}", type=type)["affinitygroup"]
    row = AffinityGroup.known(lab.store, made["id"])
    assert row is not None
    for vm in machines:
        set_groups(lab.store, vm.id, [row])
    return made


def two(lab: LabAtOnce) -> tuple[Machine, Machine]:
    """One that runs on the first host, and one that is to be placed."""
    template = lab.things.template()
    on = lab.things.host.id
    first = lab.things.vm(template, "a", MachineState.RUNNING, host_id=on, last_host_id=on)
    return first, lab.things.vm(template, "b", MachineState.STARTING)


def places(lab: LabAtOnce, vm: Machine) -> tuple[list[str], list[str]]:
    found = plan(lab.store, demand_of(lab.store, vm), {})
    return [place.host.name for place in found.places], [why for _, why in found.refused]


@pytest.mark.parametrize(
    ("type", "tried", "refusal"),
    [
        ("host anti-affinity", ["other"], "another VM of the affinity group"),
        ("host affinity", ["first"], "are elsewhere"),
        ("non-strict host anti-affinity", ["other", "first"], ""),
        ("non-strict host affinity", ["first", "other"], ""),
    ],
)
def test_a_group_says_where_a_vm_may_be(
    lab: LabAtOnce, type: str, tried: list[str], refusal: str
) -> None:
    first, vm = two(lab)
    group(lab, type, first, vm)
    found, reasons = places(lab, vm)
    names = {lab.things.host.name: "first"}
    assert [names.get(name, name) for name in found] == tried
    assert all(refusal in reason for reason in reasons)
    assert len(reasons) == 2 - len(tried)


def test_the_first_vm_of_a_group_may_be_anywhere(lab: LabAtOnce) -> None:
    _, vm = two(lab)
    group(lab, "host affinity", vm)
    assert len(places(lab, vm)[0]) == 2


def test_a_group_is_told_with_its_vms_and_goes_when_it_is_empty(lab: LabAtOnce) -> None:
    made = group(lab, "host anti-affinity")
    vm = lab.vm("web1", affinitygroupids=made["id"])
    assert [each["name"] for each in vm["affinitygroup"]] == [made["name"]]
    [row] = lab.ask("listAffinityGroups", virtualmachineid=vm["id"])["affinitygroup"]
    assert row["virtualmachineIds"] == [vm["id"]]
    assert lab.ask("listVirtualMachines", affinitygroupid=made["id"])["count"] == 1
    with refused(530, "1 VM"):
        lab.ask("deleteAffinityGroup", id=made["id"])
    changed = lab.ask("updateVMAffinityGroup", id=vm["id"], affinitygroupids="")
    assert changed["virtualmachine"]["affinitygroup"] == []
    assert lab.ask("deleteAffinityGroup", name=made["name"])["success"] is True
    assert lab.ask("listAffinityGroups") == {}


def test_what_is_no_group_is_refused(lab: LabAtOnce) -> None:
    group(lab, "host affinity")
    with refused(431, "already"):
        group(lab, "host affinity")
    with refused(431, "none of"):
        lab.ask("createAffinityGroup", name="x", type="closeness")
    with refused(431, "no affinity group y"):
        lab.vm("web1", affinitygroupnames="y")
    assert Machine.called(lab.store, "web1") is None
    assert len(lab.ask("listAffinityGroupTypes")["affinityGroupType"]) == 4


def test_a_network_of_ones_own_is_on_the_labs_router_alone(lab: LabAtOnce) -> None:
    vm = Machine.called(lab.store, lab.vm("web1", lab.network())["name"])
    assert vm is not None
    vm.template(lab.store)
    found, reasons = places(lab, vm)
    assert found == [lab.things.host.name]
    assert ["does not reach the network n1" in reason for reason in reasons] == [True]
