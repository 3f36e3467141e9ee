"""Registration: all that can be known is known at once, and nothing is downloaded."""

from __future__ import annotations

import gzip
import re
import struct
import subprocess
from pathlib import Path

import pytest

from tests.conftest import LabCmk, Result
from tests.web import Page, Web


def register(lab: LabCmk, **changes: str) -> Result:
    """A registration with some parameters changed."""
    given = {
        "zoneid": lab.zone,
        "name": "t",
        "hypervisor": "KVM",
        "format": "QCOW2",
        "directdownload": "true",
        **changes,
    }
    return lab("register", "template", *(f"{k}={v}" for k, v in given.items()))


def test_the_reply_has_cloudstacks_shape_and_says_what_is_known(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    url = web.serve("/nano.qcow2", nano)
    reply = register(lab, url=url, displaytext="Nano", checksum="{MD5}" + "0" * 32).json
    assert reply["count"] == 1
    [template] = reply["template"]
    assert template["directdownload"] is True
    assert template["isready"] is True
    assert template["status"] == "Bypassed Secondary Storage"
    assert template["size"] == 1 << 20
    assert template["checksum"] == "0" * 32
    assert template["displaytext"] == "Nano"
    assert web.downloads("/nano.qcow2") == 0


def test_the_virtual_size_is_known_through_the_packing(lab: LabCmk, web: Web, nano: bytes) -> None:
    url = web.serve("/nano.qcow2.gz", gzip.compress(nano))
    assert register(lab, url=url).json["template"][0]["size"] == 1 << 20


def test_without_a_checksum_a_warning_says_what_that_risks(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    url = web.serve("/nano.qcow2", nano)
    assert "plain http anybody on the way could change it" in register(lab, url=url).err
    assert register(lab, url=url, checksum="0" * 32).err == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hypervisor": "VMware"}, "Direct download is for hypervisor=KVM only"),
        ({"directdownload": "false"}, "say directdownload=true"),
        ({"format": "VMDK"}, "Format VMDK is not for KVM hosts"),
        ({"format": "QCOW3"}, "There is no format QCOW3"),
        ({"format": "ISO"}, "registered with register iso"),
        ({"url": "nfs://h/x.qcow2"}, "nfs: is not a source"),
        ({"url": "ftp://h/x.qcow2"}, "scheme 'ftp' is not supported"),
        ({"url": "x.qcow2"}, "scheme '' is not supported"),
        ({"url": "http:///x.qcow2"}, "names no server"),
        ({"url": "http://h:99999/x.qcow2"}, "cannot be read"),
        ({"url": "http://user:secret@h/x.qcow2"}, "holds a user or a password"),
        ({"url": "http://h/a b.qcow2"}, "blanks or control characters"),
        ({"url": "http://h/x.vmdk"}, "is not valid for the format QCOW2"),
        ({"url": "http://h/x.qcow2.rar"}, "is not valid for the format QCOW2"),
        ({"url": "file://host/x.qcow2"}, "names a file on the host"),
        ({"url": "http://h/" + "x" * 2048}, "may have 2048 letters"),
        ({"checksum": "{CRC}00"}, "CRC is not supported"),
        ({"checksum": "{SHA-256}00"}, "has 2 digits"),
        ({"zoneid": "0b3b7f6e-96dc-4ce7-a33f-1a4f27a1f5ab"}, "There is no zone with id"),
        ({"ostypeid": "0b3b7f6e-96dc-4ce7-a33f-1a4f27a1f5ab"}, "There is no OS type with id"),
        ({"details[0].HTTP_HEADER:X(Y)": "1"}, "is no name of a request header"),
        ({"details[0].HTTP_HEADER:X": "a\r\nb"}, "forbidden characters"),
    ],
)
def test_what_cannot_work_is_refused_with_431_and_leaves_nothing(
    lab: LabCmk, changes: dict[str, str], said: str
) -> None:
    result = register(lab, **{"url": "http://127.0.0.1:1/x.qcow2", **changes})
    assert said in result.err
    assert result.status == (7 if said.startswith("There is no") and "with id" in said else 1)
    assert re.search(r"\(HTTP 431, error code (4350|9999)\)", result.err)
    assert lab.ok("list", "templates", "templatefilter=all").json == {}


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (Page(b"", 404), "HTTP 404"),
        (Page(b"", 500), "HTTP 500"),
        (Page(b"<html>", headers={"Content-Type": "text/html; charset=utf-8"}), "page of HTML"),
        (Page(b"<!DOCTYPE html><p>"), "page of HTML"),
        (Page(b""), "answers with nothing"),
        (Page(b"conectix" + bytes(600)), "declared QCOW2 and is VHD"),
        (Page(b"", 302, {"Location": "file:///etc/passwd"}), "never followed"),
        (Page(b"", 302, {"Location": "/x.qcow2"}), "more than 10 redirects"),
        (Page(b"x", headers={"Content-Encoding": "br"}), "Content-Encoding br"),
        (
            Page(
                b"QFI\xfb\0\0\0\3" + bytes(496), headers={"Content-Length": str(1 << 55)}, cut=504
            ),
            "the storage of host",
        ),
    ],
)
def test_a_url_that_does_not_serve_the_image_is_refused(
    lab: LabCmk, web: Web, page: Page, said: str
) -> None:
    web.pages["/x.qcow2"] = page
    page.ranges = False
    result = register(lab, url=f"{web.origin}/x.qcow2")
    assert result.status == 1
    assert said in result.err


