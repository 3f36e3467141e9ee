"""The store: made once, changed whole or not at all, and honest about a file it cannot use."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmk.errors import ConfigurationError
from cmk.lab.nouns.deployment import _NAME
from cmk.lab.store import MIGRATIONS, Store, new_uuid, now
from cmk.line.arguments import UUID
from tests.conftest import LabCmk


@contextmanager
def made(path: Path) -> Iterator[Store]:
    with closing(Store.open(path, nullcontext, lambda store: None)) as store:
        yield store


def test_a_new_store_has_the_newest_version_and_foreign_keys(tmp_path: Path) -> None:
    with made(tmp_path / "lab.db") as store:
        assert store.version == len(MIGRATIONS)
        assert store.value("PRAGMA journal_mode") == "wal"
        with pytest.raises(sqlite3.IntegrityError):
            store.insert("cluster", uuid="x", name="x", pod_id=99)


def test_a_change_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with made(tmp_path / "lab.db") as store:
        with pytest.raises(RuntimeError), store.change():
            store.insert("domain", uuid="a", name="a", path="/a")
            with store.change():
                store.insert("domain", uuid="b", name="b", path="/b")
            raise RuntimeError
        assert store.rows("SELECT * FROM domain") == []


def test_the_seed_is_part_of_the_making(tmp_path: Path) -> None:
    def broken(store: Store) -> None:
        raise RuntimeError("no power")

    with pytest.raises(RuntimeError):
        Store.open(tmp_path / "lab.db", nullcontext, broken)
    with made(tmp_path / "lab.db") as store:
        assert store.version == len(MIGRATIONS)


def test_a_store_of_a_newer_cmk_is_refused(lab: LabCmk) -> None:
    lab.ok("list", "zones")
    with lab.database() as db:
        db.execute("PRAGMA user_version = 99")
    result = lab("list", "zones")
    assert result.status == 6
    assert "made by a newer cmk (version 99" in result.err
    with lab.database() as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


@pytest.mark.parametrize("size", [100, 100_000])
def test_a_damaged_store_is_refused_with_what_to_do(lab: LabCmk, size: int) -> None:
    lab.ok("list", "zones")
    for name in ("lab.db-wal", "lab.db-shm"):
        (lab.directory / name).unlink(missing_ok=True)
    (lab.directory / "lab.db").write_bytes(b"not a database " * (size // 15))
    result = lab("list", "zones")
    assert result.status == 6
    assert "is damaged" in result.err
    assert "cmk lab destroy" in result.err


def test_a_store_that_cannot_be_opened_is_refused(lab: LabCmk) -> None:
    lab.ok("list", "zones")
    (lab.directory / "lab.db").unlink()
    (lab.directory / "lab.db").mkdir()
    result = lab("list", "zones")
    (lab.directory / "lab.db").rmdir()
    assert result.status == 6
    assert "cannot be opened" in result.err


def test_a_store_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with made(tmp_path / "lab.db") as store:
        store._db.execute("PRAGMA query_only = 1")  # root may write anything
        with pytest.raises(ConfigurationError, match="cannot be written"):
            store.insert("domain", uuid="a", name="a", path="/a")


def test_the_labs_files_are_for_its_owner_only(lab: LabCmk) -> None:
    lab.ok("list", "zones")
    assert oct(lab.directory.stat().st_mode & 0o777) == "0o700"


def test_lab_destroy_keeps_what_is_not_the_labs(lab: LabCmk) -> None:
    lab.ok("list", "zones")
    (lab.directory / "letter.txt").write_text("mine")
    lab.ok("lab", "destroy")
    assert [path.name for path in lab.directory.iterdir()] == ["letter.txt"]
    (lab.directory / "letter.txt").unlink()


def test_lab_destroy_asks_in_a_terminal(lab: LabCmk) -> None:
    lab.ok("list", "zones")
    assert lab("lab", "destroy", stdin="n\n", terminal=True).status == 1
    assert (lab.directory / "lab.db").exists()
    assert lab("lab", "destroy", stdin="y\n", terminal=True).status == 0
    assert not lab.directory.exists()


def test_times_are_written_as_cloudstack_writes_them() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000", now())


def test_ids_are_uuids() -> None:
    assert UUID.match(new_uuid())


@given(st.text(max_size=70))
def test_a_vms_name_is_a_host_name_or_refused(text: str) -> None:
    good = (
        0 < len(text) < 64
        and text.isascii()
        and text[0].isalpha()
        and text[-1] != "-"
        and all(c.isalnum() or c == "-" for c in text)
    )
    assert bool(_NAME.match(text)) == good


def test_the_store_is_for_its_owner_only_also_in_an_open_directory(lab: LabCmk) -> None:
    lab.directory.mkdir(mode=0o755, exist_ok=True)
    lab.directory.chmod(0o755)
    lab.ok("list", "zones")
    for path in lab.directory.glob("lab.db*"):
        assert not path.stat().st_mode & 0o077, path
