"""A VM's life after its deployment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cmk.errors import Unreachable
from tests.conftest import LabCmk
from tests.web import Web

pytestmark = pytest.mark.libvirt


@pytest.fixture
def vm(lab: LabCmk, web: Web, nano: bytes) -> dict[str, Any]:
    """A running VM, web1."""
    return lab.deploy(lab.register(web.serve("/nano.qcow2", nano)), "web1")


def connection(lab: LabCmk) -> Any:
    """libvirt itself, as an administrator beside cmk would use it."""
    import libvirt

    socket = lab.directory / "host/run/libvirt/libvirt-sock"
    return libvirt.open(f"qemu+unix:///session?socket={socket}")


def test_stop_start_and_reboot(lab: LabCmk, vm: dict[str, Any]) -> None:
    id = f"id={vm['id']}"
    lab.wait_for_console("web1", "READY")  # a guest that is stopped before says it once less
    stopped = lab.ok("stop", "virtualmachine", id, "forced=true").json["virtualmachine"]
    assert stopped["state"] == "Stopped"
    assert "hostname" not in stopped
    assert lab.ok("start", "virtualmachine", id).json["virtualmachine"]["state"] == "Running"
    lab.wait_for_console("web1", "READY", times=2)
    lab.ok("reboot", "virtualmachine", id)
    lab.wait_for_console("web1", "READY", times=3)
    lab.ok("reboot", "virtualmachine", id, "forced=true")
    lab.wait_for_console("web1", "READY", times=4)
    assert lab.vm("web1")["state"] == "Running"


def test_destroy_recover_and_expunge(lab: LabCmk, vm: dict[str, Any]) -> None:
    id = f"id={vm['id']}"
    destroyed = lab.ok("destroy", "virtualmachine", id).json["virtualmachine"]
    assert destroyed["state"] == "Destroyed"
    recovered = lab.ok("recover", "virtualmachine", id).json["virtualmachine"]
    assert recovered["state"] == "Stopped"
    lab.ok("start", "virtualmachine", id)
    lab.ok("destroy", "virtualmachine", id)
    assert lab.ok("expunge", "virtualmachine", id).json == {"success": True}
    assert lab.ok("list", "virtualmachines").json == {}
    assert len(list((lab.directory / "pool").iterdir())) == 1  # the template's copy stays


def test_stopping_and_destroying_twice_succeed_as_in_cloudstack(
    lab: LabCmk, vm: dict[str, Any]
) -> None:
    id = f"id={vm['id']}"
    for words, state in (
        (("stop", "virtualmachine", id, "forced=true"), "Stopped"),
        (("stop", "virtualmachine", id), "Stopped"),
        (("destroy", "virtualmachine", id), "Destroyed"),
        (("destroy", "virtualmachine", id), "Destroyed"),
        (("stop", "virtualmachine", id), "Destroyed"),
    ):
        assert lab.ok(*words).json["virtualmachine"]["state"] == state, words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("start", "virtualmachine"), "is for a VM that is Stopped; web1 is Running"),
        (("recover", "virtualmachine"), "is for a VM that is Destroyed; web1 is Running"),
        (("expunge", "virtualmachine"), "is for a VM that is Destroyed or Error; web1 is Running"),
    ],
)
def test_a_vm_in_the_wrong_state_is_refused_and_left_as_it_is(
    lab: LabCmk, vm: dict[str, Any], words: tuple[str, str], said: str
) -> None:
    result = lab(*words, f"id={vm['id']}")
    assert result.status == (1 if words[0] == "recover" else 4)  # the others are jobs that failed
    assert said in result.err
    assert lab.vm("web1")["state"] == "Running"


def test_a_name_that_is_taken_is_refused_in_any_case(lab: LabCmk, vm: dict[str, Any]) -> None:
    result = lab(*lab.deployment(vm["templateid"], "WEB1"))
    assert result.status == 1
    assert "hostName WEB1 already exists" in result.err


def test_a_template_in_use_is_kept_unless_forced_and_its_copy_goes_with_the_last_vm(
    lab: LabCmk, vm: dict[str, Any]
) -> None:
    template = f"id={vm['templateid']}"
    result = lab("delete", "template", template)
    assert result.status == 4
    assert "using the template nano: web1" in result.err
    lab.ok("delete", "template", template, "forced=true")
    assert lab.ok("list", "templates", "templatefilter=all").json == {}
    assert lab.ok("list", "templatespoolrefs").json["count"] == 1
    result = lab("restore", "virtualmachine", f"virtualmachineid={vm['id']}")
    assert "was deleted" in result.err
    lab.ok("destroy", "virtualmachine", f"id={vm['id']}", "expunge=true")
    assert lab.ok("list", "templatespoolrefs").json == {}
    assert list((lab.directory / "pool").iterdir()) == []


def test_a_reinstallation_whose_template_cannot_be_had_costs_no_disk(
    lab: LabCmk, web: Web, vm: dict[str, Any]
) -> None:
    [copy] = lab.ok("list", "templatespoolrefs").json["templatespoolref"]
    disks = {p.name for p in (lab.directory / "pool").iterdir()} - {Path(copy["path"]).name}
    Path(copy["path"]).rename(copy["path"] + ".away")
    web.pages.clear()
    result = lab("restore", "virtualmachine", f"virtualmachineid={vm['id']}")
    assert result.status == 4
    assert "HTTP 404" in result.err
    assert disks <= {p.name for p in (lab.directory / "pool").iterdir()}


def test_a_vm_stopped_behind_the_labs_back_is_seen_at_the_next_look(
    lab: LabCmk, vm: dict[str, Any]
) -> None:
    there = connection(lab)
    there.lookupByUUIDString(vm["id"]).destroy()
    there.close()
    assert lab.vm("web1")["state"] == "Stopped"
    assert "web1 was found off on its host" in lab.events()


def test_a_killed_daemon_is_started_again_and_the_vm_has_run_on(
    lab: LabCmk, vm: dict[str, Any]
) -> None:
    import os
    import signal
    import time

    pid = int((lab.directory / "host/daemon.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    assert lab.vm("web1")["state"] == "Running"
    assert int((lab.directory / "host/daemon.pid").read_text()) != pid
    lab.ok("stop", "virtualmachine", f"id={vm['id']}", "forced=true")
    assert lab.vm("web1")["state"] == "Stopped"


def test_lab_stop_ends_the_daemon_and_the_vm_goes_on(lab: LabCmk, vm: dict[str, Any]) -> None:
    result = lab.ok("lab", "stop")
    assert "1 VM(s) go on" in result.err
    assert lab.ok("lab").json["lab"][0]["hosts"][0]["daemon"].startswith("stopped")
    assert "does not run" in lab.ok("lab", "stop").err
    assert lab.vm("web1")["state"] == "Running"


def test_two_labs_on_one_machine_never_touch_each_other(
    lab: LabCmk, vm: dict[str, Any], tmp_path: Path
) -> None:
    other = LabCmk(lab.directory.parent / "other", tmp_path)
    assert other.ok("list", "virtualmachines").json == {}
    other.ok("lab", "destroy")
    assert lab.vm("web1")["state"] == "Running"


def test_a_domain_that_is_not_the_labs_is_never_touched(lab: LabCmk, vm: dict[str, Any]) -> None:
    from cmk.lab.libvirt import domain

    there = connection(lab)
    with pytest.raises(Unreachable, match="not this lab's"):
        domain.find(there, vm["id"], "some-other-lab")
    there.defineXML(
        "<domain type='qemu'><name>stranger</name><memory unit='MiB'>64</memory>"
        "<os><type arch='x86_64' machine='pc'>hvm</type></os></domain>"
    )
    assert [row["name"] for row in lab.ok("list", "virtualmachines").json["virtualmachine"]] == [
        "web1"
    ]
    assert domain.owner_of(there.lookupByName("stranger")) == ""
    there.close()


def test_without_the_binding_the_sentence_says_how_to_install_it(
    lab: LabCmk, vm: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "libvirt", None)
    result = lab("console", "web1", terminal=True)
    assert result.status == 5
    assert "pip install 'pycmk[lab]'" in result.err
    shown = lab("list", "virtualmachines")
    assert shown.status == 0
    assert "does not answer, its VMs are shown as last known" in shown.err


def test_a_reinstallation_that_fails_leaves_a_running_vm_running(
    lab: LabCmk, web: Web, nano: bytes, vm: dict[str, Any]
) -> None:
    other = lab.register(web.serve("/other.qcow2", nano), "other")
    web.pages["/other.qcow2"].status = 404
    words = ("restore", "virtualmachine", f"virtualmachineid={vm['id']}", f"templateid={other}")
    assert lab(*words).status == 4
    assert lab.vm("web1")["state"] == "Running"
    assert connection_shows(lab, vm["id"])


def connection_shows(lab: LabCmk, uuid: str) -> bool:
    there = connection(lab)
    try:
        return bool(there.lookupByUUIDString(uuid).isActive())
    finally:
        there.close()


def test_a_replaced_base_goes_with_the_last_disk_on_it(
    lab: LabCmk, web: Web, nano: bytes, vm: dict[str, Any]
) -> None:
    [old] = lab.ok("list", "templatespoolrefs").json["templatespoolref"]
    Path(old["path"]).touch()
    second = lab.deploy(vm["templateid"], "web2")
    assert Path(old["path"]).exists()
    for id in (vm["id"], second["id"]):
        lab.ok("destroy", "virtualmachine", f"id={id}", "expunge=true")
    assert not Path(old["path"]).exists()
    lab.ok("delete", "template", f"id={vm['templateid']}")
    assert list((lab.directory / "pool").iterdir()) == []


def test_a_console_is_followed_and_waited_for(lab: LabCmk, web: Web, nano: bytes) -> None:
    vm = lab.deploy(lab.register(web.serve("/nano.qcow2", nano)), "web1")
    assert "READY" in lab.ok("console", "web1", "--wait", "REA.Y").out
    followed = lab.ok("console", "web1", "--follow", "--wait", "READY").out
    assert "READY" in followed
    late = lab("console", "web1", "--wait", "never", "-t", "1")
    assert late.status == 124
    assert "'never' has not been shown within 1 s." in late.err
    assert lab("console", "web1", "--wait", "(").status == 2
    lab.ok("stop", "virtualmachine", f"id={vm['id']}", "forced=true")
    over = lab("console", "web1", "--wait", "never")
    assert over.status == 1
    assert "web1 is Stopped, and its console has not shown 'never'." in over.err
    assert "READY" in lab.ok("console", "web1", "--follow").out
