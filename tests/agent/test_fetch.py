"""The download: attempts, rounds, resumed bytes, and what is left behind."""

from __future__ import annotations

import hashlib
import json
import lzma
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cmk.agent.failures import ChecksumFailure, PoolFailure, SpaceFailure, TransportFailure
from cmk.agent.fetch import Fetch
from cmk.agent.order import Order
from cmk.agent.wish import Limits
from tests.guest import raw
from tests.web import Page, Web

pytestmark = pytest.mark.slow

BODY = raw(size=3 << 20)[: 3 << 20]
SHA = hashlib.sha256(BODY).hexdigest()


def order(pool: Path, *mirrors: str, **more: Any) -> Order:
    given = {"algorithm": "sha-256", "digest": SHA, "limits": Limits(1, 1), **more}
    return Order(str(pool), "image", "RAW", mirrors, **given)


def names(pool: Path) -> list[str]:
    return [path.name for path in pool.iterdir()]


def run(order: Order) -> dict[str, Any]:
    return Fetch(order, lambda event: None).run()


def test_the_bytes_are_in_the_pool_under_the_name_and_nothing_else_is(web: Web, pool: Path) -> None:
    done = run(order(pool, web.serve("/x.raw", BODY)))
    assert names(pool) == ["image"]
    assert (pool / "image").read_bytes() == BODY
    assert done["served_digest"] == done["stored_digest"] == SHA
    assert done["size"] == done["virtual_size"] == len(BODY)
    assert (pool / "image").stat().st_ino == done["inode"]
    assert (pool / "image").stat().st_mtime_ns == done["mtime"]


def test_progress_goes_up_to_the_whole(web: Web, pool: Path) -> None:
    told: list[dict[str, Any]] = []
    Fetch(order(pool, web.serve("/x.raw", BODY)), told.append).run()
    downloading = [event["bytes"] for event in told if event["phase"] == "Downloading"]
    assert downloading == sorted(downloading)
    assert downloading[-1] == len(BODY)
    assert told[-1] == {"phase": "Checking"}


@pytest.mark.parametrize("algorithm", ["md5", "sha-1", "sha-224", "sha-384", "sha-512"])
def test_every_algorithm_verifies(web: Web, pool: Path, algorithm: str) -> None:
    digest = hashlib.new(algorithm.replace("-", ""), BODY).hexdigest()
    run(order(pool, web.serve("/x.raw", BODY), algorithm=algorithm, digest=digest))
    assert (pool / "image").exists()


def test_a_digest_that_is_wrong_three_times_ends_it(web: Web, pool: Path) -> None:
    url = web.serve("/x.raw", BODY)
    with pytest.raises(ChecksumFailure) as caught:
        run(order(pool, url, digest="0" * 64))
    assert caught.value.digest == SHA
    assert [step["attempt"] for step in caught.value.story] == [1, 2, 3]
    assert names(pool) == []


def test_a_liar_is_left_for_another_mirror(web: Web, pool: Path) -> None:
    liar = web.serve("/liar.raw", b"\1" + BODY[1:])
    done = run(order(pool, liar, web.serve("/good.raw", BODY)))
    assert done["url"].endswith("/good.raw")
    assert [step["mirror"] for step in done["story"]] == [liar]


def test_a_digest_that_is_right_the_second_time_is_enough(web: Web, pool: Path) -> None:
    url = web.serve("/x.raw", BODY, script=lambda n: Page(bytes(len(BODY))) if n == 0 else None)
    assert len(run(order(pool, url))["story"]) == 1


def test_good_bytes_are_kept_when_the_next_mirror_has_the_same_version(
    web: Web, pool: Path
) -> None:
    cut = len(BODY) // 2
    broken, whole = web.serve("/a.raw", BODY, cut=cut), web.serve("/b.raw", BODY)
    run(order(pool, broken, whole))
    assert [(r.path, r.range) for r in web.log] == [("/a.raw", ""), ("/b.raw", f"bytes={cut}-")]
    assert (pool / "image").read_bytes() == BODY


