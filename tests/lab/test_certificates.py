"""Certificates for direct download, with an nginx that only the zone trusts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import LabCmk, Result
from tests.nginx import Nginx
from tests.tls import Authority

pytestmark = pytest.mark.libvirt


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("image CA")


@pytest.fixture
def secure(authority: Authority, nano: bytes, tmp_path: Path) -> Iterator[Nginx]:
    root = tmp_path / "www"
    root.mkdir()
    (root / "nano.qcow2").write_bytes(nano)
    pair = authority.issue("127.0.0.1").write(tmp_path)
    with Nginx(root, tmp_path / "nginx", tls=pair) as server:
        yield server


def upload(lab: LabCmk, text: str, name: str = "images", **more: str) -> Result:
    path = lab.directory.parent / "ca.pem"
    path.write_text(text)
    words = [f"{key}={value}" for key, value in more.items()]
    return lab(
        "upload",
        "templatedirectdownloadcertificate",
        f"zoneid={lab.zone}",
        "hypervisor=KVM",
        f"name={name}",
        f"certificate=@{path}",
        *words,
    )


def register(lab: LabCmk, server: Nginx, name: str = "nano") -> Result:
    return lab(
        "register",
        "template",
        f"zoneid={lab.zone}",
        f"name={name}",
        f"url={server.urls[0]}/nano.qcow2",
        "hypervisor=KVM",
        "format=QCOW2",
        "directdownload=true",
    )


def test_a_server_is_trusted_once_its_ca_is_uploaded_and_not_when_it_is_revoked(
    lab: LabCmk, secure: Nginx, authority: Authority
) -> None:
    refused = register(lab, secure)
    assert refused.status == 1
    assert "its certificate is refused" in refused.err
    uploaded = upload(lab, authority.pem)
    assert uploaded.status == 0, uploaded.err
    certificate = uploaded.json["directdownloadcertificate"]
    assert certificate["subject"] == certificate["issuer"] == "CN=image CA"
    assert certificate["validity"].startswith("From: [")
    assert [host["status"] for host in certificate["hostsmap"]] == ["UPLOADED"]
    assert register(lab, secure).status == 0
    template = lab.id("list", "templates", "templatefilter=all")
    lab.deploy(template, "web1")
    lab.wait_for_console("web1", "READY")
    zone, id = f"zoneid={lab.zone}", f"id={certificate['id']}"
    revoked = lab.ok("revoke", "templatedirectdownloadcertificate", zone, id)
    assert revoked.json["directdownloadcertificatehoststatus"][0]["status"] == "REVOKED"
    assert "its certificate is refused" in register(lab, secure, "again").err
    listed = lab.ok("list", "templatedirectdownloadcertificates", "listhosts=true").json
    assert listed["directdownloadcertificate"][0]["hostsmap"][0]["status"] == "REVOKED"
    host = f"hostid={lab.id('list', 'hosts')}"
    lab.ok("provision", "templatedirectdownloadcertificate", id, host)
    assert register(lab, secure, "again").status == 0


def test_the_body_of_a_pem_alone_is_enough(lab: LabCmk, authority: Authority) -> None:
    body = "".join(authority.pem.splitlines()[1:-1])
    assert upload(lab, body).status == 0


def test_what_openssl_writes_for_people_is_left_out(lab: LabCmk, authority: Authority) -> None:
    text = f"Certificate:\n    Data:\n        Version: 3 (0x2)\n{authority.pem}# the end\n"
    assert upload(lab, text).status == 0


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("nonsense", "images", "no X.509 certificate"),
        ("", "images", ""),
        ("expired", "images", "is not valid now"),
        ("good", "cloud", "is no alias"),
        ("good", "cloudca1", "is no alias"),
        ("good", "-x", "is no alias"),
        ("good", "a b", "is no alias"),
        ("twice", "images", "several certificates"),
        ("x" * 70_000, "images", "may have 65535 letters"),
    ],
)
def test_what_is_no_certificate_is_refused(
    lab: LabCmk, authority: Authority, text: str, name: str, said: str
) -> None:
    text = {
        "expired": authority.issue("old", days=-1).certificate,
        "good": authority.pem,
        "twice": authority.pem * 2,
    }.get(text, text)
    refused = upload(lab, text, name)
    assert refused.status == 1
    assert said in refused.err
    assert lab.ok("list", "templatedirectdownloadcertificates").json == {}


def test_an_alias_is_taken_once_in_a_zone(lab: LabCmk, authority: Authority) -> None:
    assert upload(lab, authority.pem).status == 0
    assert "already created" in upload(lab, authority.pem).err
    host = lab.id("list", "hosts")
    assert upload(lab, authority.pem, hostid=host).status == 0
    assert "the zone has none" in upload(lab, authority.pem, "other", hostid=host).err
