"""Several mirrors at once."""

from __future__ import annotations

import hashlib
import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmk.agent import segments, transfer
from cmk.agent.failures import ChecksumFailure, TransportFailure
from cmk.agent.fetch import Fetch
from cmk.agent.order import Order, Pieces
from cmk.agent.segments import _blocks, _merged
from cmk.agent.wish import Limits
from tests.web import Page, Web

pytestmark = pytest.mark.slow

BODY = random.Random(7).randbytes(6 << 20)
SHA = hashlib.sha256(BODY).hexdigest()
LENGTH = 256 << 10
PIECES = Pieces(
    "sha-256",
    LENGTH,
    tuple(hashlib.sha256(BODY[at : at + LENGTH]).hexdigest() for at in range(0, len(BODY), LENGTH)),
)


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call the others in at once, in small blocks."""
    monkeypatch.setattr(transfer, "ALONE", -1.0)
    monkeypatch.setattr(transfer, "WORTHWHILE", -1.0)
    monkeypatch.setattr(segments, "SMALLEST", 128 << 10)


def order(pool: Path, *mirrors: str, **more: Any) -> Order:
    given = {
        "algorithm": "sha-256",
        "digest": SHA,
        "size": len(BODY),
        "limits": Limits(1, 1),
        **more,
    }
    return Order(str(pool), "image", "RAW", mirrors, **given)


def run(order: Order) -> dict[str, Any]:
    return Fetch(order, lambda event: None).run()


def test_three_mirrors_each_give_a_part(web: Web, pool: Path) -> None:
    urls = [web.serve(f"/{name}.raw", BODY, drip=0.01, etag=f'"{name}"') for name in "abc"]
    told: list[dict[str, Any]] = []
    done = Fetch(order(pool, *urls), told.append).run()
    assert (pool / "image").read_bytes() == BODY
    assert done["mirrors"] == urls
    assert done["served_digest"] == SHA
    shares = told[-2]["mirrors"]
    assert sum(shares.values()) == len(BODY)
    assert all(shares[url] > 0 for url in urls)


def test_a_slow_mirror_is_robbed_of_its_work(web: Web, pool: Path) -> None:
    slow = web.serve("/slow.raw", BODY, drip=0.5)
    fast = web.serve("/fast.raw", BODY, etag='"f"')
    run(order(pool, slow, fast))
    assert (pool / "image").read_bytes() == BODY


def test_a_mirror_that_lies_is_dropped_by_its_piece_and_the_rest_is_kept(
    web: Web, pool: Path
) -> None:
    wrong = bytearray(BODY)
    wrong[1 << 20 :: 1 << 18] = b"\xff" * len(wrong[1 << 20 :: 1 << 18])
    liar = web.serve("/liar.raw", bytes(wrong), drip=0.01, etag='"l"')
    good = web.serve("/good.raw", BODY, drip=0.01, etag='"g"')
    done = run(order(pool, good, liar, pieces=PIECES))
    assert (pool / "image").read_bytes() == BODY
    assert any("is wrong; it is not asked again" in step["reason"] for step in done["story"])
    assert all(step["attempt"] == 1 for step in done["story"])


def test_without_pieces_a_liar_costs_an_attempt_and_then_each_is_taken_alone(
    web: Web, pool: Path
) -> None:
    liar = web.serve("/liar.raw", bytes(len(BODY)), drip=0.01, etag='"l"')
    good = web.serve("/good.raw", BODY, drip=0.01, etag='"g"')
    done = run(order(pool, good, liar))
    assert (pool / "image").read_bytes() == BODY
    assert len(done["mirrors"]) == 1
    assert "and" in done["story"][0]["mirror"]


def test_pieces_without_a_digest_of_the_whole_are_enough(web: Web, pool: Path) -> None:
    liar = web.serve("/liar.raw", bytes(len(BODY)), etag='"l"')
    good = web.serve("/good.raw", BODY, etag='"g"')
    run(order(pool, liar, good, digest="", algorithm="", pieces=PIECES))
    assert (pool / "image").read_bytes() == BODY


def test_when_all_mirrors_lie_nothing_stays(web: Web, pool: Path) -> None:
    urls = [web.serve(f"/{name}.raw", bytes(len(BODY)), etag=f'"{name}"') for name in "ab"]
    with pytest.raises(ChecksumFailure):
        run(order(pool, *urls))
    assert list(pool.iterdir()) == []
    with pytest.raises(TransportFailure, match="no mirror"):
        run(order(pool, *urls, pieces=PIECES))


def test_a_mirror_without_ranges_or_of_another_size_is_left_out(web: Web, pool: Path) -> None:
    good = web.serve("/good.raw", BODY, drip=0.01, etag='"g"')
    plain = web.serve("/plain.raw", BODY, ranges=False, etag='"p"')
    other = web.serve("/other.raw", BODY + b"x", etag='"o"')
    done = run(order(pool, good, plain, other))
    assert (pool / "image").read_bytes() == BODY
    assert done["url"] == good


def test_a_mirror_that_breaks_off_everywhere_is_slow_not_fatal(web: Web, pool: Path) -> None:
    urls = [web.serve(f"/{name}.raw", BODY, cut=200_000, etag=f'"{name}"') for name in "ab"]
    run(order(pool, *urls))
    assert (pool / "image").read_bytes() == BODY


def test_a_file_that_changes_between_two_segments_is_noticed(web: Web, pool: Path) -> None:
    changed = Page(bytes(len(BODY)), etag='"new"')
    good = web.serve("/good.raw", BODY, drip=0.02, etag='"g"')
    moving = web.serve("/moving.raw", BODY, drip=0.02, etag='"old"')
    web.pages["/moving.raw"].script = lambda n: changed if len(web.log) > 6 else None
    run(order(pool, good, moving))
    assert (pool / "image").read_bytes() == BODY


def test_the_ranges_that_are_there_are_not_fetched_again(web: Web, pool: Path) -> None:
    half = len(BODY) // 2
    gap = bytes(half - (1 << 20))
    (pool / ".image.part").write_bytes(BODY[: 1 << 20] + gap + BODY[half:])
    url = web.serve("/a.raw", BODY, etag='"a"')
    state = {
        "size": len(BODY),
        "digest": SHA,
        "validators": {url: '"a"'},
        "ranges": [[0, 1 << 20], [half, len(BODY)]],
    }
    (pool / ".image.state").write_text(json.dumps(state))
    run(order(pool, url))
    assert (pool / "image").read_bytes() == BODY
    asked = [request.range.removeprefix("bytes=").split("-") for request in web.log]
    assert all(int(start) >= 1 << 20 and int(end) < half for start, end in asked)


def test_ranges_of_a_file_that_has_changed_are_given_up(web: Web, pool: Path) -> None:
    (pool / ".image.part").write_bytes(bytes(len(BODY)))
    url = web.serve("/a.raw", BODY, etag='"new"')
    state = {
        "size": len(BODY),
        "digest": SHA,
        "validators": {url: '"old"'},
        "ranges": [[1 << 20, 2 << 20]],
    }
    (pool / ".image.state").write_text(json.dumps(state))
    run(order(pool, url))
    assert (pool / "image").read_bytes() == BODY


def test_a_mirror_that_drips_in_segments_is_left(web: Web, pool: Path) -> None:
    slow = web.serve("/slow.raw", BODY, drip=0.4, etag='"s"')
    good = web.serve("/good.raw", BODY, drip=0.005, etag='"g"')
    limits = Limits(2, 2, low_speed=1 << 20, low_speed_time=0.5)
    done = run(order(pool, good, slow, limits=limits))
    assert (pool / "image").read_bytes() == BODY
    assert all(step["attempt"] == 1 for step in done["story"])


def test_one_piece_for_all_with_a_liar_among_the_mirrors_comes_to_an_end(
    web: Web, pool: Path
) -> None:
    one = Pieces("sha-256", len(BODY), (SHA,))
    liar = web.serve("/liar.raw", bytes(len(BODY)), drip=0.002, etag='"l"')
    good = web.serve("/good.raw", BODY, drip=0.002, etag='"g"')
    run(order(pool, good, liar, digest="", algorithm="", pieces=one))
    assert (pool / "image").read_bytes() == BODY


def test_a_wrong_digest_of_a_piece_is_given_up(web: Web, pool: Path) -> None:
    wrong = Pieces("sha-256", LENGTH, ("0" * 64, *PIECES.digests[1:]))
    urls = [web.serve(f"/{name}.raw", BODY, etag=f'"{name}"') for name in "ab"]
    with pytest.raises(TransportFailure):
        run(order(pool, *urls, digest="", algorithm="", pieces=wrong))


def test_a_state_written_before_the_first_segment_does_not_take_holes_for_bytes(
    web: Web, pool: Path
) -> None:
    from cmk.agent.part import Part

    url = web.serve("/a.raw", BODY)
    seen: list[str] = []
    remember = Part.remember

    def watched(self: Part, lasting: bool = False) -> None:
        seen.append(f"{self.size} {self.state.ranges}")
        remember(self, lasting)

    Part.remember = watched  # type: ignore[method-assign]
    try:
        run(order(pool, url, web.serve("/b.raw", BODY, etag='"b"')))
    finally:
        Part.remember = remember  # type: ignore[method-assign]
    assert not any(entry == f"{len(BODY)} None" for entry in seen)


ranges = st.lists(
    st.tuples(st.integers(0, 99), st.integers(0, 99)).map(lambda pair: sorted(pair)), max_size=6
)


@given(ranges, st.integers(1, 40))
def test_blocks_cover_the_file_once_and_what_is_held_is_done(
    held: list[list[int]], length: int
) -> None:
    blocks = _blocks(100, held, length)
    assert [block.start for block in blocks] == [0, *(block.end for block in blocks[:-1])]
    assert blocks[-1].end == 100
    done = {at for block in blocks for at in range(block.start, block.at)}
    assert done == {at for start, end in held for at in range(start, end)}


@given(ranges)
def test_merged_ranges_are_in_order_and_apart(held: list[list[int]]) -> None:
    merged = _merged(held)
    assert all(a[1] < b[0] for a, b in pairwise(merged))
