"""Faults on demand, and VMs without guests."""

from __future__ import annotations

from typing import Any

import pytest

from cmk.errors import ApiError
from cmk.lab.engine import run
from cmk.lab.faults import strike
from cmk.lab.settings import GUESTS
from cmk.wire.envelope import content
from tests.conftest import LabCmk, processes_of
from tests.lab.conftest import Things
from tests.web import Web


def ask(things: Things, api: str, **params: str) -> Any:
    return content(run(things.call, api, params))


def test_an_api_fails_as_often_as_was_asked_for(things: Things) -> None:
    words = {"name": "no zones", "command": "listZones", "count": "2"}
    made = ask(things, "configureSimulator", value="code:533|text:full", **words)
    assert made["simulatormock"]["command"] == "listzones"
    for _ in range(2):
        with pytest.raises(ApiError) as caught:
            ask(things, "listZones")
        assert (caught.value.errorcode, caught.value.errortext) == (533, "full")
    assert ask(things, "listZones")["count"] == 1
    [told] = ask(things, "querySimulatorMock", id=str(made["simulatormock"]["id"]))["simulatormock"]
    assert (told["used"], told["count"]) == (2, 0)


def test_a_fault_without_a_number_stays_until_it_is_taken_back(things: Things) -> None:
    ask(things, "configureSimulator", name="listPods", value="result:fail")
    for _ in range(3):
        with pytest.raises(ApiError, match="listPods: a fault that was asked for"):
            ask(things, "listPods")
    ask(things, "cleanupSimulatorMock")
    assert ask(things, "listPods")["count"] == 1
    assert ask(things, "querySimulatorMock") == {}


def test_a_step_fails_on_its_host_alone(things: Things) -> None:
    other, _ = things.add_host("far")
    words = {"name": "x", "command": "StartCommand", "value": "result:fail|wait:1"}
    ask(things, "configureSimulator", hostid=other.uuid, **words)
    strike(things.call, "start", things.host)
    with pytest.raises(ApiError):
        strike(things.call, "start", other)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"name": "nothing", "value": "wait:1"}, "no API of the lab's"),
        ({"name": "listZones", "value": "explode"}, "'explode' is no fault"),
        ({"name": "listZones", "value": "wait:99999999"}, "is no fault"),
        ({"name": "listZones", "value": "code:200"}, "is no fault"),
        ({"name": "listZones", "value": "result:fail", "count": "0"}, "from 1"),
    ],
)
def test_what_is_no_fault_is_told(things: Things, params: dict[str, str], said: str) -> None:
    with pytest.raises(ApiError, match=said):
        ask(things, "configureSimulator", **params)


def test_without_guests_a_vm_lives_its_life_where_no_libvirt_is(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    programs = lab.directory.parent / "bin"
    programs.mkdir()
    for name in ("qemu-img", "prlimit"):  # images are looked at all the same
        (programs / name).symlink_to(f"/usr/bin/{name}")
    lab.variables["PATH"] = str(programs)
    lab.ok("update", "configuration", f"name={GUESTS}", "value=false")
    template = lab.register(web.serve("/nano.qcow2", nano))
    vm = lab.deploy(template, "web1")
    assert vm["state"] == "Running"
    [copy] = lab.ok("list", "templatespoolrefs").json["templatespoolref"]
    assert copy["downloadstate"] == "DOWNLOADED"
    for verb, state in (("reboot", "Running"), ("stop", "Stopped"), ("start", "Running")):
        told = lab.ok(verb, "vm", f"id={vm['id']}").json["virtualmachine"]
        assert told["state"] == state
    [host] = lab.ok("list", "hosts").json["host"]
    assert host["details"]["guests"] == "none are started (lab.guests is false)"
    assert lab.vm("web1")["state"] == "Running"
    refused = lab("update", "configuration", f"name={GUESTS}", "value=true")
    assert "stays as it is" in refused.err
    lab.ok("restore", "vm", f"virtualmachineid={vm['id']}")
    lab.ok("destroy", "vm", f"id={vm['id']}", "expunge=true")
    assert lab.ok("list", "vms").json == {}
    assert not any("libvirt" in command for command in processes_of(lab.directory))
