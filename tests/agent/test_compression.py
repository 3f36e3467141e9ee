"""Packed sources: by content, whole or damaged."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import random
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmk.agent.compression import MAGICS, first_bytes, packing_of
from cmk.agent.failures import ImageFailure, SpaceFailure
from cmk.agent.fetch import Fetch
from cmk.agent.order import Order
from cmk.agent.wish import Limits
from tests.guest import raw
from tests.web import Web

pytestmark = pytest.mark.slow

BODY = raw(size=2 << 20)[: 1 << 20] + random.Random(1).randbytes(1 << 20)


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def zstd(data: bytes) -> bytes:
    return subprocess.run(["zstd", "-q", "-c"], input=data, check=True, capture_output=True).stdout


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd,
    "zip": lambda data: zipped(("image.raw", data)),
}


def run(pool: Path, url: str, **more: Any) -> dict[str, Any]:
    order = Order(str(pool), "image", "RAW", (url,), limits=Limits(2, 2), **more)
    return Fetch(order, lambda event: None).run()


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_packed_image_is_unpacked_by_its_content_whatever_its_name(
    web: Web, pool: Path, packing: str
) -> None:
    packed = PACKINGS[packing](BODY)
    done = run(pool, web.serve("/no-ending", packed))
    assert (pool / "image").read_bytes() == BODY
    assert done["packing"] == packing
    assert done["served_digest"] == hashlib.sha256(packed).hexdigest()
    assert done["stored_digest"] == hashlib.sha256(BODY).hexdigest()
    assert [path.name for path in pool.iterdir()] == ["image"]


@pytest.mark.parametrize("packing", ["gz", "bz2", "xz", "zst"])
def test_several_streams_one_after_another_are_one_image(
    web: Web, pool: Path, packing: str
) -> None:
    half = len(BODY) // 2
    pack = PACKINGS[packing]
    run(pool, web.serve("/x", pack(BODY[:half]) + pack(BODY[half:])))
    assert (pool / "image").read_bytes() == BODY


def damages(packed: bytes) -> dict[str, bytes]:
    middle = len(packed) // 2
    flipped = bytearray(packed)
    flipped[middle] ^= 0x10
    return {
        "cut in the middle": packed[:middle],
        "its last byte missing": packed[:-1],
        "a bit is another": bytes(flipped),
        "only its magic": packed[:6],
    }


@pytest.mark.parametrize("damage", damages(b"12345678"))
@pytest.mark.parametrize("packing", PACKINGS)
def test_a_damaged_packing_never_becomes_an_image(
    web: Web, pool: Path, packing: str, damage: str
) -> None:
    packed = damages(PACKINGS[packing](BODY))[damage]
    with pytest.raises(ImageFailure, match="packing"):
        run(pool, web.serve("/x", packed))
    assert list(pool.iterdir()) == []


def test_a_zip_archive_holds_one_file(web: Web, pool: Path) -> None:
    several = zipped(("a.raw", BODY), ("b.raw", BODY))
    with pytest.raises(ImageFailure, match="holds 2 files; it must hold one"):
        run(pool, web.serve("/x", several))
    with pytest.raises(ImageFailure, match=r"holds 0 files|packing"):
        run(pool, web.serve("/x", zipped(("folder/", b""))))
    run(pool, web.serve("/x", zipped(("folder/", b""), ("folder/a.raw", BODY))))
    of_macos = zipped(("a.raw", BODY), ("__MACOSX/._a.raw", b"x"), (".DS_Store", b"x"))
    run(pool, web.serve("/x", of_macos))
    assert (pool / "image").read_bytes() == BODY


def test_an_archives_file_may_have_no_name(web: Web, pool: Path) -> None:
    # What is behind a NUL is none of a name, says the zipfile module.
    packed = zipped(("image.raw", BODY)).replace(b"image.raw", b"\0mage.raw")
    run(pool, web.serve("/x", packed))
    assert (pool / "image").read_bytes() == BODY


def test_what_is_first_in_an_archive_is_known_behind_its_folders() -> None:
    packed = zipped(("a/", b""), ("a/b/", b""), ("a/b/c.raw", BODY))
    assert first_bytes("zip", packed, 64) == BODY[:64]


def test_a_stored_zip_with_a_name_that_leads_elsewhere_stays_in_the_pool(
    web: Web, pool: Path
) -> None:
    run(pool, web.serve("/x", zipped(("../../etc/x", BODY), method=zipfile.ZIP_STORED)))
    assert (pool / "image").read_bytes() == BODY


def test_without_the_parallel_library_bzip2_is_unpacked_all_the_same(
    web: Web, pool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "indexed_bzip2", None)
    run(pool, web.serve("/x", bz2.compress(BODY)))
    assert (pool / "image").read_bytes() == BODY


def test_without_library_and_program_zstd_is_refused_and_both_are_named(
    web: Web, pool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    packed = zstd(BODY)
    monkeypatch.setitem(sys.modules, "zstandard", None)
    run(pool, web.serve("/x", packed))  # by the program
    assert (pool / "image").read_bytes() == BODY
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ImageFailure, match="neither Python's zstandard nor the zstd program"):
        run(pool, web.serve("/x", packed))


def test_ten_gigabytes_of_zeros_in_ten_megabytes_end_at_the_limit(web: Web, pool: Path) -> None:
    bomb = gzip.compress(bytes(64 << 20)) * 160
    assert len(bomb) < 11 << 20
    with pytest.raises(ImageFailure, match="more than the limit"):
        run(pool, web.serve("/x", bomb), most=256 << 20)
    assert list(pool.iterdir()) == []


def test_what_unpacks_to_more_than_the_pool_has_free_is_refused_though_it_is_all_holes(
    web: Web, pool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cmk.agent.part import Part

    monkeypatch.setattr(Part, "room", property(lambda _: 40 << 20))
    with pytest.raises(SpaceFailure, match="unpacks to more than the 41943040 bytes"):
        run(pool, web.serve("/x", gzip.compress(bytes(64 << 20))))
    assert list(pool.iterdir()) == []


def test_xz_streams_with_padding_between_them_are_one_image(web: Web, pool: Path) -> None:
    half = len(BODY) // 2
    packed = lzma.compress(BODY[:half]) + bytes(8) + lzma.compress(BODY[half:]) + bytes(4)
    run(pool, web.serve("/x", packed))
    assert (pool / "image").read_bytes() == BODY


@pytest.mark.parametrize("rest", [b"garbage", b"\0\0\0x", b"second"])
@pytest.mark.parametrize("packing", ["xz", "bz2"])
@pytest.mark.parametrize("library", [True, False])
def test_what_follows_a_stream_and_is_none_is_damage_and_no_end(
    web: Web, pool: Path, monkeypatch: pytest.MonkeyPatch, packing: str, rest: bytes, library: bool
) -> None:
    import sys

    if not library:
        monkeypatch.setitem(sys.modules, "indexed_bzip2", None)
    packed = PACKINGS[packing](BODY)
    if rest == b"second":  # a second stream whose header is damaged
        rest = b"BZx" + packed[3:] if packing == "bz2" else b"\xfd8zXZ" + packed[5:]
    with pytest.raises(ImageFailure, match="packing is damaged"):
        run(pool, web.serve("/x", packed + rest))
    assert list(pool.iterdir()) == []


def test_zstd_that_begins_with_a_skippable_frame_is_unpacked(web: Web, pool: Path) -> None:
    skippable = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"size"
    run(pool, web.serve("/x", skippable + zstd(BODY)))
    assert (pool / "image").read_bytes() == BODY


def test_a_zip_of_another_method_is_refused(web: Web, pool: Path) -> None:
    with pytest.raises(ImageFailure, match="neither by deflate"):
        run(pool, web.serve("/x", zipped(("a", BODY), method=zipfile.ZIP_BZIP2)))


@pytest.mark.parametrize("packing", ["gz", "bz2", "xz", "zst", "zip"])
def test_the_first_bytes_of_a_bomb_are_few(packing: str) -> None:
    import tracemalloc

    packed = PACKINGS[packing](bytes(256 << 20))[: 1 << 16]
    tracemalloc.start()
    assert len(first_bytes(packing, packed, 1 << 16)) <= 1 << 16
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 << 20


@given(st.binary(max_size=200), st.sampled_from(sorted(MAGICS)))
def test_any_beginning_of_a_packed_file_gives_first_bytes_or_none(
    noise: bytes, packing: str
) -> None:
    assert isinstance(first_bytes(packing, MAGICS[packing] + noise, 64), bytes)


@given(st.binary(min_size=1, max_size=5000), st.sampled_from(sorted(PACKINGS)))
def test_the_first_bytes_inside_are_found_without_the_rest(data: bytes, packing: str) -> None:
    packed = PACKINGS[packing](data) if packing != "zst" else zstd_of(data)
    assert packing_of(packed) == packing
    assert first_bytes(packing, packed, 64) == data[:64]


def zstd_of(data: bytes) -> bytes:
    import zstandard

    return bytes(zstandard.ZstdCompressor().compress(data))
