"""What may reach a guest, and a corpus of what must not."""

from __future__ import annotations

import io
import random
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmk.agent.failures import ImageFailure
from cmk.agent.image import format_of, qcow2_size, validate
from cmk.agent.qcow2 import check_whole
from tests.guest import raw

MOST = 1 << 40


def create(path: Path, *options: str) -> bytes:
    """An image as qemu-img makes it."""
    subprocess.run(["qemu-img", "create", "-q", *options, path, "1M"], check=True)
    return path.read_bytes()


@pytest.fixture
def good(tmp_path: Path) -> bytes:
    return create(tmp_path / "good", "-f", "qcow2")


def patched(image: bytes, at: int, form: str, *values: int) -> bytes:
    """An image with numbers written over its header."""
    held = bytearray(image)
    struct.pack_into(form, held, at, *values)
    return bytes(held)


def refused(tmp_path: Path, image: bytes, declared: str = "QCOW2", most: int = MOST) -> str:
    (tmp_path / "image").write_bytes(image)
    with pytest.raises(ImageFailure) as caught:
        validate(str(tmp_path / "image"), declared, most)
    return caught.value.reason


def test_a_plain_qcow2_may_pass(tmp_path: Path, good: bytes) -> None:
    image = validate(str(tmp_path / "good"), "QCOW2", MOST)
    assert (image.format, image.virtual_size) == ("QCOW2", 1 << 20)


def test_qcow2_of_version_2_and_with_extended_l2_may_pass(tmp_path: Path) -> None:
    for name, option in (("two", "compat=0.10"), ("l2", "extended_l2=on,cluster_size=128k")):
        create(tmp_path / name, "-f", "qcow2", "-o", option)
        assert validate(str(tmp_path / name), "QCOW2", MOST).virtual_size == 1 << 20


HEADERS: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("backing file", lambda i: patched(i, 8, ">QI", 200, 11), "a backing file"),
    ("version 4", lambda i: patched(i, 4, ">I", 4), "version 4"),
    ("version 1", lambda i: patched(i, 4, ">I", 1), "version 1"),
    ("aes", lambda i: patched(i, 32, ">I", 1), "encrypted"),
    ("luks inside", lambda i: patched(i, 32, ">I", 2), "encrypted"),
    ("corrupt", lambda i: patched(i, 72, ">Q", 1 << 1), "marked as corrupt"),
    ("data file", lambda i: patched(i, 72, ">Q", 1 << 2), "in another file"),
    ("unknown feature", lambda i: patched(i, 72, ">Q", 1 << 5), "features that are unknown"),
    ("unknown high feature", lambda i: patched(i, 72, ">Q", 1 << 63), "features that are unknown"),
    ("cut header", lambda i: i[:60], "cut off"),
    ("cut v3 header", lambda i: i[:90], "cut off"),
    ("only magic", lambda i: i[:4], "cut off"),
    ("huge clusters", lambda i: patched(i, 20, ">I", 40), "qemu-img refuses it"),
    ("no clusters", lambda i: patched(i, 20, ">I", 0), "qemu-img refuses it"),
    ("huge l1", lambda i: patched(i, 36, ">I", 0x7FFFFFFF), "qemu-img refuses it"),
    ("no size", lambda i: patched(i, 24, ">Q", 0), "it is empty"),
    ("vast", lambda i: patched(i, 24, ">Q", 1 << 62), "qemu-img refuses it"),
]


@pytest.mark.parametrize(("name", "change", "said"), HEADERS, ids=[name for name, *_ in HEADERS])
def test_a_qcow2_header_that_reaches_out_or_makes_no_sense_is_refused(
    tmp_path: Path, good: bytes, name: str, change: Callable[[bytes], bytes], said: str
) -> None:
    assert said in refused(tmp_path, change(good))


@pytest.mark.parametrize(
    ("begin", "declared", "said"),
    [
        (b"KDMV" + bytes(600), "QCOW2", "is VMDK"),
        (b'# Disk DescriptorFile\nRW 2 FLAT "/etc/passwd" 0\n', "QCOW2", "is VMDK"),
        (b'# Disk DescriptorFile\nRW 2 FLAT "/etc/passwd" 0\n', "RAW", "begins like VMDK"),
        (b"conectix" + bytes(600), "RAW", "begins like VHD"),
        (b"vhdxfile" + bytes(600), "RAW", "begins like VHDX"),
        (b"LUKS\xba\xbe" + bytes(600), "RAW", "begins like LUKS"),
        (b"QED\0" + bytes(600), "RAW", "begins like QED"),
        (b"<<< Oracle VM VirtualBox Disk Image >>>", "RAW", "begins like VDI"),
        (b"QFI\xfb" + bytes(600), "RAW", "begins like QCOW2"),
        (b"QFI\xfb" + bytes(600), "ISO", "begins like QCOW2"),
        (b"\x1f\x8b" + bytes(600), "RAW", "begins like gzip"),
        (b"PK\x03\x04" + bytes(600), "RAW", "begins like zip"),
        (b"\x28\xb5\x2f\xfd" + bytes(600), "ISO", "begins like zstd"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(600), "RAW", "begins like 7z"),
        (b"WithoutFreeSpace" + bytes(600), "RAW", "begins like Parallels"),
        (b"WithouFreSpacExt" + bytes(600), "RAW", "begins like Parallels"),
        (b"COWD" + bytes(600), "RAW", "begins like VMDK"),
        (b"!<arch>\ndebian-binary" + bytes(600), "RAW", "begins like ar"),
        (b"hsqs" + bytes(600), "RAW", "begins like squashfs"),
        (b"070701" + bytes(600), "RAW", "begins like cpio"),
        (b"MSWIM\0\0\0" + bytes(600), "RAW", "begins like WIM"),
        (b"disk.raw".ljust(257, b"\0") + b"ustar\x0000" + bytes(600), "RAW", "begins like tar"),
        (b"disk.ovf".ljust(257, b"\0") + b"ustar  \0" + bytes(600), "RAW", "begins like OVA"),
        (b"<!DOCTYPE html><title>login", "QCOW2", "a page of HTML"),
        (b"\n  <HTML>", "QCOW2", "a page of HTML"),
        (b"json:{}", "QCOW2", "no QCOW2 header"),
        (b"", "RAW", "it is empty"),
        (b"", "QCOW2", "no QCOW2 header"),
    ],
)
def test_a_file_that_is_another_format_than_declared_is_refused(
    tmp_path: Path, begin: bytes, declared: str, said: str
) -> None:
    assert said in refused(tmp_path, begin, declared)


