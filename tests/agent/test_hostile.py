"""Servers that lie, break off or attack: no wrong byte gets the final name, and nothing is left."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import re
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from cmk.agent.failures import Failure, ImageFailure, TransportFailure
from cmk.agent.fetch import Fetch
from cmk.agent.order import Order
from cmk.agent.probe import probe
from cmk.agent.wish import Limits
from tests.web import Page, Web

pytestmark = pytest.mark.slow

BODY = random.Random(5).randbytes(3 << 20)
SHA = hashlib.sha256(BODY).hexdigest()


@pytest.fixture(params=["127.0.0.1", "::1"])
def web(request: pytest.FixtureRequest) -> Iterator[Web]:
    """A server of each kind of address."""
    server = Web(request.param)
    yield server
    server.close()


def run(pool: Path, *mirrors: str, **more: Any) -> dict[str, Any]:
    given = {"algorithm": "sha-256", "digest": SHA, "limits": Limits(1, 1), **more}
    return Fetch(Order(str(pool), "image", "RAW", mirrors, **given), lambda event: None).run()


def names(pool: Path) -> list[str]:
    return sorted(path.name for path in pool.iterdir())


def assert_nothing_wrong(pool: Path) -> None:
    """Nothing, or what the next one goes on with; never the name."""
    assert names(pool) in ([], [".image.part", ".image.state"])


@pytest.mark.parametrize("length", [100, len(BODY) - 1, len(BODY) + 1, len(BODY) * 2])
def test_a_content_length_that_lies_in_either_way_makes_no_image(
    web: Web, pool: Path, length: int
) -> None:
    url = web.serve("/x", BODY, headers={"Content-Length": str(length)}, ranges=False)
    web.pages["/x"].cut = len(BODY)  # the connection ends after it
    with pytest.raises(Failure):
        run(pool, url)
    assert_nothing_wrong(pool)


def test_a_server_that_ignores_ranges_is_begun_anew(web: Web, pool: Path) -> None:
    url = web.serve(
        "/x", BODY, ranges=False, script=lambda n: Page(BODY, cut=1 << 20) if not n else None
    )
    run(pool, url)
    assert (pool / "image").read_bytes() == BODY


def test_wrong_bytes_in_a_part_cost_an_attempt_and_no_more(web: Web, pool: Path) -> None:
    url = web.serve("/x", BODY, cut=1 << 20)
    half = 1 << 20
    lie = Page(
        bytes(len(BODY) - half), 206, {"Content-Range": f"bytes {half}-{len(BODY) - 1}/{len(BODY)}"}
    )
    asked = iter([None, lie])
    web.pages["/x"].script = lambda _: next(asked, Page(BODY))
    done = run(pool, url)
    assert (pool / "image").read_bytes() == BODY
    assert [step["attempt"] for step in done["story"]] == [1, 1]


def test_416_to_a_part_that_is_longer_than_the_file_begins_anew(web: Web, pool: Path) -> None:
    (pool / ".image.part").write_bytes(BODY + b"more")
    url = web.serve("/x", BODY)
    held = {"size": len(BODY) + 4, "digest": SHA, "validators": {url: '"one"'}}
    (pool / ".image.state").write_text(json.dumps(held))
    done = run(pool, url)
    assert [request.status for request in web.log] == [416, 200]
    assert "416" in done["story"][0]["reason"]
    assert (pool / "image").read_bytes() == BODY


def test_the_promised_size_counts_where_the_server_tells_none(web: Web, pool: Path) -> None:
    chunked = b"".join(
        b"%x\r\n%s\r\n" % (len(part), part)
        for part in (BODY[at : at + 100_000] for at in range(0, 1_000_000, 100_000))
    )
    url = web.serve(
        "/x",
        chunked + b"0\r\n\r\n",
        headers={"Transfer-Encoding": "chunked"},
        ranges=False,
        etag="",
    )
    with pytest.raises(TransportFailure, match="ended after 1000000 of"):
        run(pool, url, digest="", algorithm="", size=len(BODY))
    assert names(pool) == []


def test_a_part_that_does_not_say_of_which_version_it_is_begins_anew(web: Web, pool: Path) -> None:
    half = 1 << 20
    told = {"Content-Range": f"bytes {half}-{len(BODY) - 1}/{len(BODY)}"}
    nameless = Page(bytes(len(BODY) - half), 206, told, etag="")
    asked = iter([Page(BODY, cut=half), nameless])
    url = web.serve("/x", BODY, script=lambda _: next(asked, None))
    run(pool, url, digest="", algorithm="")
    assert (pool / "image").read_bytes() == BODY


@pytest.mark.parametrize("length", ["told", "not told"])
def test_a_body_larger_than_any_image_is_not_let_into_the_pool(
    web: Web, pool: Path, length: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cmk.agent import transfer

    monkeypatch.setattr(transfer, "SLACK", 0)
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    chunked: dict[str, Any] = {"headers": {"Transfer-Encoding": "chunked"}, "ranges": False}
    url = web.serve("/x", BODY) if length == "told" else web.serve("/x", body, **chunked)
    with pytest.raises(ImageFailure, match="larger than the limit"):
        run(pool, url, digest="", algorithm="", most=1 << 20)
    assert names(pool) == []


def test_headers_that_drip_are_left(web: Web, pool: Path) -> None:
    def drip(client: socket.socket) -> None:
        try:
            client.sendall(b"HTTP/1.1 200 OK\r\n")
            for _ in range(100):
                client.sendall(b"X: y\r\n")
                time.sleep(0.1)
        except OSError:
            client.close()

    good = web.serve("/x", BODY)
    began = time.monotonic()
    with listening(web, drip) as url:
        done = run(pool, url, good, limits=Limits(0.3, 0.3))
    assert done["url"] == good
    assert time.monotonic() - began < 5


def test_a_page_of_html_in_place_of_the_image_is_named(web: Web, pool: Path) -> None:
    url = web.serve("/x", b"<html>login", headers={"Content-Type": "text/html; charset=utf-8"})
    with pytest.raises(TransportFailure, match="a page of HTML"):
        run(pool, url)
    assert names(pool) == []


def test_what_is_packed_twice_is_refused_however_it_is_labelled(web: Web, pool: Path) -> None:
    packed = gzip.compress(BODY)
    url = web.serve("/x.gz", gzip.compress(packed), headers={"Content-Encoding": "gzip"})
    with pytest.raises(ImageFailure, match="begins like gzip"):
        run(pool, url, digest="", algorithm="")
    assert names(pool) == []


def test_an_encoding_that_no_byte_tells_of_is_refused(web: Web, pool: Path) -> None:
    url = web.serve("/x", BODY, headers={"Content-Encoding": "br"})
    with pytest.raises(TransportFailure, match="Content-Encoding br, asked for identity"):
        run(pool, url)
    assert names(pool) == []


@pytest.mark.parametrize("label", ["gzip", "x-gzip"])
def test_a_packed_file_that_is_labelled_as_encoded_is_what_its_bytes_are(
    web: Web, pool: Path, label: str
) -> None:
    packed = gzip.compress(BODY)
    for body in (packed, BODY):
        url = web.serve("/x.gz", body, headers={"Content-Encoding": label})
        done = run(pool, url, digest="", algorithm="")
        assert done["stored_digest"] == hashlib.sha256(BODY).hexdigest()


@pytest.mark.parametrize("chunked", [False, True])
def test_an_image_that_is_labelled_html_is_an_image(web: Web, pool: Path, chunked: bool) -> None:
    headers = {"Content-Type": "text/html"}
    body = BODY
    if chunked:
        headers["Transfer-Encoding"] = "chunked"
        body = b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n"
    done = run(pool, web.serve("/x", body, headers=headers, ranges=not chunked))
    assert done["stored_digest"] == hashlib.sha256(BODY).hexdigest()


@pytest.mark.parametrize("status", [400, 403, 405, 416, 500, 501])
def test_a_server_that_refuses_every_range_is_asked_without(
    web: Web, pool: Path, status: int
) -> None:
    def answer(_: int) -> Page | None:
        return Page(b"no ranges", status) if web.wants_range else None

    url = web.serve("/x", BODY, ranges=False, script=answer)
    told = probe(url, "RAW", {}, Limits(2, 2))
    assert told["size"] == len(BODY)
    assert run(pool, url)["stored_digest"] == hashlib.sha256(BODY).hexdigest()


def test_a_redirect_in_raw_utf_8_is_followed(web: Web, pool: Path) -> None:
    web.serve("/%C3%A4%20b", BODY)
    raw = "/ä b".encode().decode("latin-1")
    url = web.serve("/x", b"", status=302, headers={"Location": raw})
    assert run(pool, url)["stored_digest"] == hashlib.sha256(BODY).hexdigest()


def test_a_failure_behind_a_redirect_names_its_place(web: Web, pool: Path) -> None:
    url = web.serve("/x", b"", status=302, headers={"Location": "/gone?token=s3cret"})
    with pytest.raises(TransportFailure, match=re.escape(f"{web.origin}/gone: HTTP 404")) as caught:
        run(pool, url)
    assert "s3cret" not in caught.value.reason


def test_what_a_redirect_tells_of_the_file_is_known(web: Web) -> None:
    digest = "SHA-256=" + base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    web.serve("/mirror/x", BODY)
    told = {"Location": "/mirror/x", "Digest": digest, "Link": "<http://m/x>; rel=duplicate"}
    url = web.serve("/x", b"", status=302, headers=told)
    found = probe(url, "RAW", {}, Limits(2, 2))
    assert (found["digests"], found["links"]) == (digest, "<http://m/x>; rel=duplicate")


def test_what_a_redirect_tells_is_known_also_where_its_place_fails(web: Web) -> None:
    told = {"Location": "/gone", "Digest": "SHA-256=AA==", "Link": "<http://m/x>; rel=duplicate"}
    url = web.serve("/x", b"", status=302, headers=told)
    found = probe(url, "RAW", {}, Limits(2, 2))
    assert (found["digests"], found["links"]) == ("SHA-256=AA==", "<http://m/x>; rel=duplicate")
    assert "/gone: HTTP 404" in found["failed"]
    with pytest.raises(TransportFailure, match="HTTP 404"):
        probe(
            web.serve("/y", b"", status=302, headers={"Location": "/gone"}), "RAW", {}, Limits(2, 2)
        )


@pytest.mark.parametrize(
    "early",
    [
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n" * 3,
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\n\r\n",
    ],
)
def test_an_answer_may_be_announced(web: Web, pool: Path, early: bytes) -> None:
    answer = early + b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
    with listening(web, saying(answer)) as url:
        assert run(pool, url)["stored_digest"] == hashlib.sha256(BODY).hexdigest()


def test_an_answer_that_is_announced_for_ever_is_left(web: Web, pool: Path) -> None:
    with (
        listening(web, saying(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000)) as url,
        pytest.raises(TransportFailure, match="again and again"),
    ):
        run(pool, url)


def test_a_hang_after_half_is_left_and_the_next_mirror_brings_the_rest(
    web: Web, pool: Path
) -> None:
    half = len(BODY) // 2
    with listening(web, stall(BODY, half)) as url:
        good = web.serve("/x", BODY)
        done = run(pool, url, good, limits=Limits(0.3, 0.3))
    assert done["url"] == good
    assert web.log[0].range == f"bytes={half}-"


class listening:  # noqa: N801 - a context, named as it reads
    """A bare socket that gives every client the same treatment; its URL."""

    def __init__(self, web: Web, treat: Any) -> None:
        host = "::1" if "[" in web.origin else "127.0.0.1"
        family = socket.AF_INET6 if host == "::1" else socket.AF_INET
        self._socket = socket.create_server((host, 0), family=family)
        self._treat = treat
        self._clients: list[socket.socket] = []
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._socket.getsockname()[1]}/x"

    def __enter__(self) -> str:
        Thread(target=self._serve, daemon=True).start()
        return self.url

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            self._clients.append(client)
            client.recv(1 << 16)
            Thread(target=self._treat, args=(client,), daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)  # which wakes who waits in accept
        self._socket.close()
        for client in self._clients:
            client.close()


def saying(answer: bytes) -> Any:
    """Send these bytes."""
    return lambda client: client.sendall(answer)


def stall(body: bytes, at: int) -> Any:
    """Send so much, then nothing, and keep the connection."""

    def treat(client: socket.socket) -> None:
        head = f'HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nETag: "one"\r\n\r\n'
        client.sendall(head.encode() + body[:at])

    return treat


def reset(body: bytes, at: int) -> Any:
    """Send so much, then tear the connection down (RST)."""

    def treat(client: socket.socket) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body[:at])
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()

    return treat


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0" * 100,
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000,
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    ],
    ids=range(10),
)
def test_what_is_no_http_is_a_reason(web: Web, pool: Path, answer: bytes) -> None:
    def treat(client: socket.socket) -> None:
        client.sendall(answer)
        client.close()

    with listening(web, treat) as url, pytest.raises(Failure):
        run(pool, url)
    assert_nothing_wrong(pool)


def test_a_reset_in_the_middle_is_a_reason(web: Web, pool: Path) -> None:
    with listening(web, reset(BODY, 1000)) as url, pytest.raises(TransportFailure):
        run(pool, url)
    assert_nothing_wrong(pool)


def test_a_backing_file_behind_a_correct_checksum_is_refused(web: Web, pool: Path) -> None:
    image = pool.parent / "evil"
    subprocess.run(
        [
            "qemu-img",
            "create",
            "-q",
            "-f",
            "qcow2",
            "-u",
            "-F",
            "raw",
            "-b",
            "/etc/passwd",
            image,
            "1M",
        ],
        check=True,
    )
    body = image.read_bytes()
    order = Order(
        str(pool),
        "image",
        "QCOW2",
        (web.serve("/x", body),),
        algorithm="sha-256",
        digest=hashlib.sha256(body).hexdigest(),
    )
    with pytest.raises(ImageFailure, match="a backing file"):
        Fetch(order, lambda event: None).run()
    assert names(pool) == []


def test_a_pool_that_is_removed_in_the_middle_is_told(web: Web, pool: Path) -> None:
    def remove(_: int) -> None:
        shutil.rmtree(pool)

    url = web.serve("/x", BODY, script=remove)
    with pytest.raises(Failure, match="No such file or directory"):
        run(pool, url)
    assert not pool.exists()


def test_a_name_that_is_planted_in_the_pool_as_a_link_is_not_followed(
    web: Web, pool: Path, tmp_path: Path
) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    (pool / ".image.part").symlink_to(tmp_path / "victim")
    with pytest.raises(Failure):
        run(pool, web.serve("/x", BODY))
    assert (tmp_path / "victim").read_bytes() == b"precious"


def test_a_disk_that_is_full_in_the_middle_is_told_and_left_clean(web: Web, tmp_path: Path) -> None:
    """On a real file system of 2 MiB, in a mount namespace of its own."""
    url = web.serve("/x", BODY, headers={"Transfer-Encoding": "chunked"}, ranges=False)
    web.pages["/x"].body = (
        b"".join(
            b"%x\r\n%s\r\n" % (1 << 16, BODY[at : at + (1 << 16)])
            for at in range(0, len(BODY), 1 << 16)
        )
        + b"0\r\n\r\n"
    )  # so its size is not known beforehand
    code = (
        "import os, sys; from cmk.agent.fetch import Fetch; from cmk.agent.order import Order\n"
        "from cmk.agent.failures import SpaceFailure\n"
        f"try: Fetch(Order({str(tmp_path)!r}, 'image', 'RAW', ({url!r},)), lambda e: None).run()\n"
        "except SpaceFailure as problem: print(problem.reason)\n"
        f"print(sorted(os.listdir({str(tmp_path)!r})))"
    )
    alone = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
    mount = f'mount -t tmpfs -o size=2m pool {tmp_path} && exec "$0" -c "$1"'
    run = subprocess.run(
        [*alone, mount, sys.executable, code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert run.stdout.splitlines() == [f"the pool {tmp_path} is full", "[]"]
