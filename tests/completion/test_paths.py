"""Files that fit what was typed of a path."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmk.completion.paths import paths


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "my disk.qcow2").touch()
    (tmp_path / "image.iso").touch()
    (tmp_path / ".hidden").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", ["image.iso", "images/"]),
        ("ima", ["image.iso", "images/"]),
        ("images/", ["images/my disk.qcow2"]),
        ("~/images/m", ["~/images/my disk.qcow2"]),
        (".h", [".hidden"]),
        ("./im", ["./image.iso", "./images/"]),
        ("nosuch/", []),
        ("image.iso/", []),
        ("x", []),
    ],
)
def test_files_and_directories_that_begin_so(here: Path, typed: str, found: list[str]) -> None:
    assert paths(typed, str(here)) == found


def test_an_absolute_path_stays_one(here: Path) -> None:
    assert paths(f"{here}/image.", "/nowhere") == [f"{here}/image.iso"]
