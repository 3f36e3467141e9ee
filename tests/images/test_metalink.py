"""Metalinks: read, refused, put in order, and used for a download."""

from __future__ import annotations

import base64
import hashlib
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmk.images.metalink import (
    V3,
    V4,
    BadMetalinkError,
    Metalink,
    Mirror,
    digest_of_headers,
    of_headers,
    ordered,
    parse,
)
from tests.conftest import LabCmk
from tests.web import Web

SHA = hashlib.sha256(b"x").hexdigest()
ENDINGS = (".qcow2", ".qcow2.bz2")


def v4(inside: str, name: str = "a.qcow2") -> bytes:
    return f'<metalink xmlns="{V4}"><file name="{name}">{inside}</file></metalink>'.encode()


def v3(resources: str, verification: str = "", size: str = "") -> bytes:
    return (
        f'<metalink version="3.0" xmlns="{V3}"><files><file name="a.qcow2">{size}'
        f"<verification>{verification}</verification><resources>{resources}</resources>"
        "</file></files></metalink>"
    ).encode()


def test_version_4_with_priority_location_size_and_strongest_hash() -> None:
    found = parse(
        v4(
            f'<size>7</size><hash type="md5">{"0" * 32}</hash>'
            f'<hash type="sha-256">{SHA.upper()}</hash>'
            '<url priority="2" location="DE"> http://b/a.qcow2 </url><url>http://a/a.qcow2</url>'
        ),
        ENDINGS,
    )
    assert (found.size, found.algorithm, found.digest) == (7, "sha-256", SHA)
    assert found.mirrors == (
        Mirror("http://b/a.qcow2", 2, "de"),
        Mirror("http://a/a.qcow2", 999_999, ""),
    )


def test_version_3_prefers_the_higher_preference_and_knows_its_hash_names() -> None:
    found = parse(
        v3(
            '<url type="http" preference="90" location="us">http://b/a.qcow2</url>'
            '<url type="http" preference="100">http://a/a.qcow2</url>'
            '<url type="bittorrent">http://t/a.torrent</url>',
            f'<hash type="sha256">{SHA}</hash>',
        ),
        ENDINGS,
    )
    assert found.algorithm == "sha-256"
    assert ordered(found.mirrors, "") == ["http://a/a.qcow2", "http://b/a.qcow2"]


def test_a_prefix_for_the_namespace_is_as_good() -> None:
    document = (
        f'<m:metalink xmlns:m="{V4}"><m:file name="a.qcow2"><m:url>http://a/x</m:url></m:file>'
        "</m:metalink>"
    )
    assert parse(document.encode(), ENDINGS).mirrors[0].url == "http://a/x"


def test_the_file_that_fits_the_format_is_chosen() -> None:
    both = (
        f'<metalink xmlns="{V4}"><file name="a.iso"><url>http://h/a.iso</url></file>'
        '<file name="A.QCOW2"><url>http://h/a</url></file></metalink>'
    ).encode()
    assert parse(both, ENDINGS).name == "A.QCOW2"
    with pytest.raises(BadMetalinkError, match=r"no one file that fits the format, but: a\.iso"):
        parse(both, (".raw",))