def test_a_mirror_with_another_version_is_taken_from_its_beginning(web: Web, pool: Path) -> None:
    broken = web.serve("/a.raw", bytes(len(BODY)), cut=1 << 20, etag='"old"')
    run(order(pool, broken, web.serve("/b.raw", BODY, etag='"new"')))
    assert (pool / "image").read_bytes() == BODY


def test_a_server_that_resets_after_every_megabyte_is_slow_not_fatal(web: Web, pool: Path) -> None:
    url = web.serve("/x.raw", BODY, cut=1 << 20)
    run(order(pool, url))
    assert (pool / "image").read_bytes() == BODY


def test_three_rounds_in_vain_end_it(web: Web, pool: Path) -> None:
    url = web.serve("/x.raw", BODY, cut=100, ranges=False)
    with pytest.raises(TransportFailure) as caught:
        run(order(pool, url))
    assert len(caught.value.story) == 3
    assert sorted(names(pool)) == [".image.part", ".image.state"]  # the next one goes on from here


def test_a_final_refusal_is_not_asked_again(web: Web, pool: Path) -> None:
    with pytest.raises(TransportFailure, match="HTTP 404"):
        run(order(pool, f"{web.origin}/none.raw"))
    assert len(web.log) == 1


def test_a_server_that_hangs_is_left_after_the_time_that_was_given(web: Web, pool: Path) -> None:
    url = web.serve("/x.raw", BODY, drip=5)
    began = time.monotonic()
    with pytest.raises(TransportFailure, match="timed out"):
        run(order(pool, url, limits=Limits(0.2, 0.2)))
    assert time.monotonic() - began < 5


def test_retry_after_is_waited_for(web: Web, pool: Path) -> None:
    busy = Page(b"", 503, {"Retry-After": "1"})
    url = web.serve("/x.raw", BODY, script=lambda n: busy if n == 0 else None)
    began = time.monotonic()
    run(order(pool, url))
    assert time.monotonic() - began >= 1


def test_a_body_without_a_length_is_taken_to_its_end(web: Web, pool: Path) -> None:
    chunked = (
        b"".join(
            f"{len(part):x}\r\n".encode() + part + b"\r\n"
            for part in [BODY[at : at + 100_000] for at in range(0, len(BODY), 100_000)]
        )
        + b"0\r\n\r\n"
    )
    url = web.serve("/x.raw", chunked, headers={"Transfer-Encoding": "chunked"}, ranges=False)
    run(order(pool, url))
    assert (pool / "image").read_bytes() == BODY


def test_more_than_the_pool_holds_is_refused_before_a_byte_is_written(web: Web, pool: Path) -> None:
    url = web.serve("/x.raw", BODY, headers={"Content-Length": str(1 << 55)})
    with pytest.raises(SpaceFailure, match="bytes free"):
        run(order(pool, url))
    assert names(pool) == []


def test_a_pool_that_is_gone_is_told(web: Web, tmp_path: Path) -> None:
    with pytest.raises(PoolFailure, match="No such file or directory"):
        run(order(tmp_path / "gone", web.serve("/x.raw", BODY)))


def test_a_size_that_is_not_the_promised_one_is_no_good(web: Web, pool: Path) -> None:
    with pytest.raises(TransportFailure, match="where 5 are expected"):
        run(order(pool, web.serve("/x.raw", BODY), size=5))


def test_zeros_inside_a_packed_raw_image_are_holes_on_the_disk(web: Web, pool: Path) -> None:
    import bz2

    packed = bz2.compress(raw(size=64 << 20))
    digest = hashlib.sha256(packed).hexdigest()
    run(order(pool, web.serve("/x.raw.bz2", packed), digest=digest))
    found = (pool / "image").stat()
    assert found.st_size == 64 << 20
    assert found.st_blocks * 512 < 4 << 20


def test_a_bomb_is_stopped_at_the_limit(web: Web, pool: Path) -> None:
    import gzip

    from cmk.agent.failures import ImageFailure

    packed = gzip.compress(bytes(200 << 20))
    with pytest.raises(ImageFailure, match="more than the limit"):
        run(order(pool, web.serve("/x.raw.gz", packed), digest="", algorithm="", most=32 << 20))
    assert names(pool) == []


