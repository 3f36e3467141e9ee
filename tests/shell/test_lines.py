"""From the text in the prompt to lines."""

from __future__ import annotations

import shlex
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmk.shell.lines import is_open, lines_of


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("a b", ["a b"]),
        ("a\nb", ["a", "b"]),
        ("a\n\nb\n", ["a", "", "b", ""]),
        ("a \\\nb", ["a b"]),
        ("a\\\nb", ["ab"]),
        ("a 'x\ny' b", ["a 'x\ny' b"]),
        ('a "x\ny\\" z" b', ['a "x\ny\\" z" b']),
        ('a "x\\\ny"', ['a "xy"']),
        ("a 'x\\\ny'", ["a 'x\\\ny'"]),
        ("# don't\nb", ["# don't", "b"]),
        (" # don't\nb 'c'", [" # don't", "b 'c'"]),
        ("a\\\\\nb", ["a\\\\", "b"]),
    ],
)
def test_rows_are_lines_unless_a_quote_or_a_backslash_is_open(text: str, lines: list[str]) -> None:
    assert [line.text for line in lines_of(text)] == lines


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("a", False),
        ("a \\", True),
        ("a \\\\", False),
        ("a 'b", True),
        ('a "b', True),
        ("a 'b\\", True),
        ("a 'b\\'", False),
        ("a 'b'\nc \\", True),
        ("a it\\'s", False),
        ("# it's", False),
        ("", False),
    ],
)
def test_enter_goes_on_where_something_must_follow(text: str, answer: bool) -> None:
    assert is_open(text) is answer


@given(st.text("ab '\"\\\n#=", max_size=40))
def test_lines_are_where_they_say_and_can_be_read(text: str) -> None:
    lines = lines_of(text)
    assert lines[0].start == 0
    assert lines[-1].end == len(text)
    for one, other in pairwise(lines):
        assert text[one.end] == "\n"
        assert other.start == one.end + 1
    for line in lines:
        assert line.text == text[line.start : line.end] or "\\\n" in text
        if not line.is_open and not line.text.lstrip().startswith("#"):
            shlex.split(line.text)
