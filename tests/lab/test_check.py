"""`cmk lab check` and `cmk explain`."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.conftest import LabCmk
from tests.standalone import Standalone
from tests.web import Page, Web

pytestmark = pytest.mark.libvirt


def findings(lab: LabCmk, *flags: str) -> list[tuple[str, str]]:
    shown = lab("lab", "check", *flags).json
    return [(row["kind"], row["mended"]) for row in shown.get("finding", [])]


def virsh(lab: LabCmk, *words: str) -> None:
    uri = lab.ok("list", "hosts").json["host"][0]["details"]["uri"]
    subprocess.run(["virsh", "-c", uri, *words], check=True, capture_output=True)


def test_a_clean_lab_has_no_findings(lab: LabCmk, web: Web, nano: bytes) -> None:
    lab.deploy(lab.register(web.serve("/a.qcow2", nano)), "web1")
    assert lab.ok("lab", "check").json == {"count": 0, "finding": []}


def test_what_was_done_by_hand_is_found_and_mended(lab: LabCmk, web: Web, nano: bytes) -> None:
    template = lab.register(web.serve("/a.qcow2", nano))
    for name in ("gone", "undefined", "diskless"):
        lab.deploy(template, name)
    undefined = lab.vm("undefined")["instancename"]
    id = f"id={lab.vm('diskless')['id']}"
    lab.ok("stop", "virtualmachine", id, "forced=true")
    virsh(lab, "destroy", undefined)
    virsh(lab, "undefine", undefined)
    with lab.database() as db:
        [(disk,)] = db.execute(
            "SELECT v.path FROM volumes v JOIN vm_instance m ON m.id = v.instance_id "
            "WHERE m.name = 'diskless'"
        )
        [(base,)] = db.execute("SELECT install_path FROM template_spool_ref")
        db.execute("UPDATE vm_instance SET removed = 'x' WHERE name = 'gone'")
    (lab.directory / "pool" / disk).unlink()
    (lab.directory / "pool" / base).unlink()
    found = findings(lab)
    assert sorted(kind for kind, _ in found) == ["copy", "disk", "domain", "vm"]
    assert {mended for _, mended in found} == {"no"}
    assert lab("lab", "check").status == 1
    assert {mended for _, mended in findings(lab, "--repair")} == {"yes"}
    assert findings(lab) == []
    lab.ok("start", "virtualmachine", id)  # with a new disk, from a new copy
    lab.wait_for_console("diskless", "READY")


def test_explain_says_beforehand_where_a_vm_would_go_and_touches_nothing(
    lab: LabCmk, hosts: list[dict[str, Any]], daemons: list[Standalone], web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/a.qcow2", nano) + "?token=s3cret")
    words = (f"zoneid={lab.zone}", f"templateid={template}", f"serviceofferingid={lab.offering}")
    before = len(web.log)
    told = lab.ok("explain", "deploy", "virtualmachine", *words).json["explanation"]
    assert [place["host"] for place in told["hosts"]] == [host["name"] for host in hosts]
    assert told["hosts"][0]["download"] == [f"{web.origin}/a.qcow2"]
    assert told["notsuitable"][0]["reason"] == "it is Disabled"
    assert len(web.log) == before
    lab.deploy(template, "web1", f"hostid={hosts[1]['id']}")
    told = lab.ok("explain", "deploy", "virtualmachine", *words).json["explanation"]
    assert told["hosts"][0] == {
        "order": 1,
        "host": hosts[1]["name"],
        "pool": f"{hosts[1]['name']}-local",
        "templatethere": True,
    }


def test_explain_tells_the_whole_story_of_a_failure(lab: LabCmk, web: Web, nano: bytes) -> None:
    template = lab.register(web.serve("/a.qcow2", nano))
    web.pages["/a.qcow2"] = Page(b"", 404)
    failed = lab(*lab.deployment(template, "web1"))
    told = lab.ok("explain", "virtualmachine", "id=name:web1").json["explanation"]
    assert told["state"] == "Error"
    assert all(line in failed.err for line in told["story"])
    assert any("HTTP 404" in line for line in told["story"])
    assert any("failed" in event for event in told["events"])
    assert lab("explain", "weather").status == 2


def test_copies_that_differ_between_pools_are_reported(
    lab: LabCmk, hosts: list[dict[str, Any]], web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/a.qcow2", nano))
    lab.deploy(template, "web1", f"hostid={hosts[0]['id']}")
    web.serve("/a.qcow2", nano + bytes(512), etag='"two"')
    lab.deploy(template, "web2", f"hostid={hosts[1]['id']}")
    [told] = lab.ok("lab").json["lab"][0]["differentcopies"]
    assert "nano: its copies differ" in told
    [shown] = lab.ok("list", "templates", "templatefilter=all").json["template"]
    assert len({copy["checksum"] for copy in shown["downloaddetails"] if copy["differs"]}) == 2
    assert ("template", "cannot") in findings(lab)