def filled(tmp_path: Path, *options: str) -> bytes:
    """A QCOW2 file with 8 MiB of data in it."""
    (tmp_path / "data").write_bytes(random.Random(7).randbytes(8 << 20))
    convert = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", *options]
    subprocess.run([*convert, tmp_path / "data", tmp_path / "filled"], check=True)
    return (tmp_path / "filled").read_bytes()


@pytest.mark.parametrize(
    "options",
    [(), ("-c",), ("-o", "extended_l2=on,cluster_size=128k"), ("-o", "cluster_size=512")],
    ids=" ".join,
)
def test_an_image_that_is_cut_off_is_refused_and_a_whole_one_is_not(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    whole = filled(tmp_path, *options)
    assert validate(str(tmp_path / "filled"), "QCOW2", MOST).virtual_size == 8 << 20
    for share in (0.4, 0.6, 0.9):
        assert "cut off" in refused(tmp_path, whole[: int(len(whole) * share)])


def test_an_l1_table_behind_the_end_is_refused(tmp_path: Path, good: bytes) -> None:
    for offset in (len(good), 1 << 40, 1 << 62):
        assert refused(tmp_path, patched(good, 40, ">Q", offset))


def test_a_table_of_snapshots_behind_the_end_is_refused(tmp_path: Path, good: bytes) -> None:
    one = patched(good, 60, ">I", 5)
    assert "cut off" in refused(tmp_path, patched(one, 64, ">Q", 1 << 45))


def test_many_entries_for_one_table_take_no_time(tmp_path: Path) -> None:
    """4,000 entries of the L1 table name one L2 table: it is read once."""
    create = ["qemu-img", "create", "-q", "-f", "qcow2", str(tmp_path / "large"), "2T"]
    subprocess.run(create, check=True)
    image = bytearray((tmp_path / "large").read_bytes())
    [table] = struct.unpack_from(">Q", image, 40)
    l2 = len(image)
    image += bytes(1 << 16)
    image[table : table + 8 * 4000] = struct.pack(">Q", l2 | 1 << 63) * 4000
    reads: list[int] = []

    class Counted(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            reads.append(size or 0)
            return super().read(size)

    check_whole(Counted(bytes(image)), bytes(image[:512]), len(image))
    assert len(reads) == 2


@given(st.binary(min_size=80, max_size=80))
def test_any_tables_are_either_whole_or_refused(numbers: bytes) -> None:
    image = b"QFI\xfb\0\0\0\3" + numbers + bytes(512)
    try:
        check_whole(io.BytesIO(image), image[:512], len(image))
    except ImageFailure as problem:
        assert problem.reason


def test_an_image_larger_inside_than_the_limit_is_refused(tmp_path: Path, good: bytes) -> None:
    assert "the limit is 1000" in refused(tmp_path, good, most=1000)


def test_a_raw_image_is_as_large_as_its_file(tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(raw())
    assert validate(str(tmp_path / "raw"), "RAW", MOST).virtual_size == 1 << 20


def test_an_iso_that_does_not_look_like_one_is_doubted_not_refused(tmp_path: Path) -> None:
    (tmp_path / "x.iso").write_bytes(bytes(40_000))
    assert validate(str(tmp_path / "x.iso"), "ISO", MOST).warnings
    (tmp_path / "y.iso").write_bytes(bytes(32768) + b"\1CD001\1" + bytes(8000))
    assert not validate(str(tmp_path / "y.iso"), "ISO", MOST).warnings


@given(st.binary(max_size=200))
def test_any_first_bytes_have_some_format(first: bytes) -> None:
    assert format_of(first)
    size = qcow2_size(first)
    assert size is None or first.startswith(b"QFI\xfb")


@given(st.binary(min_size=20, max_size=400))
def test_any_bytes_behind_a_qcow2_magic_pass_or_are_refused(
    tmp_path_factory: pytest.TempPathFactory, tail: bytes
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "image"
    path.write_bytes(b"QFI\xfb" + tail)
    with pytest.raises(ImageFailure):
        validate(str(path), "QCOW2", MOST)
