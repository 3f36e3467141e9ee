"""Words of one's own for the beginnings of lines."""

from __future__ import annotations

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
