"""What nothing needs, and what something does."""

from __future__ import annotations

from typing import Any

import pytest

from cmk.lab.model import unused
from cmk.lab.model.copy import Copy
from cmk.lab.model.machine import MachineState
from tests.lab.conftest import Things


def idle(things: Things) -> list[str]:
    return [file.template for file in unused.unused_copies(things.store)]


def test_a_copy_is_unused_until_a_disk_stands_on_it(things: Things) -> None:
    template = things.template()
    things.copy(template)
    assert idle(things) == ["debian"]
    disk = things.vm(template).root(things.store)
    disk.update(things.store, pool_id=things.pool.id, base_path=f"file-of-{template.id}")
    assert idle(things) == []
    disk.remove(things.store)
    assert idle(things) == ["debian"]


def test_an_iso_in_a_drive_is_used(things: Things) -> None:
    iso = things.template("cd", format="ISO")
    things.copy(iso)
    vm = things.vm(things.template(), iso_id=iso.id)
    assert idle(things) == []
    vm.become(things.store, MachineState.ERROR)
    assert idle(things) == ["cd"]


def test_a_copy_that_a_vm_in_the_making_waits_for_is_used(things: Things) -> None:
    template = things.template()
    things.copy(template)
    job = things.job(things.vm(template), "deployVirtualMachine")
    assert idle(things) == []
    job.row.end(things.store, 1, 0, {}, [])
    assert idle(things) == ["debian"]


@pytest.mark.parametrize(("cmd", "is_used"), [("prepareTemplate", True), ("deleteTemplate", False)])
def test_a_job_about_the_template_needs_its_copy_unless_it_deletes(
    things: Things, cmd: str, is_used: bool
) -> None:
    template = things.template()
    things.copy(template)
    things.job(template, cmd)
    assert (idle(things) == []) is is_used


def test_marks_are_set_once_and_collected_after_the_interval(things: Things) -> None:
    things.copy(things.template())
    unused.mark_unused(things.store)
    mark = Copy.there(things.store)[0].marked_for_gc or ""
    unused.mark_unused(things.store)
    assert Copy.there(things.store)[0].marked_for_gc == mark
    unused.forget_unused(things.store, since="2020-01-01T00:00:00+0000")
    assert len(Copy.there(things.store)) == 1
    unused.forget_unused(things.store, since=mark)
    assert Copy.there(things.store) == []
    assert [file.install_path for file in unused.orphans(things.store)] == ["file-of-1"]


def test_a_date_is_a_value_and_never_a_piece_of_sql(things: Things) -> None:
    things.copy(things.template())
    unused.forget_unused(things.store, since="' OR 1 OR '")
    assert len(Copy.there(things.store)) == 1


def test_copies_go_with_the_registration_in_their_zone(things: Things) -> None:
    template = things.template()
    things.copy(template)
    unused.forget_unregistered(things.store)
    assert len(Copy.there(things.store)) == 1
    template.unregister_from(things.store, None)
    assert template.again(things.store).removed
    unused.forget_unregistered(things.store)
    assert Copy.there(things.store) == []


def test_an_orphan_waits_for_the_last_disk_that_stands_on_it(things: Things) -> None:
    template = things.template()
    things.copy(template)
    disk = things.vm(template).root(things.store)
    disk.update(things.store, pool_id=things.pool.id, base_path=f"file-of-{template.id}")
    Copy.there(things.store)[0].forget(things.store)
    assert unused.orphans(things.store) == []
    disk.remove(things.store)
    assert len(unused.orphans(things.store)) == 1


@pytest.mark.parametrize(
    ("state", "delay", "names"),
    [
        (MachineState.DESTROYED, 0, ["web1"]),
        (MachineState.DESTROYED, 60, []),
        (MachineState.STOPPED, 0, []),
    ],
)
def test_vms_are_overdue_when_they_were_destroyed_long_enough_ago(
    things: Things, state: MachineState, delay: int, names: list[str]
) -> None:
    things.vm(things.template(), state=state)
    found: list[Any] = unused.overdue_machines(things.store, delay)
    assert [vm.name for vm in found] == names


def test_a_vm_that_a_job_is_about_is_not_overdue(things: Things) -> None:
    vm = things.vm(things.template(), state=MachineState.DESTROYED)
    things.job(vm, "recoverVirtualMachine")
    assert unused.overdue_machines(things.store, 0) == []