HEADERS = [
    ("a backing file", 8, ">QI", (200, 11)),
    ("it is encrypted", 32, ">I", (2,)),
    ("version 1", 4, ">I", (1,)),
    ("its data is in another file", 72, ">Q", (4,)),
    ("storage.max.volume.size allows", 24, ">Q", (1 << 50,)),
]


@pytest.mark.parametrize(("said", "at", "form", "values"), HEADERS)
def test_what_its_header_forbids_is_known_at_registration(
    lab: LabCmk, web: Web, nano: bytes, said: str, at: int, form: str, values: tuple[int, ...]
) -> None:
    image = bytearray(nano)
    struct.pack_into(form, image, at, *values)
    for path, body in (("/x.qcow2", bytes(image)), ("/x.qcow2.gz", gzip.compress(image))):
        result = register(lab, url=web.serve(path, body))
        assert result.status == 1
        assert said in result.err


def test_nobody_listening_is_told_with_the_host_that_asked(lab: LabCmk) -> None:
    result = register(lab, url="http://127.0.0.1:1/x.qcow2")
    assert "validation failed on host" in result.err
    assert "connection refused" in result.err


def test_a_query_is_not_shown_in_an_error(lab: LabCmk) -> None:
    result = register(lab, url="http://127.0.0.1:1/x.qcow2?token=hunter2")
    assert "hunter2" not in result.err


def test_what_lets_in_is_in_no_listing_and_no_jobs_result(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    url = web.serve("/nano.qcow2", nano) + "?token=hunter2&size=small"
    reply = register(lab, url=url)
    assert reply.json["template"][0]["url"].endswith("/nano.qcow2?token=***&size=small")
    lists = ("templates templatefilter=all", "events", "asyncjobs", "templatespoolrefs")
    told = [lab.ok("list", *words.split()).out for words in lists]
    assert "/nano.qcow2?token=***" in told[0]
    assert "hunter2" not in reply.out + reply.err + "".join(told)


def test_headers_go_to_the_origin_they_were_given_for_only(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    other = Web()
    try:
        other.serve("/nano.qcow2", nano)
        web.pages["/nano.qcow2"] = Page(b"", 302, {"Location": f"{other.origin}/nano.qcow2"})
        result = register(
            lab, url=f"{web.origin}/nano.qcow2", **{"details[0].HTTP_HEADER:X-Token": "hunter2"}
        )
        assert result.status == 0, result.err
        assert web.log[0].headers["X-Token"] == "hunter2"
        assert "X-Token" not in other.log[0].headers
    finally:
        other.close()


def test_redirects_are_not_followed_where_the_setting_says_so(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    web.serve("/nano.qcow2", nano)
    web.pages["/x.qcow2"] = Page(b"", 302, {"Location": "/nano.qcow2"})
    assert register(lab, url=f"{web.origin}/x.qcow2").status == 0
    with lab.database() as db:
        db.execute("INSERT INTO configuration VALUES ('store.download.follow.redirects', 'false')")
    assert (
        "store.download.follow.redirects is false" in register(lab, url=f"{web.origin}/x.qcow2").err
    )


def test_a_link_a_directory_and_a_pipe_are_no_files_to_download(
    lab: LabCmk, tmp_path: Path
) -> None:
    (tmp_path / "real.qcow2").write_bytes(b"x")
    (tmp_path / "link.qcow2").symlink_to(tmp_path / "real.qcow2")
    (tmp_path / "directory.qcow2").mkdir()
    subprocess.run(["mkfifo", tmp_path / "pipe.qcow2"], check=True)
    for name, said in (
        ("link", "it is a symbolic link, which is not followed"),
        ("directory", "not a regular file"),
        ("pipe", "not a regular file"),
    ):
        refused = register(lab, url=f"file://{tmp_path}/{name}.qcow2")
        assert refused.status == 1
        assert said in refused.err


def test_a_template_for_all_zones_says_so(lab: LabCmk, web: Web, nano: bytes) -> None:
    url = web.serve("/nano.qcow2", nano)
    [template] = register(lab, url=url, zoneid="-1").json["template"]
    assert template["crossZones"] is True


def test_an_iso_is_listed_among_isos_only(lab: LabCmk, web: Web) -> None:
    url = web.serve("/rescue.iso", b"x" * 4096)
    reply = lab.ok(
        "register",
        "iso",
        f"zoneid={lab.zone}",
        "name=rescue",
        "displaytext=r",
        f"url={url}",
        "directdownload=true",
    ).json
    assert reply["iso"][0]["format"] == "ISO"
    assert lab.ok("list", "isos").json["count"] == 1
    assert lab.ok("list", "templates", "templatefilter=all").json == {}


def test_deleting_a_template_takes_it_off_the_lists(lab: LabCmk, web: Web, nano: bytes) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    assert lab.ok("delete", "template", f"id={template}").json["success"] is True
    assert lab.ok("list", "templates", "templatefilter=all").json == {}
    assert lab.ok("list", "templates", "templatefilter=all", "showremoved=true").json["count"] == 1
    assert "There is no template with id" in lab("delete", "template", f"id={template}").err


def test_pages_and_keywords_are_made_in_the_store(lab: LabCmk) -> None:
    reply = lab.ok("list", "ostypes", "page=2", "pagesize=5").json
    assert (reply["count"], len(reply["ostype"])) == (21, 5)
    assert lab.ok("list", "ostypes", "keyword=debian").json["count"] == 3
    assert lab.ok("list", "ostypes", "page=9", "pagesize=5").json == {"count": 21}
