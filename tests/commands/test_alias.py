"""Words of one's own for the beginnings of lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Cmk, LabCmk


def test_an_alias_is_the_beginning_of_a_line_with_flags_and_all(lab: LabCmk) -> None:
    lab.ok("alias", "lz", "list zones filter=name -o value")
    assert lab.ok("lz").out == "lab\n"
    assert lab.ok("lz", "name=nosuch").out == ""
    assert lab.ok("-o", "jsonl", "lz").out == "lab\n"
    assert lab.ok(stdin="lz\nlz name=lab\n").out == "lab\nlab\n"
    rows = lab.ok("alias").json["alias"]
    assert rows == [{"name": "lz", "line": "list zones filter=name -o value"}]
    assert lab.ok("alias", "LZ").json["alias"]["name"] == "lz"


def test_words_of_an_alias_stay_words(lab: LabCmk) -> None:
    lab.ok("alias", "tiny", "list", "so", "name=Tiny Instance", "filter=name")
    assert lab.ok("tiny", "-o", "value").out == "Tiny Instance\n"


def test_an_alias_does_not_stand_for_itself(cmk: Cmk) -> None:
    result = cmk("alias", "a", "a", "b")
    assert (result.status, "stand for itself" in result.err) == (2, True)


def test_an_alias_can_be_taken_away(lab: LabCmk) -> None:
    lab.ok("alias", "lz", "list zones")
    lab.ok("alias", "lz", "")
    assert lab("lz").status == 2
    assert lab("alias", "lz").status == 7


@pytest.mark.parametrize("name", ["list", "set", "a b", "1x", "-x", "täg", "x=1"])
def test_no_alias_takes_the_place_of_a_command(cmk: Cmk, name: str) -> None:
    assert cmk("alias", "--", name, "list zones").status == 2


def test_a_config_file_that_cannot_be_read_does_not_stop_lines_that_need_none(cmk: Cmk) -> None:
    cmk.variables["CMK_CONFIG"] = "/dev/zero"
    assert cmk("version").status == 0


def test_flags_of_an_alias_count_like_those_of_a_line(lab: LabCmk, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("[far]\nurl = lab:/nowhere\n")
    lab.ok("alias", "lp", f"profile list -c {other}")
    assert "far" in lab.ok("lp").out
    lab.ok("alias", "lx", "list nothing --error-format json -o json")
    assert lab("lx").err.startswith('{"error"')


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("-p", "-o", "lv"), "There is no profile '-o'"),
        (("-qp", "lv", "lv"), "There is no profile 'lv'"),
        (("-o", "lv", "lv"), "There is no output format 'lv'"),
    ],
)
def test_a_flags_value_is_no_alias(lab: LabCmk, words: tuple[str, ...], told: str) -> None:
    lab.ok("alias", "lv", "list zones")
    assert told in lab(*words).err


@pytest.mark.parametrize(
    "line",
    [
        ("list zones -s HUNTER2",),
        ("create user username=a password=HUNTER2",),
        ("set", "secretkey", "HUNTER2"),
    ],
)
def test_an_alias_holds_no_secret(cmk: Cmk, line: tuple[str, ...]) -> None:
    result = cmk("alias", "--", "px", *line)
    assert result.status == 2
    assert "HUNTER2" not in result.out + result.err


def test_an_api_in_one_word_is_no_alias_either(cmk: Cmk) -> None:
    assert cmk("alias", "listzones", "destroy virtualmachine").status == 2
