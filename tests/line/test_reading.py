"""From text to lines and words, in one way for scripts, the shell and completion."""

from __future__ import annotations

import shlex
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cmk.errors import UsageError
from cmk.line.reading import lines_of, read, split, words_of

TEXT = st.text("ab '\"\\\n#=|é", max_size=40)


def shown(text: str) -> list[list[str]]:
    return [[word.text for word in line.words] for line in read(text)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [[]]),
        ("a b", [["a", "b"]]),
        ("a\nb", [["a"], ["b"]]),
        ("a\n\nb\n", [["a"], [], ["b"], []]),
        ("a \\\nb", [["a", "b"]]),
        ("a\\\nb", [["ab"]]),
        ("a 'x\ny' b", [["a", "x\ny", "b"]]),
        ('a "x\ny\\" z" b', [["a", 'x\ny" z', "b"]]),
        ('a "x\\\ny"', [["a", "xy"]]),
        ("a 'x\\\ny'", [["a", "x\\\ny"]]),
        ("# don't\nb", [[], ["b"]]),
        (" # don't\nb 'c'", [[], ["b", "c"]]),
        ("# goes on \\\nb", [[], ["b"]]),
        ("a # b", [["a", "#", "b"]]),
        ("a\\\\\nb", [["a\\"], ["b"]]),
        ("a '' b", [["a", "", "b"]]),
    ],
)
def test_rows_are_lines_unless_a_quote_or_a_backslash_is_open(
    text: str, lines: list[list[str]]
) -> None:
    assert shown(text) == lines


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a", ""),
        ("a \\", "\\"),
        ("a \\\\", ""),
        ("a 'b", "'"),
        ('a "b', '"'),
        ("a 'b\\", "'"),
        ("a 'b\\'", ""),
        ("a 'b'\nc \\", "\\"),
        ("a it\\'s", ""),
        ("# it's", ""),
        ("# a \\", ""),
        ("", ""),
    ],
)
def test_what_must_follow_is_told(text: str, what: str) -> None:
    assert read(text)[-1].unfinished == what


@given(TEXT)
def test_lines_and_words_are_where_they_say(text: str) -> None:
    lines = read(text)
    assert lines[0].start == 0
    assert lines[-1].end == len(text)
    for one, other in pairwise(lines):
        assert text[one.end] == "\n"
        assert other.start == one.end + 1
    for line in lines:
        for word in line.words:
            assert line.start <= word.start <= word.end <= line.end
            assert text[word.start : word.end] == word.raw


@given(TEXT | st.text(max_size=60))
def test_words_are_those_of_shlex(text: str) -> None:
    assume("\\\n" not in text)  # which shlex keeps, and a shell takes out
    assume(not any(row.lstrip(" \t\r").startswith("#") for row in text.split("\n")))
    try:
        words = shlex.split(text)
    except ValueError:
        with pytest.raises(UsageError):
            split(text)
        return
    assert split(text) == words


@given(TEXT)
def test_a_stream_of_rows_has_the_lines_of_the_whole_text(text: str) -> None:
    text = text.replace("\r", "").rstrip("\\")
    found = [split(line) for _, line in lines_of(text.splitlines(keepends=True)) if whole(line)]
    assert (
        found == [[w.text for w in line.words] for line in read(text) if line.words][: len(found)]
    )


def whole(line: str) -> bool:
    return not read(line)[-1].unfinished


def test_lines_come_as_soon_as_they_are_whole_with_the_numbers_of_their_first_rows() -> None:
    rows = iter(["# remark \\\n", "list \\\n", "  zones\n", "\n", "x 'a\r\n", "b'\r\n", "last"])
    lines = lines_of(rows)
    assert next(lines) == (2, "list \\\n  zones\n")
    assert next(rows) == "\n"
    rest = [(number, split(line)) for number, line in lines]
    assert rest == [(4, ["x", "a\nb"]), (6, ["last"])]  # the row that was taken away is not counted


def test_an_open_quote_is_said_with_the_line_that_it_begins_in() -> None:
    [(number, line)] = lines_of(["\n", "list zones name='lab\n", "list pods\n"])
    assert number == 2
    with pytest.raises(UsageError, match="a quote is not closed"):
        split(line)


def test_a_backslash_at_the_end_of_one_line_is_said() -> None:
    with pytest.raises(UsageError, match="it ends in a backslash"):
        split("list zones \\")


def test_a_quote_over_many_rows_is_read_in_one_go() -> None:
    rows = ["x 'a\n", *("b\n" for _ in range(20_000)), "'\n"]
    [(_, line)] = lines_of(rows)
    assert len(words_of(line)) == 2
