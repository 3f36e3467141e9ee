"""Deployment, from a registered URL to a guest that speaks, on a real libvirt."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import json
import lzma
import subprocess
from pathlib import Path

import pytest
import zstandard

from tests import guest
from tests.conftest import LabCmk
from tests.web import Page, Web

pytestmark = pytest.mark.libvirt


def test_a_line_becomes_a_running_vm_whose_console_speaks(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    vm = lab.deploy(template, "web1")
    assert vm["state"] == "Running"
    assert vm["templateid"] == template
    assert vm["instancename"] == "i-2-1-VM"
    assert vm["hostname"] == lab.ok("list", "hosts", "filter=name", "-o", "value").value
    lab.wait_for_console("web1", "READY")


def test_the_second_vm_and_a_reinstallation_download_nothing(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    first = lab.deploy(template, "web1")
    assert web.downloads("/nano.qcow2") == 1
    lab.deploy(template, "web2")
    lab.ok("restore", "virtualmachine", f"virtualmachineid={first['id']}")
    lab.wait_for_console("web1", "READY", times=2)
    lab.wait_for_console("web2", "READY")
    assert web.downloads("/nano.qcow2") == 1


@pytest.mark.parametrize(
    ("ending", "pack"),
    [
        (".gz", gzip.compress),
        (".bz2", bz2.compress),
        (".xz", lzma.compress),
        (".zst", zstandard.compress),
    ],
)
def test_a_packed_template_is_unpacked_on_the_host(
    lab: LabCmk, web: Web, nano: bytes, ending: str, pack: object
) -> None:
    packed: bytes = pack(nano)  # type: ignore[operator]
    digest = hashlib.sha256(packed).hexdigest()
    template = lab.register(
        web.serve(f"/nano.qcow2{ending}", packed), checksum=f"{{SHA-256}}{digest}"
    )
    lab.deploy(template, "web1")
    lab.wait_for_console("web1", "READY")
    [copy] = lab.ok("list", "templatespoolrefs").json["templatespoolref"]
    assert copy["checksum"] == f"{{SHA-256}}{hashlib.sha256(nano).hexdigest()}"


def test_a_template_is_packed_by_its_content_not_by_its_name(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", bz2.compress(nano)))
    lab.deploy(template, "web1")
    lab.wait_for_console("web1", "READY")


def test_a_raw_template_boots(lab: LabCmk, web: Web) -> None:
    template = lab.register(web.serve("/nano.img", guest.raw()), format="RAW")
    lab.deploy(template, "web1")
    lab.wait_for_console("web1", "READY")


def test_a_file_on_the_host_is_a_source(lab: LabCmk, tmp_path: Path, nano: bytes) -> None:
    (tmp_path / "nano.qcow2").write_bytes(nano)
    lab.deploy(lab.register(f"file://{tmp_path}/nano.qcow2"), "web1")
    lab.wait_for_console("web1", "READY")


def test_the_copy_is_recorded_with_its_facts(lab: LabCmk, web: Web, nano: bytes) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    lab.deploy(template, "web1")
    [copy] = lab.ok("list", "templatespoolrefs", f"templateid={template}").json["templatespoolref"]
    assert (copy["state"], copy["downloadstate"]) == ("Ready", "DOWNLOADED")
    assert copy["downloadpercent"] == 100
    assert Path(copy["path"]).read_bytes() == nano
    assert copy["size"] == len(nano)
    [listed] = lab.ok("list", "templates", "templatefilter=all").json["template"]
    assert listed["downloaddetails"][0]["downloadState"] == "DOWNLOADED"
    assert listed["physicalsize"] == len(nano)


def test_the_root_disk_is_an_overlay_and_grows_to_rootdisksize(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    lab.deploy(template, "web1", "rootdisksize=3")
    [copy] = lab.ok("list", "templatespoolrefs").json["templatespoolref"]
    [disk] = [p for p in (lab.directory / "pool").iterdir() if str(p) != copy["path"]]
    told = json.loads(
        subprocess.run(
            ["qemu-img", "info", "-U", "--output=json", disk], capture_output=True, check=True
        ).stdout
    )
    assert told["virtual-size"] == 3 << 30
    assert told["full-backing-filename"] == copy["path"]


def test_a_wrong_checksum_is_tried_three_times_and_all_are_told(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    wrong = "0" * 64
    url = web.serve("/nano.qcow2", nano)
    template = lab.register(url, checksum=f"{{SHA-256}}{wrong}")
    result = lab(*lab.deployment(template, "web1"))
    assert result.status == 4
    assert result.out == ""
    for attempt in (1, 2, 3):
        assert f"attempt {attempt}, {url}" in result.err
    assert f"expected sha-256 {wrong}" in result.err
    assert hashlib.sha256(nano).hexdigest() in result.err
    assert web.downloads("/nano.qcow2") == 3
    assert lab.vm("web1")["state"] == "Error"
    assert list((lab.directory / "pool").iterdir()) == []
    [copy] = lab.ok("list", "templatespoolrefs").json["templatespoolref"]
    assert copy["downloadstate"] == "DOWNLOAD_ERROR"
    assert "the checksum was wrong 3 times" in copy["errortext"]
    events = lab.ok("list", "events", "type=TEMPLATE.DIRECT.DOWNLOAD.FAILURE").json["event"]
    assert events[0]["resourceid"] == template


def test_after_a_failed_deployment_the_name_is_free_and_a_later_one_succeeds(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    web.pages["/nano.qcow2"].status = 503
    assert lab(*lab.deployment(template, "web1")).status == 4
    web.pages["/nano.qcow2"].status = 200
    assert lab.deploy(template, "web1")["state"] == "Running"


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (Page(b"gone", 404), "HTTP 404"),
        (Page(b"<html>login</html>", headers={"Content-Type": "text/html"}), "a page of HTML"),
        (Page(b"<html>login</html>"), "a page of HTML"),
        (Page(b"x" * 4096), "no QCOW2 header"),
        (Page(b""), "it answers with nothing"),
        (Page(b"x" * 10, headers={"Content-Length": str(1 << 50)}), "bytes free"),
        (Page(bz2.compress(b"x" * 4096)), "no QCOW2 header"),
        (Page(b"BZh9 broken"), "packing is damaged"),
    ],
)
def test_what_became_of_the_url_since_registration_is_told_in_the_job(
    lab: LabCmk, web: Web, nano: bytes, page: Page, said: str
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    web.pages["/nano.qcow2"] = page
    result = lab(*lab.deployment(template, "web1"))
    assert result.status == 4
    assert said in result.err
    assert list((lab.directory / "pool").iterdir()) == []


def test_a_body_that_ends_early_is_gone_on_with(lab: LabCmk, web: Web, nano: bytes) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    web.pages["/nano.qcow2"].cut = len(nano) // 3
    lab.deploy(template, "web1")
    third = len(nano) // 3
    assert [request.range for request in web.log[-3:]] == [
        "",
        f"bytes={third}-",
        f"bytes={2 * third}-",
    ]
    lab.wait_for_console("web1", "READY")


def test_a_body_that_always_ends_at_once_is_told(lab: LabCmk, web: Web, nano: bytes) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    web.pages["/nano.qcow2"] = Page(nano, cut=1000, ranges=False)
    result = lab(*lab.deployment(template, "web1"))
    assert result.status == 4
    assert f"the body ended after 1000 of {len(nano)} bytes" in result.err


def test_an_image_with_a_backing_file_never_reaches_a_guest(
    lab: LabCmk, web: Web, nano: bytes, tmp_path: Path
) -> None:
    image = tmp_path / "evil.qcow2"
    subprocess.run(
        [
            "qemu-img",
            "create",
            "-q",
            "-f",
            "qcow2",
            "-u",
            "-b",
            "/etc/passwd",
            "-F",
            "raw",
            image,
            "1M",
        ],
        check=True,
    )
    template = lab.register(web.serve("/evil.qcow2", nano))
    web.serve("/evil.qcow2", image.read_bytes())  # after somebody looked
    result = lab(*lab.deployment(template, "web1"))
    assert result.status == 4
    assert "it has a backing file" in result.err


def test_a_template_that_needs_a_header_gets_it_and_no_listing_shows_it(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    secret = "Bearer hunter2"
    url = web.serve("/nano.qcow2", nano)
    lab.ok(
        "register",
        "template",
        f"zoneid={lab.zone}",
        "hypervisor=KVM",
        "format=QCOW2",
        "name=t",
        f"url={url}?token=abc",
        "directdownload=true",
        f"details[0].HTTP_HEADER:Authorization={secret}",
    )
    shown = lab.ok("list", "templates", "templatefilter=all")
    template = shown.json["template"][0]
    lab.deploy(template["id"], "web1")
    assert all(request.headers["Authorization"] == secret for request in web.log)
    assert template["details"] == {"HTTP_HEADER:Authorization": "***"}
    said = shown.out + lab.ok("list", "events").out + lab.ok("list", "asyncjobs").out
    assert "hunter2" not in said


def test_a_vm_that_is_not_to_be_started_downloads_nothing_until_it_is(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    vm = lab.deploy(template, "web1", "startvm=false")
    assert vm["state"] == "Stopped"
    assert web.downloads("/nano.qcow2") == 0
    lab.ok("start", "virtualmachine", f"id={vm['id']}")
    lab.wait_for_console("web1", "READY")


def test_more_memory_than_the_host_has_is_no_destination(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    with lab.database() as db:
        db.execute("UPDATE host SET ram = 300 << 20")
    lab.deploy(template, "web1")
    result = lab(*lab.deployment(template, "web2"))
    assert result.status == 4
    assert "(error code 533) No destination found" in result.err
    assert "44 MiB free" in result.err


def test_a_copy_that_vanished_from_the_pool_is_downloaded_again_and_told(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    vm = lab.deploy(template, "web1")
    lab.ok("destroy", "virtualmachine", f"id={vm['id']}", "expunge=true")
    [copy] = lab.ok("list", "templatespoolrefs").json["templatespoolref"]
    Path(copy["path"]).unlink()
    lab.deploy(template, "web2")
    assert web.downloads("/nano.qcow2") == 2
    assert any("is downloaded again" in text for text in lab.events())


def test_a_copy_that_was_changed_is_not_trusted_and_its_disks_keep_their_base(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    lab.deploy(template, "web1")
    [old] = lab.ok("list", "templatespoolrefs").json["templatespoolref"]
    with Path(old["path"]).open("ab") as file:
        file.write(b"more")
    lab.deploy(template, "web2")
    [new] = lab.ok("list", "templatespoolrefs").json["templatespoolref"]
    assert new["path"] != old["path"]
    assert Path(old["path"]).exists()
    assert Path(new["path"]).read_bytes() == nano


def test_deployment_from_an_iso_makes_a_blank_disk_and_boots_the_cd(
    lab: LabCmk, web: Web, tmp_path: Path
) -> None:
    url = web.serve("/rescue.iso", guest.iso(tmp_path / "rescue.iso", "RESCUE"))
    iso = lab.id(
        "register",
        "iso",
        f"zoneid={lab.zone}",
        "name=rescue",
        "displaytext=rescue",
        f"url={url}",
        "directdownload=true",
    )
    disk = lab.id("list", "diskofferings", "name=Small")
    vm = lab.deploy(iso, "inst1", f"diskofferingid={disk}", "hypervisor=KVM")
    assert vm["isoname"] == "rescue"
    lab.wait_for_console("inst1", "RESCUE")
    [copy] = lab.ok("list", "templatespoolrefs").json["templatespoolref"]
    assert copy["path"].endswith(".iso")
    assert lab("delete", "iso", f"id={iso}").status == 4
    lab.ok("destroy", "virtualmachine", f"id={vm['id']}", "expunge=true")
    lab.ok("delete", "iso", f"id={iso}")
    assert list((lab.directory / "pool").iterdir()) == []


def test_an_iso_is_put_into_the_drive_of_a_running_vm_and_taken_out(
    lab: LabCmk, web: Web, nano: bytes, tmp_path: Path
) -> None:
    url = web.serve("/rescue.iso", guest.iso(tmp_path / "rescue.iso"))
    iso = lab.id(
        "register",
        "iso",
        f"zoneid={lab.zone}",
        "name=rescue",
        "displaytext=rescue",
        f"url={url}",
        "directdownload=true",
    )
    vm = lab.deploy(lab.register(web.serve("/nano.qcow2", nano)), "web1")
    drive = (f"id={iso}", f"virtualmachineid={vm['id']}")
    attached = lab.ok("attach", "iso", *drive).json["virtualmachine"]
    assert attached["isoid"] == iso
    assert web.downloads("/rescue.iso") == 1
    assert "VMs" not in lab("delete", "iso", f"id={iso}").out
    assert "isoid" not in lab.ok("detach", "iso", drive[1]).json["virtualmachine"]
    assert "isoid" not in lab.ok("detach", "iso", drive[1]).json["virtualmachine"]
    lab.ok("delete", "iso", f"id={iso}")


def test_an_iso_of_a_stopped_vm_is_downloaded_when_it_starts(
    lab: LabCmk, web: Web, nano: bytes, tmp_path: Path
) -> None:
    url = web.serve("/rescue.iso", guest.iso(tmp_path / "rescue.iso"))
    iso = lab.id(
        "register",
        "iso",
        f"zoneid={lab.zone}",
        "name=rescue",
        "displaytext=rescue",
        f"url={url}",
        "directdownload=true",
    )
    vm = lab.deploy(lab.register(web.serve("/nano.qcow2", nano)), "web1", "startvm=false")
    lab.ok("attach", "iso", f"id={iso}", f"virtualmachineid={vm['id']}")
    assert web.downloads("/rescue.iso") == 0
    lab.ok("start", "virtualmachine", f"id={vm['id']}")
    assert web.downloads("/rescue.iso") == 1
    assert lab.vm("web1")["isoname"] == "rescue"
