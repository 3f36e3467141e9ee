"""Where a VM can run, decided on the store alone."""

from __future__ import annotations

from typing import Any

import pytest

from cmk.lab.hosts.placement import demand, demand_of, plan
from cmk.lab.hosts.pools import measure_own
from cmk.lab.model.host import HostState, ResourceState
from cmk.lab.model.machine import Machine, MachineState
from cmk.lab.model.offering import DiskOffering, ServiceOffering
from cmk.lab.model.pool import Pool
from cmk.lab.store import now
from tests.lab.conftest import Things

GIB = 1 << 30


def names(things: Things, **more: Any) -> list[str]:
    vm = things.vm(things.template(), **more)
    return [place.host.name for place in plan(things.store, demand_of(things.store, vm), {}).places]


def reasons(things: Things, ties: dict[str, str] | None = None, **more: Any) -> dict[str, str]:
    vm = things.vm(things.template(), **more)
    return dict(plan(things.store, demand_of(things.store, vm), ties or {}).refused)


def test_a_host_that_has_the_template_comes_before_one_with_less_load(things: Things) -> None:
    _, pool = things.add_host("h1")
    template = things.template("wanted")
    things.copy(template, pool)
    things.vm(things.template(), "busy", MachineState.RUNNING, host_id=pool.host_id)
    wanted = demand(ServiceOffering.of(things.store, 1), template, 1, None)
    places = plan(things.store, wanted, {}).places
    assert [place.host.name for place in places] == ["h1", things.host.name]
    assert [place.has_copy for place in places] == [True, False]


def test_of_hosts_that_are_alike_the_one_with_less_load_comes_first(things: Things) -> None:
    things.host.update(things.store, resource_state=ResourceState.DISABLED)
    (first, _), _ = things.add_host("h1"), things.add_host("h2")
    things.vm(things.template("t"), "busy", MachineState.RUNNING, host_id=first.id)
    assert names(things) == ["h2", "h1"]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"status": HostState.DOWN, "reason": "no route"}, "it is Down (no route)"),
        ({"resource_state": ResourceState.MAINTENANCE}, "it is Maintenance"),
        ({"ram": 200 << 20}, "it has 200 MiB free, 256 are needed"),
        ({"cpus": 1, "speed": 10}, "it has 160 MHz, 500 are needed"),
    ],
)
def test_a_host_that_will_not_do_says_why(
    things: Things, columns: dict[str, Any], reason: str
) -> None:
    things.add_host("h1", **columns)
    assert reasons(things)["h1"] == reason


def test_a_request_may_tie_a_vm_to_a_host(things: Things) -> None:
    host, _ = things.add_host("h1")
    told = reasons(things, {"hostid": host.uuid})
    assert told == {things.host.name: "it is not the one that hostid names"}


def test_an_offerings_tags_must_be_a_hosts_and_a_pools(things: Things) -> None:
    ServiceOffering.of(things.store, 1).update(things.store, host_tag="fast", storage_tags="ssd")
    host, pool = things.add_host("h1", tags="fast,big")
    assert reasons(things)["h1"] == "its pool h1-local has no tag ssd"
    pool.update(things.store, tags="ssd")
    assert names(things, name="web2") == ["h1"]
    assert reasons(things, name="web3")[things.host.name] == "it has no tag fast"
    assert host.tags == "fast,big"


def test_the_disk_offerings_tags_count_before_and_after_the_vm_is_there(things: Things) -> None:
    offering = DiskOffering.add(
        things.store, name="d", display_text="d", disk_size=GIB, storage_tags="ssd", created=now()
    )
    iso = things.template("cd", format="ISO", url="http://h/cd.iso")
    wanted = demand(ServiceOffering.of(things.store, 1), iso, 1, GIB, offering)
    vm = things.vm(iso, size=GIB)
    vm.root(things.store).update(things.store, disk_offering_id=offering.id)
    for each in (wanted, demand_of(things.store, vm)):
        told = dict(plan(things.store, each, {}).refused)
        assert told == {things.host.name: f"its pool {things.pool.name} has no tag ssd"}


def test_the_root_disks_size_counts_against_what_over_provisioning_allows(things: Things) -> None:
    things.pool.update(things.store, capacity=10 * GIB, used=0)
    assert names(things, size=19 * GIB) == [things.host.name]
    disk = Machine.there(things.store)[0].root(things.store)
    disk.update(things.store, pool_id=things.pool.id)
    told = reasons(things, name="web2", size=2 * GIB)
    assert told[things.host.name] == (
        f"its pool {things.pool.name} may give {GIB} bytes to disks yet, {2 * GIB} are needed"
    )


def test_the_labs_own_pools_are_measured_before_anything_is_decided(things: Things) -> None:
    assert things.pool.capacity is None
    measure_own(things.store)
    assert (Pool.of(things.store, things.pool.id).capacity or 0) > 0


def test_a_copy_must_have_room_unless_it_is_there(things: Things) -> None:
    things.pool.update(things.store, capacity=10 * GIB, used=10 * GIB - 5)
    template = things.template()
    vm = things.vm(template)
    told = dict(plan(things.store, demand_of(things.store, vm), {}).refused)
    assert told[things.host.name].endswith(f"has 5 bytes free, {GIB} are needed")
    things.copy(template)
    assert plan(things.store, demand_of(things.store, vm), {}).places


def test_a_vm_stays_where_its_disk_is(things: Things) -> None:
    _, pool = things.add_host("h1")
    vm = things.vm(things.template())
    vm.root(things.store).update(things.store, state="Ready", pool_id=pool.id, path="d")
    found = plan(things.store, demand_of(things.store, vm), {})
    assert [place.host.name for place in found.places] == ["h1"]
    assert "the VM's disk is not on its pool" in dict(found.refused)[things.host.name]


def test_a_running_vms_own_memory_does_not_count_twice(things: Things) -> None:
    host, _ = things.add_host("h1", ram=256 << 20)
    vm = things.vm(things.template(), state=MachineState.RUNNING, host_id=host.id)
    found = plan(things.store, demand_of(things.store, vm), {})
    assert "h1" in [place.host.name for place in found.places]
