"""Where completion is asked for, and how a candidate is written there."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cmk.completion.place import place_of


@pytest.mark.parametrize(
    ("text", "before", "word"),
    [
        ("", (), ""),
        ("a", (), "a"),
        ("a b", ("a",), "b"),
        ("a b ", ("a", "b"), ""),
        ("a\nb", ("a",), "b"),
        ("a 'b c", ("a",), "b c"),
        ('a "b \\" c', ("a",), 'b " c'),
        ('a "b \\c', ("a",), "b \\c"),
        ("a b\\ c", ("a",), "b c"),
        ("a\\", (), "a"),
        ("a '' b", ("a", ""), "b"),
        ("a ''", ("a",), ""),
        ("name='x y'z", (), "name=x yz"),
        ("a \\\n b", ("a",), "b"),
        ("a \\\nb", ("a",), "b"),
    ],
)
def test_words_are_split_as_the_line_will_be(text: str, before: tuple[str], word: str) -> None:
    place = place_of(text)
    assert (place.before, place.word) == (before, word)


@pytest.mark.parametrize(
    ("text", "part", "chosen", "written"),
    [
        ("list zon", "zon", "zones", "zones"),
        ("list ZON", "ZON", "zones", "zones"),
        ("zoneid=", "", "z-1", "zoneid=z-1"),
        ("zoneid=nor", "nor", "z-1", "zoneid=z-1"),
        ("ids=a,no", "no", "b", "ids=a,b"),
        ("name=", "", "my vm", r"name=my\ vm"),
        ("name=my", "my", "my vm", r"name=my\ vm"),
        ("name='my v", "my v", "my vm", "name='my vm"),
        ("name='", "", "it's", "name='it'\\''s"),
        ('name="', "", 'a "b" \\', r'name="a \"b\" \\'),
        ('"name=my', "my", "my vm", '"name=my vm'),
        (r"name=my\ v", "my v", "my vm", r"name=my\ vm"),
        (r"name=my\ v", "my v", "your vm", r"name=your\ vm"),
        ("file=~/i", "~/i", "~/img", "file=~/img"),
        ("name=", "", "a;b|c&d$e", r"name=a\;b\|c\&d\$e"),
    ],
)
def test_what_was_chosen_is_quoted_as_the_word_was_begun(
    text: str, part: str, chosen: str, written: str
) -> None:
    assert place_of(text).written(part, chosen) == written


PRINTABLE = st.text(
    st.characters(exclude_categories=["C", "Z"], include_characters=" "), max_size=20
)


@given(st.sampled_from(["name=", "name='", 'name="', "name=x", "'name=a b", "n\\ ame="]), PRINTABLE)
def test_what_is_written_is_read_as_what_was_chosen(begun: str, chosen: str) -> None:
    place = place_of(begun)
    line = place.written("", chosen) + place.quote
    assert shlex.split(line) == [place.word + chosen]


@given(st.text(max_size=60))
def test_complete_words_are_those_of_the_language(text: str) -> None:
    try:
        words = shlex.split(text)
    except ValueError:
        assume(False)
    place = place_of(f"{text} ")
    assume(not text.endswith("\\") and "\\\n" not in text)
    assume(not any(row.lstrip().startswith("#") for row in text.split("\n")))  # remarks
    assert list(place.before) == words