def test_pieces_count_only_where_they_cover_the_file() -> None:
    hashes = f"<hash>{SHA}</hash>" * 2
    pieces = f'<pieces type="sha-256" length="4">{hashes}</pieces>'
    url = "<url>http://h/a</url>"
    assert parse(v4(f"<size>7</size>{pieces}{url}"), ENDINGS).pieces == (SHA, SHA)
    assert parse(v4(f"<size>9</size>{pieces}{url}"), ENDINGS).pieces == ()
    assert parse(v4(f"{pieces}{url}"), ENDINGS).pieces == ()


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"", "not XML"),
        (b"<html/>", "not a metalink"),
        (b"<metalink/>", "not a metalink"),
        (v4("<url>http://h/a</url>", "/etc/passwd"), "leads elsewhere"),
        (v4("<url>http://h/a</url>", "../a.qcow2"), "leads elsewhere"),
        (v4("<url>http://h/a</url>", "x\\..\\a.qcow2"), "leads elsewhere"),
        (v4("<url>ftp://h/a</url><url>gopher://h/a</url>"), "no http, https or file URL"),
        (v4("<url>http://h/b.metalink</url>"), "no http, https or file URL"),
        (v4("<url>http://h/b.meta4</url>"), "no http, https or file URL"),
        (v4("<url>http://u:p@h/b</url>"), "no http, https or file URL"),
        (v4("".join(f"<url>http://h/{n}</url>" for n in range(1001))), "more than 1000 mirrors"),
        (b'<!DOCTYPE m [<!ENTITY a "b">]>' + v4("<url>http://h/&a;</url>"), "entities"),
        (b'<!DOCTYPE m SYSTEM "http://h/x">' + v4("<url>http://h/</url>"), "entities"),
        (f'<metalink xmlns="{V4}"/>'.encode(), "no file in it"),
        (b"<metalink>" + b"x" * (9 << 20), "larger than"),
    ],
    ids=range(15),
)
def test_what_is_no_usable_metalink_is_refused_with_the_reason(document: bytes, said: str) -> None:
    with pytest.raises(BadMetalinkError) as caught:
        parse(document, ENDINGS)
    assert said in caught.value.message


@pytest.mark.parametrize("priority", ["0", "-1", "x", "1000000", "9" * 40, ""])
def test_a_priority_out_of_bounds_is_the_least(priority: str) -> None:
    found = parse(v4(f'<url priority="{priority}">http://h/a</url>'), ENDINGS)
    assert found.mirrors[0].priority == 999_999


def test_bad_hex_is_no_digest() -> None:
    found = parse(v4(f'<hash type="sha-256">{"g" * 64}</hash><url>http://h/a</url>'), ENDINGS)
    assert found.digest == ""


@given(st.binary(max_size=300))
def test_any_bytes_are_a_metalink_or_refused(document: bytes) -> None:
    with pytest.raises(BadMetalinkError):
        parse(document, ENDINGS)


@given(st.text(max_size=60), st.text("0123456789-. x", max_size=12), st.text(max_size=6))
def test_any_content_gives_mirrors_with_sound_values(url: str, priority: str, where: str) -> None:
    import xml.sax.saxutils as sax

    attributes = f"priority={sax.quoteattr(priority)} location={sax.quoteattr(where)}"
    inside = f"<url {attributes}>{sax.escape(url)}</url>"
    try:
        found = parse(v4(inside + "<url>http://h/a</url>"), ENDINGS)
    except BadMetalinkError:
        return
    for mirror in found.mirrors:
        assert 1 <= mirror.priority <= 999_999
        assert mirror.url.lower().startswith(("http:", "https:", "file:"))


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["de", "us", ""])), max_size=8))
def test_the_order_is_priority_then_home_then_chance(pairs: list[tuple[int, str]]) -> None:
    mirrors = {f"http://h/{n}": Mirror(f"http://h/{n}", p, loc) for n, (p, loc) in enumerate(pairs)}
    found = [mirrors[url] for url in ordered(mirrors.values(), "DE")]
    keys = [(mirror.priority, mirror.location != "de") for mirror in found]
    assert keys == sorted(keys)
    assert len(found) == len(pairs)


def test_equal_mirrors_take_turns() -> None:
    mirrors = [Mirror("http://a"), Mirror("http://b")]
    assert {ordered(mirrors, "")[0] for _ in range(64)} == {"http://a", "http://b"}


def test_what_is_kept_reads_back() -> None:
    kept = Metalink(
        "a", (Mirror("http://h/a", 1, "de"),), 7, "sha-256", SHA, "sha-1", 4, ("0", "1")
    )
    assert Metalink.from_json(kept.to_json()) == kept