def test_two_agents_at_once_never_write_one_file(web: Web, pool: Path) -> None:
    url = web.serve("/x.raw", BODY, drip=0.02)
    code = (
        "from cmk.agent.fetch import *; from cmk.agent.order import Order; "
        f"order = Order({str(pool)!r}, 'image', 'RAW', ({url!r},)); "
        "print(Fetch(order, lambda event: None).run()['size'])"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [process.communicate(timeout=60)[0] for process in both] == [f"{len(BODY)}\n"] * 2
    assert (pool / "image").read_bytes() == BODY


def test_a_killed_agent_leaves_its_lock_free_and_no_final_name(web: Web, pool: Path) -> None:
    url = web.serve("/x.raw", BODY, drip=0.2)
    code = (
        "from cmk.agent.fetch import *; from cmk.agent.order import Order; "
        f"Fetch(Order({str(pool)!r}, 'image', 'RAW', ({url!r},)), lambda e: None).run()"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    while not (pool / ".image.state").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert sorted(names(pool)) == [".image.part", ".image.state"]
    web.pages["/x.raw"].drip = 0
    run(order(pool, url))
    assert names(pool) == ["image"]


def test_what_a_broken_transfer_left_is_gone_on_with_by_the_next_one(web: Web, pool: Path) -> None:
    url = web.serve(
        "/x.raw", BODY, script=lambda n: Page(b"", 404) if n else Page(BODY, cut=1 << 20)
    )
    with pytest.raises(TransportFailure):
        run(order(pool, url))
    web.pages["/x.raw"] = Page(BODY)
    run(order(pool, url))
    assert web.log[-1].range == f"bytes={1 << 20}-"
    assert names(pool) == ["image"]
    assert (pool / "image").read_bytes() == BODY


def test_what_was_left_is_thrown_away_when_the_file_has_changed(web: Web, pool: Path) -> None:
    old = bytes(len(BODY))
    url = web.serve("/x.raw", old, script=lambda n: Page(b"", 404) if n else Page(old, cut=1 << 20))
    with pytest.raises(TransportFailure):
        run(order(pool, url))
    web.pages["/x.raw"] = Page(BODY, etag='"two"')
    run(order(pool, url))
    assert (pool / "image").read_bytes() == BODY


def test_without_a_validator_nothing_is_left_to_go_on_with(web: Web, pool: Path) -> None:
    url = web.serve("/x.raw", BODY, cut=100, etag="", ranges=False)
    with pytest.raises(TransportFailure):
        run(order(pool, url))
    assert names(pool) == []


def test_a_packed_source_is_gone_on_with_too(web: Web, pool: Path) -> None:
    packed = lzma.compress(BODY)
    digest = hashlib.sha256(packed).hexdigest()
    cut = len(packed) // 2
    url = web.serve(
        "/x.raw.xz", packed, script=lambda n: Page(b"", 404) if n else Page(packed, cut=cut)
    )
    with pytest.raises(TransportFailure):
        run(order(pool, url, digest=digest))
    web.pages["/x.raw.xz"] = Page(packed)
    run(order(pool, url, digest=digest))
    assert web.log[-1].range == f"bytes={cut}-"
    assert (pool / "image").read_bytes() == BODY


@pytest.mark.parametrize("state", ["", "{", "[]", '{"size": -1}', '{"ranges": [[0, 99]]}', "\0"])
def test_a_state_that_cannot_be_read_is_no_state(web: Web, pool: Path, state: str) -> None:
    (pool / ".image.part").write_bytes(b"rubbish")
    (pool / ".image.state").write_text(state)
    run(order(pool, web.serve("/x.raw", BODY)))
    assert (pool / "image").read_bytes() == BODY


def test_a_connection_that_drips_is_left(web: Web, pool: Path) -> None:
    url = web.serve("/x.raw", BODY, drip=0.3)
    good = web.serve("/y.raw", BODY)
    limits = Limits(1, 1, low_speed=10 << 20, low_speed_time=0.5)
    done = run(order(pool, url, good, digest="", algorithm="", limits=limits))
    assert "it was slower than" in done["story"][0]["reason"]
    assert done["url"] == good


FIRST, SECOND = bytes(1 << 20) + b"A" * (1 << 20), bytes(1 << 20) + b"B" * (1 << 20)


def part_of(body: bytes, told: str, etag: str) -> Page:
    """A 206 that says whatever it likes."""
    return Page(body, 206, {"Content-Range": told}, etag)


@pytest.mark.parametrize(
    ("told", "etag", "body"),
    [
        (f"bytes {1 << 20}-{(2 << 20) - 1}/{2 << 20}", '"two"', SECOND[1 << 20 :]),
        (f"bytes {1 << 20}-{(1 << 20) + 999}/*", '"one"', b"B" * 1000),
        (f"bytes {1 << 20}-{(1 << 20) + 999}/{(1 << 20) + 1000}", '"one"', b"B" * 1000),
        (f"bytes {1 << 20}-{(1 << 20) + 999}/{2 << 20}", '"one"', b"B" * 1000),
        (f"bytes 0-{(2 << 20) - 1}/{2 << 20}", '"one"', SECOND),
        (f"bytes {1 << 20}-5/{2 << 20}", '"one"', b"B" * 1000),
        ("bytes nonsense", '"one"', b"B" * 1000),
    ],
)
def test_a_206_that_is_not_the_rest_of_the_same_version_never_completes_a_file(
    web: Web, pool: Path, told: str, etag: str, body: bytes
) -> None:
    lie = part_of(body, told, etag)
    url = web.serve("/x.raw", FIRST, cut=1 << 20)
    web.pages["/x.raw"].script = lambda n: lie if n else None
    with pytest.raises(TransportFailure):
        run(order(pool, url, digest="", algorithm=""))
    assert "image" not in names(pool)


def test_a_206_that_nobody_asked_for_is_refused(web: Web, pool: Path) -> None:
    web.pages["/x.raw"] = part_of(b"A" * 100, "bytes 0-99/*", '"one"')
    with pytest.raises(TransportFailure, match="Content-Range"):
        run(order(pool, f"{web.origin}/x.raw", digest="", algorithm=""))


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": "-5"},
        {"Content-Length": "+100"},
        {"Content-Length": "9" * 5000},
        {"Content-Length": "100, 200"},
        {"Transfer-Encoding": "gzip, chunked"},
        {"Transfer-Encoding": "identity"},
    ],
)
def test_a_body_of_unclear_length_is_refused(web: Web, pool: Path, headers: dict[str, str]) -> None:
    url = web.serve("/x.raw", BODY, headers=headers, ranges=False)
    with pytest.raises(TransportFailure):
        run(order(pool, url, digest="", algorithm=""))
    assert names(pool) == []


