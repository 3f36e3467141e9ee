"""The file behind the URL of a copy changes."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from cmk.lab.works.upstream import difference
from tests import guest
from tests.conftest import LabCmk
from tests.web import Page, Web

pytestmark = pytest.mark.libvirt


def set_policy(lab: LabCmk, policy: str) -> None:
    lab.ok("update", "configuration", "name=direct.download.check.upstream", f"value={policy}")


def copy(lab: LabCmk) -> dict[str, Any]:
    """The one copy, as list templates tells of it."""
    [template] = lab.ok("list", "templates", "templatefilter=all").json["template"]
    [found] = template["downloaddetails"]
    return dict(found)


@pytest.fixture
def changed(lab: LabCmk, web: Web, nano: bytes, tmp_path: Path) -> str:
    """A template whose first VM runs, and whose URL serves another image since then."""
    template = lab.register(web.serve("/nano.qcow2", nano))
    lab.deploy(template, "web1")
    web.pages["/nano.qcow2"] = Page(guest.qcow2(tmp_path / "new.qcow2", "NEWER"), etag='"two"')
    return template


def test_nothing_is_said_while_nothing_has_changed(lab: LabCmk, web: Web, nano: bytes) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    lab.deploy(template, "web1")
    result = lab.ok(*lab.deployment(template, "web2"))
    assert result.err == ""
    assert [request.method for request in web.log if request.method == "HEAD"] == ["HEAD"]
    assert "stale" not in copy(lab)


def test_warn_is_the_default_and_the_copy_is_used(lab: LabCmk, web: Web, changed: str) -> None:
    result = lab.ok(*lab.deployment(changed, "web2"))
    assert "has changed since it was downloaded" in result.err
    assert 'its ETag is "two", not "one"' in result.err
    lab.wait_for_console("web2", "READY")
    assert copy(lab)["stale"] is True
    assert web.downloads("/nano.qcow2") == 1
    assert any("has changed" in text for text in lab.events())


def test_fail_ends_the_deployment_with_the_reason(lab: LabCmk, changed: str) -> None:
    set_policy(lab, "fail")
    result = lab(*lab.deployment(changed, "web2"))
    assert result.status == 4
    assert "direct.download.check.upstream is fail" in result.err


def test_off_does_not_ask(lab: LabCmk, web: Web, changed: str) -> None:
    set_policy(lab, "off")
    assert lab.ok(*lab.deployment(changed, "web2")).err == ""
    assert all(request.method == "GET" for request in web.log)


def test_refresh_fetches_the_new_one_and_old_vms_keep_their_base(
    lab: LabCmk, web: Web, changed: str
) -> None:
    set_policy(lab, "refresh")
    lab.deploy(changed, "web2")
    lab.wait_for_console("web2", "NEWER")
    assert "stale" not in copy(lab)
    lab.ok("reboot", "virtualmachine", f"id={lab.vm('web1')['id']}", "forced=true")
    lab.wait_for_console("web1", "READY", times=2)
    assert files(lab) == 4  # two bases, two overlays
    lab.ok("destroy", "virtualmachine", f"id={lab.vm('web1')['id']}", "expunge=true")
    assert files(lab) == 2


def files(lab: LabCmk) -> int:
    return sum(path.is_file() for path in (lab.directory / "pool").iterdir())


def test_prepare_with_refresh_fetches_it_and_a_failure_leaves_the_old_copy(
    lab: LabCmk, web: Web, changed: str
) -> None:
    words = ("prepare", "template", f"zoneid={lab.zone}", f"templateid={changed}", "refresh=true")
    good = web.pages["/nano.qcow2"]
    web.pages["/nano.qcow2"] = Page(b"", 500)
    assert lab(*words).status == 4
    assert copy(lab)["downloadState"] == "DOWNLOADED"
    web.pages["/nano.qcow2"] = good
    lab.ok(*words)
    lab.deploy(changed, "web2")
    lab.wait_for_console("web2", "NEWER")


def test_a_checksum_given_at_registration_fixes_the_version(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    import hashlib

    digest = hashlib.sha256(nano).hexdigest()
    template = lab.register(web.serve("/nano.qcow2", nano), checksum=f"{{SHA-256}}{digest}")
    lab.deploy(template, "web1")
    web.pages["/nano.qcow2"].etag = '"two"'
    set_policy(lab, "refresh")
    result = lab.ok(*lab.deployment(template, "web2"))
    assert "its checksum fixes the old version" in result.err
    refused = lab(
        "prepare", "template", f"zoneid={lab.zone}", f"templateid={template}", "refresh=true"
    )
    assert refused.status == 4
    assert "register the new version" in refused.err


def test_a_published_checksum_is_looked_up_again(lab: LabCmk, web: Web, changed: str) -> None:
    import hashlib

    old, new = (hashlib.sha256(body).hexdigest() for body in (b"", web.pages["/nano.qcow2"].body))
    web.serve("/SHA256SUMS", f"{old}  other.qcow2\n{new}  nano.qcow2\n".encode())
    template = lab.register(f"{web.origin}/nano.qcow2", name="auto", checksum="auto")
    zone = f"zoneid={lab.zone}"
    lab.ok("prepare", "template", zone, f"templateid={template}")
    web.pages["/nano.qcow2"].body += bytes(512)
    web.pages["/nano.qcow2"].etag = '"three"'
    digest = hashlib.sha256(web.pages["/nano.qcow2"].body).hexdigest()
    web.serve("/SHA256SUMS", f"{digest}  nano.qcow2\n".encode())
    lab.ok("prepare", "template", zone, f"templateid={template}", "refresh=true")
    shown = lab.ok("list", "templates", "templatefilter=all", f"id={template}", "filter=checksum")
    assert digest in shown.out


def test_an_origin_that_is_down_is_no_reason(lab: LabCmk, web: Web, nano: bytes) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    lab.deploy(template, "web1")
    web.close()
    set_policy(lab, "fail")
    assert lab.ok(*lab.deployment(template, "web2")).err == ""


@pytest.mark.parametrize(
    ("was", "now", "changed"),
    [
        (('"1"', None), ('"1"', ""), ""),
        (('W/"1"', None), ('"1"', ""), ""),
        (('"1"', "Mon"), ('"2"', "Mon"), "ETag"),
        (('"1"', "Mon"), ("", "Tue"), "of Tue, not of Mon"),
        ((None, "Mon"), ('"9"', "Mon"), ""),
        (('"1"', None), ("", ""), None),
        ((None, None), ('"1"', "Mon"), None),
    ],
)
def test_etags_count_before_dates_and_nothing_is_made_of_nothing(
    was: tuple[str | None, str | None], now: tuple[str, str], changed: str | None
) -> None:
    told = difference(
        {"etag": was[0], "last_modified": was[1]}, {"etag": now[0], "last_modified": now[1]}
    )
    assert told == changed if not changed else changed in (told or "")


@pytest.mark.parametrize(
    ("now", "changed"),
    [
        ({}, ""),
        ({"size": 8}, "ETag"),
        ({"size": None}, "ETag"),
        ({"last_modified": "Tue"}, "ETag"),
        ({"digests": "SHA-256=" + base64.b64encode(bytes(32)).decode()}, ""),
        ({"digests": "SHA-256=" + base64.b64encode(b"x" * 32).decode()}, "ETag"),
    ],
)
def test_a_farm_with_etags_of_its_own_has_not_changed(now: dict[str, Any], changed: str) -> None:
    was = {"etag": '"1"', "last_modified": "Mon", "size": 7, "digest": "00" * 32}
    told = difference(was, {"etag": '"2"', "last_modified": "Mon", "size": 7, **now})
    assert told == changed if not changed else changed in (told or "")