def test_headers_of_rfc_6249_name_mirrors_only_with_a_digest() -> None:
    digest = base64.b64encode(bytes.fromhex(SHA)).decode()
    links = (
        '</b.qcow2>; rel=duplicate; pri=2; geo=gb, <http://c/c.qcow2>; rel="duplicate"; pri=1, '
        '<http://h/a.meta4>; rel=describedby; type="application/metalink4+xml"'
    )
    assert of_headers("http://h/a.qcow2", links, "", 7) is None
    found = of_headers("http://h/a.qcow2", links, f"SHA-256={digest}", 7)
    assert found is not None
    assert [m.url for m in found.mirrors] == [
        "http://h/a.qcow2",
        "http://h/b.qcow2",
        "http://c/c.qcow2",
    ]
    assert found.mirrors[1].location == "gb"
    assert found.digest == SHA


def test_the_strongest_digest_of_a_header_counts() -> None:
    digest = base64.b64encode(bytes.fromhex(SHA)).decode()
    assert digest_of_headers(f"md5=:AAAA:, sha-256=:{digest}:") == ("sha-256", SHA)
    assert digest_of_headers("sha-256=:nonsense:") == ("", "")


def meta4(web: Web, nano: bytes, *urls: str, digest: str = "") -> str:
    """A metalink on the server that names these URLs in this order; its URL."""
    listed = "".join(f'<url priority="{n}">{url}</url>' for n, url in enumerate(urls, 1))
    digest = digest or hashlib.sha256(nano).hexdigest()
    document = v4(
        f'<size>{len(nano)}</size><hash type="sha-256">{digest}</hash>{listed}', "n.qcow2"
    )
    return web.serve("/n.meta4", document)