@pytest.mark.parametrize(
    "location",
    [
        "http://[::1",
        "//[",
        "http://h:99999999/",
        "http://h:abc/",
        "http://a b/x",
        "",
        "gopher://h/",
    ],
)
def test_a_redirect_to_nonsense_is_a_reason_without_the_url(
    web: Web, pool: Path, location: str
) -> None:
    target = f"{location}?sig=hunter2" if location else ""
    url = web.serve("/x.raw", b"", status=302, headers={"Location": target})
    with pytest.raises(TransportFailure) as caught:
        run(order(pool, url))
    assert "hunter2" not in caught.value.reason + str(caught.value.story)


def test_a_blank_in_a_redirect_is_mended(web: Web, pool: Path) -> None:
    web.serve("/a%20b.raw", BODY)
    url = web.serve("/x.raw", b"", status=302, headers={"Location": "/a b.raw"})
    run(order(pool, url))
    assert (pool / "image").read_bytes() == BODY


def test_a_file_url_with_a_null_byte_is_refused(pool: Path) -> None:
    with pytest.raises(TransportFailure, match="cannot be read"):
        run(order(pool, "file:///etc/x%00.raw"))


def test_a_part_that_is_complete_costs_one_byte_more(web: Web, pool: Path) -> None:
    url = web.serve("/x.raw", BODY)
    (pool / ".image.part").write_bytes(BODY)
    state = {"size": len(BODY), "digest": SHA, "validators": {url: '"one"'}, "ranges": None}
    (pool / ".image.state").write_text(json.dumps(state))
    run(order(pool, url))
    assert [request.range for request in web.log] == [f"bytes={len(BODY) - 1}-"]
    assert (pool / "image").read_bytes() == BODY
