"""The classical way: a template comes to an image store at registration."""

from __future__ import annotations

import bz2
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LabCmk
from tests.waiting import until
from tests.web import Page, Web

pytestmark = pytest.mark.libvirt


@pytest.fixture
def store(lab: LabCmk, tmp_path: Path) -> Path:
    directory = tmp_path / "secondary storage"
    lab.ok("add", "imagestore", "provider=Directory", f"url={directory.as_uri()}", "name=sec")
    return directory


def shown(lab: LabCmk, template: str) -> dict[str, Any]:
    [found] = lab.ok("list", "templates", "templatefilter=all", f"id={template}").json["template"]
    return dict(found)


def wait_until(lab: LabCmk, template: str, status: str) -> dict[str, Any]:
    until(lambda: status in shown(lab, template)["status"], f"the status '{status}'")
    return shown(lab, template)


def register(lab: LabCmk, url: str, **more: str) -> str:
    return lab.register(url, directdownload="false", **more)


def test_it_is_downloaded_at_registration_and_the_host_copies_it_at_deployment(
    lab: LabCmk, store: Path, web: Web, nano: bytes
) -> None:
    template = register(lab, web.serve("/nano.qcow2.bz2", bz2.compress(nano), drip=0.05))
    first = shown(lab, template)
    assert (first["isready"], first["directdownload"]) == (False, False)
    assert first["status"].endswith("% Downloaded")
    ready = wait_until(lab, template, "Download Complete")
    assert (ready["isready"], ready["size"]) == (True, 1 << 20)
    assert [path.stat().st_size for path in store.iterdir()] == [len(nano)]
    lab.deploy(template, "web1")
    lab.wait_for_console("web1", "READY")
    assert web.downloads("/nano.qcow2.bz2") == 1
    assert shown(lab, template)["downloaddetails"][0]["downloadState"] == "DOWNLOADED"


def test_it_cannot_be_deployed_before_it_is_ready(
    lab: LabCmk, store: Path, web: Web, nano: bytes
) -> None:
    template = register(lab, web.serve("/nano.qcow2", nano, drip=0.1))
    refused = lab(*lab.deployment(template, "web1"))
    assert refused.status == 1
    assert "is not ready in the zone" in refused.err
    prepared = lab("prepare", "template", f"zoneid={lab.zone}", f"templateid={template}")
    assert "has not come to the image store yet" in prepared.err
    wait_until(lab, template, "Download Complete")


def test_a_failed_download_is_its_status_and_leaves_nothing(
    lab: LabCmk, store: Path, web: Web, nano: bytes
) -> None:
    url = web.serve("/nano.qcow2", nano)
    template = register(lab, url, checksum="0" * 32)
    failed = wait_until(lab, template, "the checksum was wrong 3 times")
    assert failed["isready"] is False
    assert list(store.iterdir()) == []


def test_without_an_image_store_the_two_ways_are_named(lab: LabCmk, web: Web, nano: bytes) -> None:
    url = web.serve("/nano.qcow2", nano)
    words = (f"zoneid={lab.zone}", f"url={url}", "name=x", "hypervisor=KVM", "format=QCOW2")
    refused = lab("register", "template", *words)
    assert "directdownload=true" in refused.err
    assert "add imagestore" in refused.err


def test_deletion_takes_it_from_the_store_and_then_the_store_can_go(
    lab: LabCmk, store: Path, web: Web, nano: bytes
) -> None:
    template = register(lab, web.serve("/nano.qcow2", nano))
    wait_until(lab, template, "Download Complete")
    place = lab.id("list", "imagestores")
    assert "holds templates: nano" in lab("delete", "imagestore", f"id={place}").err
    lab.ok("delete", "template", f"id={template}")
    assert list(store.iterdir()) == []
    lab.ok("delete", "imagestore", f"id={place}")
    assert lab.ok("list", "imagestores").json == {}
    assert store.is_dir()


def test_an_iso_goes_the_same_way(lab: LabCmk, store: Path, web: Web, tmp_path: Path) -> None:
    from tests import guest

    url = web.serve("/rescue.iso", guest.iso(tmp_path / "rescue.iso"))
    iso = lab.id("register", "iso", f"zoneid={lab.zone}", "name=rescue", f"url={url}")
    ready = ("list", "isos", "filter=isready", "-o", "value")
    until(lambda: lab.ok(*ready).value == "true", "the ISO ready")
    disk = lab.id("list", "diskofferings", "name=Small")
    lab.deploy(iso, "inst1", f"diskofferingid={disk}", "hypervisor=KVM")
    lab.wait_for_console("inst1", "READY")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("provider=S3", "url=file:///tmp/x"), "provider=Directory"),
        (("provider=Directory", "url=nfs://h/x"), "url=file:///path"),
        (("provider=Directory",), "url=file:///path"),
        (("provider=Directory", "url=file:///proc/x"), "cannot be made"),
    ],
)
def test_what_is_no_directory_is_refused(lab: LabCmk, words: tuple[str, ...], said: str) -> None:
    refused = lab("add", "imagestore", *words)
    assert refused.status == 1
    assert said in refused.err
    assert lab.ok("list", "imagestores").json == {}


def test_a_worker_killed_in_the_middle_is_gone_on_after(
    lab: LabCmk, store: Path, web: Web, nano: bytes
) -> None:
    from tests.lab.test_jobs import kill_workers, wait_for_phase

    template = register(lab, web.serve("/nano.qcow2", nano + bytes(1 << 20), drip=0.03))
    wait_for_phase(lab, "Downloading")
    kill_workers(lab)
    web.pages["/nano.qcow2"] = Page(nano + bytes(1 << 20))
    wait_until(lab, template, "Download Complete")
    assert len(list(store.iterdir())) == 1