@pytest.mark.libvirt
def test_a_metalink_is_registered_and_deployed_by_its_mirrors(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    dead, good = f"{web.origin}/dead.qcow2", web.serve("/good.qcow2", nano)
    result = lab.ok(
        "register",
        "template",
        f"zoneid={lab.zone}",
        "hypervisor=KVM",
        "format=QCOW2",
        "name=t",
        f"url={meta4(web, nano, dead, good)}",
        "directdownload=true",
    )
    [template] = result.json["template"]
    assert template["checksum"] == hashlib.sha256(nano).hexdigest()
    assert template["size"] == 1 << 20
    assert "from the metalink" in result.err
    lab.deploy(template["id"], "web1")
    lab.wait_for_console("web1", "READY")
    assert web.downloads("/dead.qcow2") == web.downloads("/good.qcow2") == 1


def test_a_registered_checksum_wins_over_the_metalinks(lab: LabCmk, web: Web, nano: bytes) -> None:
    url = meta4(web, nano, web.serve("/good.qcow2", nano), digest="0" * 64)
    template = lab.register(url, checksum=f"{{SHA-256}}{hashlib.sha256(nano).hexdigest()}")
    reply = lab.ok("prepare", "template", f"zoneid={lab.zone}", f"templateid={template}").json
    assert reply["template"][0]["downloaddetails"][0]["downloadState"] == "DOWNLOADED"


def test_headers_are_not_sent_to_mirrors_elsewhere(lab: LabCmk, web: Web, nano: bytes) -> None:
    other = Web()
    try:
        url = meta4(web, nano, other.serve("/good.qcow2", nano))
        template = lab.register(url, **{"details[0].HTTP_HEADER:X-Token": "hunter2"})
        lab.ok("prepare", "template", f"zoneid={lab.zone}", f"templateid={template}")
        assert web.log[0].headers["X-Token"] == "hunter2"
        assert all("X-Token" not in request.headers for request in other.log)
    finally:
        other.close()


def test_the_hosts_country_is_asked_first_else_the_zones(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    us, de = web.serve("/us.qcow2", nano), web.serve("/de.qcow2", nano)
    size, digest = len(nano), hashlib.sha256(nano).hexdigest()
    document = v4(
        f'<size>{size}</size><hash type="sha-256">{digest}</hash>'
        f'<url location="us">{us}</url><url location="de">{de}</url>',
        "n.qcow2",
    )
    lab.ok("update", "zone", f"id={lab.zone}", "details.location=us")
    host = lab.id("list", "hosts")
    template = lab.register(web.serve("/n.meta4", document))
    prepare = ("prepare", "template", f"zoneid={lab.zone}", f"templateid={template}")
    lab.ok(*prepare)
    assert web.downloads("/us.qcow2") == 1
    lab.ok("update", "host", f"id={host}", "details.location=de")
    for file in (lab.directory / "pool").iterdir():
        file.unlink()
    lab.ok(*prepare)
    assert web.downloads("/de.qcow2") == 1


def test_a_metalink_whose_mirrors_all_fail_tells_each(lab: LabCmk, web: Web, nano: bytes) -> None:
    url = meta4(web, nano, f"{web.origin}/a.qcow2", f"{web.origin}/b.qcow2")
    result = lab(
        "register",
        "template",
        f"zoneid={lab.zone}",
        "hypervisor=KVM",
        "format=QCOW2",
        "name=t",
        f"url={url}",
        "directdownload=true",
    )
    assert result.status == 1
    assert "/a.qcow2: HTTP 404" in result.err
    assert "/b.qcow2: HTTP 404" in result.err


def test_a_metalink_in_a_file_of_the_host_is_read_too(
    lab: LabCmk, web: Web, nano: bytes, tmp_path: Path
) -> None:
    document = v4(f"<url>{web.serve('/good.qcow2', nano)}</url>", "n.qcow2")
    (tmp_path / "n.metalink").write_bytes(document)
    assert lab.register(f"file://{tmp_path}/n.metalink")


def test_the_only_mirror_that_is_up_may_be_the_last(lab: LabCmk, web: Web, nano: bytes) -> None:
    down = "".join(f"<url>http://127.0.0.1:{port}/n.qcow2</url>" for port in range(1, 9))
    up = f'<url priority="9">{web.serve("/up.qcow2", nano)}</url>'
    assert lab.register(web.serve("/n.meta4", v4(down.replace("<url>", '<url priority="1">') + up)))


def test_without_the_labs_libraries_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "defusedxml.ElementTree", None)
    with pytest.raises(BadMetalinkError, match="pip install"):
        parse(v4("<url>http://h/a.qcow2</url>"), (".qcow2",))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32"])
def test_a_metalink_may_be_in_utf_16(lab: LabCmk, web: Web, nano: bytes, encoding: str) -> None:
    inside = f"<url>{web.serve('/up.qcow2', nano)}</url>"
    text = v4(inside).decode()
    if encoding != "utf-8-sig":
        text = f'<?xml version="1.0" encoding="{encoding[:6]}"?>{text}'
    web.serve("/n.meta4", text.encode(encoding))
    id = lab.register(f"{web.origin}/n.meta4")
    [template] = lab.ok("list", "templates", "templatefilter=all", f"id={id}").json["template"]
    assert template["size"] == 1 << 20


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/SHA256SUMS", "{sha}  other.qcow2\n{good} *n.qcow2\n"),
        ("/n.qcow2.sha256", "{good}\n"),
        ("/SHA256SUMS", "SHA256 (n.qcow2) = {good}\n"),
    ],
)
def test_checksum_auto_finds_what_is_published_beside_the_url(
    lab: LabCmk, web: Web, nano: bytes, path: str, text: str
) -> None:
    good = hashlib.sha256(nano).hexdigest()
    web.serve(path, text.format(sha=SHA, good=good).encode())
    lab.register(web.serve("/n.qcow2", nano), checksum="auto")
    [template] = lab.ok("list", "templates", "templatefilter=all").json["template"]
    assert template["checksum"] == good


