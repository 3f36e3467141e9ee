"""$NAME in files of lines: values, never more words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmk.errors import UsageError
from cmk.line.reading import split
from cmk.line.variables import Variables, capture_of, said

VARIABLES = Variables({"HOME": "/home/me", "Z": "env"}, {"Z": "a b'c\"d", "empty": ""})


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("x=$Z", ["x=a b'c\"d"]),
        ("x=${Z}y z", ["x=a b'c\"dy", "z"]),
        ('x="$Z $HOME"', ["x=a b'c\"d /home/me"]),
        ("x='$Z'", ["x=$Z"]),
        ("x=\\$Z", ["x=$Z"]),
        ('x="\\$Z"', ["x=$Z"]),
        ("x=$empty y", ["x=", "y"]),
        ("x=$ 5$ $1 $$", ["x=$", "5$", "$1", "$$"]),
    ],
)
def test_a_name_is_its_value_in_one_word(line: str, words: list[str]) -> None:
    assert split(line, VARIABLES.expand) == words


def test_a_name_that_stands_for_nothing_is_told() -> None:
    with pytest.raises(UsageError, match=r"\$NONE stands for nothing") as caught:
        split("x=$NONE", VARIABLES.expand)
    assert "in single quotes" in caught.value.hint


@given(st.text(max_size=20), st.sampled_from(["x=$V", 'x="$V"', "x=${V}"]))
def test_whatever_a_value_holds_it_stays_one_word(value: str, line: str) -> None:
    assert split(line, Variables({}, {"V": value}).expand) == [f"x={value}"]


@given(st.text(max_size=30).filter(lambda text: "$" not in text))
def test_without_a_name_nothing_is_otherwise(text: str) -> None:
    def read(expand: bool) -> list[str] | str:
        try:
            return split(text, VARIABLES.expand if expand else None)
        except UsageError as problem:
            return problem.message

    assert read(True) == read(False)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Z = list zones filter=id\n", ("Z", "list zones filter=id\n")),
        ("list zones", ("", "list zones")),
        ("Z=1 = x", ("", "Z=1 = x")),
        ("'Z' = list zones", ("", "'Z' = list zones")),
        ("Z '=' list zones", ("", "Z '=' list zones")),
        ("", ("", "")),
    ],
)
def test_a_line_may_give_its_answer_a_name(line: str, found: tuple[str, str]) -> None:
    assert capture_of(line) == found


def test_a_name_without_a_line_is_told() -> None:
    with pytest.raises(UsageError, match="Z = names no line"):
        capture_of("Z =\n")


def test_set_is_name_and_value() -> None:
    assert said(("A=1=2", "b=")) == {"A": "1=2", "b": ""}
    for wrong in ("A", "1=2", "=x"):
        with pytest.raises(UsageError, match="is not NAME=VALUE"):
            said((wrong,))
