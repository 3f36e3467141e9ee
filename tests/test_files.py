"""Files that are replaced whole, in directories that are their owner's alone."""

from __future__ import annotations

import os
import stat
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cmk.files import make_directory, name_of, put, read


@pytest.fixture
def open_to_all() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("open_to_all")
def test_no_umask_opens_a_file_or_any_directory_that_was_made_for_it(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b" / "config"
    put(file, "secret")
    assert [mode(place) for place in (file, file.parent, file.parent.parent)] == [
        0o600,
        0o700,
        0o700,
    ]


def test_a_link_of_ones_own_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "config"
    put(real, "old")
    link = tmp_path / "config"
    link.symlink_to("dotfiles/config")
    put(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_a_link_in_a_directory_of_all_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "config").symlink_to(victim)
    put(shared / "config", "new")
    assert victim.read_text() == "mine"
    assert not (shared / "config").is_symlink()
    assert (shared / "config").read_text() == "new"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link to somebody else")
def test_a_link_of_somebody_elses_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    link = tmp_path / "config"
    link.symlink_to(victim)
    os.lchown(link, 4711, 4711)
    put(link, "new")
    assert victim.read_text() == "mine"
    assert link.read_text() == "new"


def test_links_in_a_circle_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        put(tmp_path / "a", "new")


def test_nothing_is_left_beside_a_file_that_could_not_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError):
        put(tmp_path / "taken", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="file"):
        make_directory(tmp_path / "file" / "below")


def test_a_device_without_an_end_is_read_to_a_bound() -> None:
    with pytest.raises(OSError, match="longer than 1 MiB"):
        read("/dev/zero", 1 << 20)


def test_a_pipe_that_nobody_writes_into_is_told_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="nobody writes"):
        read(tmp_path / "pipe")


def test_a_pipe_is_read_to_its_end_however_slow_it_is() -> None:
    ours, theirs = os.pipe()

    def write() -> None:
        os.write(theirs, b"late")
        os.close(theirs)

    writer = threading.Timer(0.2, write)
    writer.start()
    assert read(f"/dev/fd/{ours}") == b"late"
    writer.join()
    os.close(ours)


def test_no_two_places_have_one_name() -> None:
    # Their CRC-32 is the same, and so were their files.
    assert zlib.crc32(b"plumless") == zlib.crc32(b"buckeroo")
    assert name_of("plumless") != name_of("buckeroo")
    assert name_of("a", "b") != name_of("ab") != name_of("a\udc80b")