FEDORA = """-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

# Fedora+Cloud.qcow2: 393216 bytes
SHA256 (Fedora+Cloud.qcow2) = {good}
# other.qcow2: 7 bytes
SHA256 (other.qcow2) = {sha}
-----BEGIN PGP SIGNATURE-----

iQIzBAEBCAAdFiEExvCt1dVbhqCgxuMW
-----END PGP SIGNATURE-----
"""
INDEX = (
    '<!DOCTYPE html><title>Index of /f</title><a href="../">up</a> <a href="?C=M;O=A">Date</a>'
    '<a href="https://elsewhere/x-CHECKSUM">x</a> <a href="Fedora-43-x86_64-CHECKSUM">here</a>'
)


def test_checksum_auto_finds_fedoras_list_by_the_folders_index(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    good = hashlib.sha256(nano).hexdigest()
    web.serve("/f/", INDEX.encode(), headers={"Content-Type": "text/html"})
    web.serve("/f/Fedora-43-x86_64-CHECKSUM", FEDORA.format(good=good, sha=SHA).encode())
    lab.register(web.serve("/f/Fedora%2BCloud.qcow2", nano), checksum="auto")
    [template] = lab.ok("list", "templates", "templatefilter=all").json["template"]
    assert template["checksum"] == good


def test_checksum_auto_that_finds_nothing_is_refused(lab: LabCmk, web: Web, nano: bytes) -> None:
    url = web.serve("/n.qcow2", nano)
    result = lab(
        "register",
        "template",
        f"zoneid={lab.zone}",
        "hypervisor=KVM",
        "format=QCOW2",
        "name=t",
        f"url={url}",
        "directdownload=true",
        "checksum=auto",
    )
    assert "checksum=auto found no digest" in result.err
    assert "SHA256SUMS" in result.err
    assert "does not list it" not in result.err


def test_a_list_that_has_not_the_file_is_named(lab: LabCmk, web: Web, nano: bytes) -> None:
    url = web.serve("/n.qcow2", nano)
    web.serve("/SHA256SUMS", f"{'a' * 64}  other.qcow2\n".encode())
    words = ("hypervisor=KVM", "format=QCOW2", "name=t", f"url={url}", "directdownload=true")
    result = lab("register", "template", f"zoneid={lab.zone}", *words, "checksum=auto")
    assert f"{web.origin}/SHA256SUMS is there, and does not list it." in result.err


def test_a_digest_in_the_servers_headers_is_used(lab: LabCmk, web: Web, nano: bytes) -> None:
    digest = base64.b64encode(hashlib.sha256(nano).digest()).decode()
    url = web.serve("/n.qcow2", nano, headers={"Repr-Digest": f"sha-256=:{digest}:"})
    template = lab.register(url)
    lab.ok("prepare", "template", f"zoneid={lab.zone}", f"templateid={template}")
    [shown] = lab.ok("list", "templates", "templatefilter=all").json["template"]
    assert shown["checksum"] == hashlib.sha256(nano).hexdigest()


def test_a_redirect_to_a_mirror_that_is_down_names_others(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    digest = base64.b64encode(hashlib.sha256(nano).digest()).decode()
    good = web.serve("/good/n.qcow2", nano)
    told = {"Location": "/gone.qcow2", "Digest": f"SHA-256={digest}"}
    url = web.serve(
        "/n.qcow2", b"", status=302, headers={**told, "Link": f"<{good}>; rel=duplicate"}
    )
    template = lab.register(url)
    lab.ok("prepare", "template", f"zoneid={lab.zone}", f"templateid={template}")
    assert web.downloads("/good/n.qcow2") == 1


def test_a_metalink_from_the_network_names_no_file_of_the_host(
    lab: LabCmk, web: Web, tmp_path: Path, nano: bytes
) -> None:
    (tmp_path / "private.qcow2").write_bytes(nano)
    inside = f"<url>{(tmp_path / 'private.qcow2').as_uri()}</url>"
    url = web.serve("/a.meta4", v4(inside))
    words = ("hypervisor=KVM", "format=QCOW2", "directdownload=true", "name=a")
    refused = lab("register", "template", f"zoneid={lab.zone}", f"url={url}", *words)
    assert refused.status == 1
    assert "came from the network itself" in refused.err
