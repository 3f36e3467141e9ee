"""What nothing needs goes, what something needs stays."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests import guest
from tests.conftest import LabCmk
from tests.waiting import until
from tests.web import Web

pytestmark = pytest.mark.libvirt


def pool(lab: LabCmk) -> set[str]:
    return {path.name for path in (lab.directory / "pool").iterdir()}


def sql(lab: LabCmk, statement: str) -> None:
    with lab.database() as db:
        db.execute(statement)


def prepare(lab: LabCmk, template: str) -> None:
    lab.ok("prepare", "template", f"zoneid={lab.zone}", f"templateid={template}")


def test_a_second_template_with_the_same_digest_costs_no_byte(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    sha = hashlib.sha256(nano).hexdigest()
    first = lab.register(web.serve("/a.qcow2", nano), name="a", checksum=f"{{SHA-256}}{sha}")
    second = lab.register(web.serve("/b.qcow2", nano), name="b", checksum=f"{{SHA-256}}{sha}")
    lab.deploy(first, "web1")
    lab.deploy(second, "web2")
    lab.wait_for_console("web2", "READY")
    assert web.downloads("/b.qcow2") == 0
    lab.ok("delete", "template", f"id={first}", "forced=true")
    lab.ok("destroy", "virtualmachine", f"id={lab.vm('web1')['id']}", "expunge=true")
    lab.deploy(second, "web3")
    lab.wait_for_console("web3", "READY")


def test_a_changed_file_is_no_twin(lab: LabCmk, web: Web, nano: bytes) -> None:
    sha = hashlib.sha256(nano).hexdigest()
    first = lab.register(web.serve("/a.qcow2", nano), name="a", checksum=f"{{SHA-256}}{sha}")
    prepare(lab, first)
    [name] = pool(lab)
    (lab.directory / "pool" / name).write_bytes(b"changed behind our back")
    second = lab.register(web.serve("/b.qcow2", nano), name="b", checksum=f"{{SHA-256}}{sha}")
    lab.deploy(second, "web2")
    lab.wait_for_console("web2", "READY")
    assert web.downloads("/b.qcow2") == 1


def test_clean_removes_unused_copies_of_templates_and_isos_and_says_so_before(
    lab: LabCmk, web: Web, nano: bytes, tmp_path: Path
) -> None:
    used = lab.register(web.serve("/a.qcow2", nano), name="used")
    idle = lab.register(web.serve("/b.qcow2", nano), name="idle")
    url = web.serve("/c.iso", guest.iso(tmp_path / "c.iso"))
    iso = lab.id(
        "register", "iso", f"zoneid={lab.zone}", "name=cd", f"url={url}", "directdownload=true"
    )
    for template in (idle, iso):
        prepare(lab, template)
    lab.deploy(used, "web1")
    before = pool(lab)
    told = lab.ok("lab", "clean", "--dry-run").json
    assert {(row["kind"], row["name"]) for row in told["removed"]} == {
        ("copy", "idle"),
        ("copy", "cd"),
    }
    assert pool(lab) == before
    assert lab.ok("lab", "clean").json == told
    assert len(pool(lab)) == len(before) - 2
    assert lab.ok("lab", "clean").json["count"] == 0
    prepare(lab, idle)  # it is still registered
    assert web.downloads("/b.qcow2") == 2


def test_destroyed_vms_are_expunged_when_their_time_is_over(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    lab.deploy(lab.register(web.serve("/a.qcow2", nano)), "web1")
    lab.ok("destroy", "virtualmachine", f"id={lab.vm('web1')['id']}")
    assert lab.ok("lab", "clean").json["count"] == 0
    lab.ok("update", "configuration", "name=expunge.delay", "value=0")
    [row] = lab.ok("lab", "clean").json["removed"]
    assert (row["kind"], row["name"]) == ("vm", "web1")
    until(lambda: lab.ok("list", "virtualmachines").json == {}, "the VM expunged")


def test_a_worker_collects_copies_that_were_unused_for_the_interval(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    idle = lab.register(web.serve("/a.qcow2", nano), name="idle")
    prepare(lab, idle)
    wait_for_mark(lab)
    sql(lab, "UPDATE template_spool_ref SET marked_for_gc = '2020-01-01T00:00:00+0000'")
    other = lab.register(web.serve("/b.qcow2", nano), name="other")
    prepare(lab, other)
    until(lambda: lab.ok("list", "zones") and len(pool(lab)) == 1, "the unused copy collected")


def wait_for_mark(lab: LabCmk) -> None:
    with lab.database() as db:
        mark = "SELECT marked_for_gc FROM template_spool_ref"
        until(
            lambda: lab.ok("list", "zones") and db.execute(mark).fetchone()[0],
            "the unused copy marked by a worker",
        )


def test_use_takes_the_mark_away(lab: LabCmk, web: Web, nano: bytes) -> None:
    template = lab.register(web.serve("/a.qcow2", nano))
    prepare(lab, template)
    wait_for_mark(lab)
    lab.deploy(template, "web1")
    with lab.database() as db:
        assert db.execute("SELECT marked_for_gc FROM template_spool_ref").fetchone() == (None,)


def test_an_iso_whose_copy_is_gone_is_downloaded_again_when_it_is_deployed(
    lab: LabCmk, web: Web, tmp_path: Path
) -> None:
    url = web.serve("/c.iso", guest.iso(tmp_path / "c.iso"))
    iso = lab.id(
        "register", "iso", f"zoneid={lab.zone}", "name=cd", f"url={url}", "directdownload=true"
    )
    prepare(lab, iso)
    for path in (lab.directory / "pool").iterdir():
        path.unlink()
    disk = f"diskofferingid={lab.id('list', 'diskofferings', 'name=Small')}"
    lab.deploy(iso, "inst1", disk, "hypervisor=KVM")
    lab.wait_for_console("inst1", "READY")
    assert web.downloads("/c.iso") == 2


def test_the_iso_in_a_running_drive_is_not_collected_when_it_is_refreshed(
    lab: LabCmk, web: Web, nano: bytes, tmp_path: Path
) -> None:
    url = web.serve("/c.iso", guest.iso(tmp_path / "c.iso"))
    iso = lab.id(
        "register", "iso", f"zoneid={lab.zone}", "name=cd", f"url={url}", "directdownload=true"
    )
    vm = lab.deploy(lab.register(web.serve("/a.qcow2", nano)), "web1")
    lab.ok("attach", "iso", f"id={iso}", f"virtualmachineid={vm['id']}")
    before = pool(lab)
    lab.ok("prepare", "template", f"zoneid={lab.zone}", f"templateid={iso}", "refresh=true")
    lab.ok("lab", "clean")
    assert before <= pool(lab)


def test_a_twin_is_made_of_verified_bytes_only_and_is_never_stale_for_its_own_url(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    new = nano + bytes(512)
    old_sha, new_sha = (hashlib.sha256(body).hexdigest() for body in (nano, new))
    web.serve("/SHA256SUMS", f"{old_sha}  a.qcow2\n".encode())
    first = lab.register(web.serve("/a.qcow2", nano), name="a", checksum="auto")
    prepare(lab, first)
    web.serve("/SHA256SUMS", f"{new_sha}  a.qcow2\n".encode())
    web.serve("/a.qcow2", new, etag='"two"', cut=100, ranges=False)
    zone, id = f"zoneid={lab.zone}", f"templateid={first}"
    assert lab("prepare", "template", zone, id, "refresh=true").status == 4
    second = lab.register(
        web.serve("/b.qcow2", new, etag='"b"'), name="b", checksum=f"{{SHA-256}}{new_sha}"
    )
    prepare(lab, second)
    assert web.downloads("/b.qcow2") == 1
    third = lab.register(
        web.serve("/c.qcow2", new, etag='"c"'), name="c", checksum=f"{{SHA-256}}{new_sha}"
    )
    prepare(lab, third)
    assert web.downloads("/c.qcow2") == 0
    again = lab.ok("prepare", "template", zone, f"templateid={third}")
    assert "has changed" not in again.err
