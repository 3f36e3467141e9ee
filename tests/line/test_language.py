"""The command language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmk.errors import UsageError
from cmk.line.language import Command, join, parse, split_view
from cmk.line.reading import split

names = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ019", min_size=1, max_size=12)
keys = st.from_regex(r"[a-z][a-z0-9]{0,8}(\[[0-9]\])?(\.[a-zA-Z:.-]{1,8})?", fullmatch=True)
values = st.text(max_size=30)
commands = st.builds(
    Command, st.tuples(names, names) | st.tuples(names), st.dictionaries(keys, values, max_size=5)
)


@given(commands)
def test_parsing_what_was_written_from_a_command_gives_that_command(command: Command) -> None:
    params = [f"{key}={value}" for key, value in command.params.items()]
    assert parse([*command.name, *params]) == command


@given(st.lists(st.text(max_size=20), max_size=6))
def test_splitting_what_was_joined_gives_the_same_words(words: list[str]) -> None:
    line = join(words)
    if not line.lstrip().startswith("#"):
        assert split(line) == words


@given(st.text(max_size=80))
def test_any_line_is_either_words_or_a_usage_error(line: str) -> None:
    try:
        words = split(line)
    except UsageError:
        return
    assert all(isinstance(word, str) for word in words)


@given(st.lists(st.text(max_size=20), max_size=6))
def test_any_words_are_either_a_command_or_a_usage_error(words: list[str]) -> None:
    try:
        command = parse(words)
    except UsageError:
        return
    assert command.name


@pytest.mark.parametrize("line", ["list zones", "listZones", "LIST zones", "List ZONES"])
def test_an_api_is_found_by_verb_and_noun_or_in_one_word_in_any_case(line: str) -> None:
    assert parse(split(line)).api == "listzones"


def test_a_value_keeps_everything_after_the_first_equals_sign() -> None:
    assert parse(["x", "url=http://h/x?a=1&b=2"]).params == {"url": "http://h/x?a=1&b=2"}


def test_quotes_keep_blanks_and_are_not_part_of_the_value() -> None:
    assert parse(split("x name='two words' text=\"a 'b'\"")).params == {
        "name": "two words",
        "text": "a 'b'",
    }


def test_shell_operators_inside_words_are_just_characters() -> None:
    assert parse(split("x password=pa$$w;x name=a>b")).params == {
        "password": "pa$$w;x",
        "name": "a>b",
    }


def test_a_hash_begins_a_comment_only_at_the_start_of_a_line() -> None:
    assert split("  # list zones") == []
    assert split("x url=http://h/#part # no") == ["x", "url=http://h/#part", "#", "no"]


def test_parameter_names_are_lowered_but_keys_inside_maps_are_not() -> None:
    assert parse(["x", "ZoneId=1", "Details.cpuNumber=2"]).params == {
        "zoneid": "1",
        "details.cpuNumber": "2",
    }


def test_a_header_detail_keeps_its_colon_and_case() -> None:
    key = "details[0].HTTP_HEADER:X-Token"
    assert parse(["x", f"{key}=a=b"]).params == {key: "a=b"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "No command"),
        (["a=b"], "No command before 'a=b'"),
        (["list", "zones", "a=b", "stray"], "'stray' is not key=value"),
        (["list", "zones", "a=b", "a=c"], "a is given twice"),
        (["list", "zones", "a b=c"], "'a b'"),
        (["list", "z;nes"], "'list z;nes' is not a command"),
    ],
)
def test_words_that_fit_nowhere_are_named(words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(words)
    assert said in caught.value.message


def test_what_is_for_this_side_is_not_sent_unless_the_api_has_it() -> None:
    params = {"filter": "id, name,", "exclude": "a", "query": " x[] ", "name": "y"}
    sent, view = split_view(params, lambda _: None)
    assert sent == {"name": "y"}
    assert view == {"columns": ("id", "name"), "excluded": ("a",), "query": "x[]"}
    assert split_view(params, lambda key: key == "filter")[0] == {
        "filter": "id, name,",
        "name": "y",
    }


@pytest.mark.parametrize("word", ["filter", "exclude", "query"])
def test_a_view_that_names_nothing_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match=f"{word}= names nothing"):
        split_view({word: " , " if word != "query" else " "}, lambda _: None)
