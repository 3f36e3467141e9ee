"""Templates that are uploaded: by cmk's own client, by who may, once, and leaving nothing half."""

from __future__ import annotations

import hashlib
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.serve.conftest import Served
from tests.waiting import until


@pytest.fixture
def stored(served: Served, tmp_path: Path) -> Served:
    """A server of a lab with an image store."""
    words = (f"zoneid={served.lab.zone}", "provider=Directory", f"url=file://{tmp_path}/store")
    (tmp_path / "store").mkdir()
    served.lab.ok("add", "imagestore", *words)
    return served


def place(stored: Served, **more: str) -> dict[str, Any]:
    words = (f"zoneid={stored.lab.zone}", "name=up", "format=QCOW2", "hypervisor=KVM")
    given = (f"{name}={value}" for name, value in more.items())
    reply = stored.client().ok("get", "uploadparamsfortemplate", *words, *given).json
    found: dict[str, Any] = reply["getuploadparams"]
    return found


def status(stored: Served) -> str:
    listed = stored.lab.ok("list", "templates", "templatefilter=all").json["template"]
    return str(listed[0]["status"])


def settled(stored: Served) -> str:
    def is_settled() -> bool:
        told = status(stored)
        return told != "Not Uploaded" and not told.endswith("% Downloaded")

    until(is_settled, "an end of the upload")
    return status(stored)


def post(told: dict[str, Any], body: bytes, **headers: str) -> int:
    named = {"X-signature": told["signature"], "X-metadata": told["metadata"], **headers}
    named["X-expires"] = told["expires"]
    files = {"file": ("x.qcow2", body)}
    return requests.post(told["postURL"], files=files, headers=named, timeout=20).status_code


def parts_of(stored: Served) -> list[str]:
    return sorted(path.name for path in (stored.lab.directory / "uploads").rglob("*"))


def test_cmk_uploads_a_template_that_becomes_ready(
    stored: Served, nano: bytes, tmp_path: Path
) -> None:
    (tmp_path / "nano.qcow2").write_bytes(nano)
    digest = hashlib.sha256(nano).hexdigest()
    stored.client().ok(
        *("upload", "template", f"file={tmp_path / 'nano.qcow2'}", "name=up", "format=QCOW2"),
        *("hypervisor=KVM", f"zoneid={stored.lab.zone}", f"checksum={{SHA-256}}{digest}"),
    )
    assert settled(stored) == "Download Complete"
    [template] = stored.lab.ok("list", "templates", "templatefilter=all").json["template"]
    assert (template["isready"], "url" in template) == (True, False)
    assert parts_of(stored) == []


def test_a_wrong_digest_is_told_and_nothing_is_left(stored: Served, nano: bytes) -> None:
    told = place(stored, checksum="{SHA-256}" + "0" * 64)
    assert status(stored) == "Not Uploaded"
    assert post(told, nano) == 200
    assert "the checksum was wrong" in settled(stored)


def test_only_who_has_the_token_uploads_and_only_once(stored: Served, nano: bytes) -> None:
    told = place(stored)
    assert post(told, nano, **{"X-signature": "wrong"}) == 401
    assert post({**told, "postURL": told["postURL"] + "x"}, nano) == 401
    assert post(told, nano) == 200
    assert post(told, nano) == 401
    assert "Traceback" not in stored.end()


def test_an_upload_that_breaks_off_leaves_nothing_and_may_begin_again(
    stored: Served, nano: bytes
) -> None:
    told = place(stored)
    parts = urlsplit(told["postURL"])
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"X-signature: {told['signature']}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 99999999\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    )
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as client:
        client.sendall(head.encode() + nano)
        time.sleep(0.3)
    until(lambda: not parts_of(stored), "the part of the broken upload removed")
    for body in (b"no form", b""):
        answer = requests.post(
            told["postURL"], data=body, headers={"X-signature": told["signature"]}, timeout=20
        )
        assert answer.status_code == 400
    assert post(told, nano) == 200
    assert "Traceback" not in stored.end()


def test_on_the_machine_itself_a_file_is_registered_instead(stored: Served) -> None:
    words = (f"zoneid={stored.lab.zone}", "name=up", "format=QCOW2", "hypervisor=KVM")
    result = stored.lab("get", "uploadparamsfortemplate", *words)
    assert (result.status, "url=file:///path" in result.err) == (1, True)
    assert stored.lab.ok("list", "templates", "templatefilter=all").json == {}
