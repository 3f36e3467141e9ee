"""What of a line is the user's shell's, and what comes of it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmk.environment import Environment
from cmk.errors import UsageError
from cmk.shell.pipeline import check, run, split


@pytest.mark.parametrize(
    ("line", "own", "rest"),
    [
        ("list zones", "list zones", ""),
        ("list vms | grep x | wc -l", "list vms ", "| grep x | wc -l"),
        ("list vms > file", "list vms ", "> file"),
        ("list vms >> 'a file'", "list vms ", ">> 'a file'"),
        ("register iso url=http://h/x?a=1&b=2 name=a>b", None, ""),
        ("create user password=pa$$w;x", None, ""),
        ("list vms name='a | b'", None, ""),
        ('list vms name="a > b', None, ""),
        ('list vms name="a \\" | b"', None, ""),
        ("list vms name=a\\ |", None, ""),
        ("list vms name=a|b", None, ""),
        ("list vms '|'", None, ""),
        ("list vms >file", None, ""),
        ("list vms |", None, ""),
        ("list vms > ", None, ""),
    ],
)
def test_only_an_operator_that_stands_free_is_one(line: str, own: str | None, rest: str) -> None:
    assert split(line) == (line if own is None else own, rest)


@given(st.text("ab '\"\\|>=", max_size=30))
def test_no_character_of_a_line_is_lost(line: str) -> None:
    assert "".join(split(line)) == line


def piped(rest: str, text: str, status: int = 0) -> tuple[int, str, Environment]:
    stdout = io.StringIO()
    environment = Environment(io.StringIO(), stdout, io.StringIO(), {})

    def run_line(line: str) -> int:
        assert not environment.output_is_terminal
        environment.stdout.write(text)
        environment.stdout.flush()
        return status

    result = run(environment, "list zones ", rest, run_line)
    assert environment.stdout is stdout
    return result, stdout.getvalue(), environment


def test_output_goes_to_a_file_and_more_behind_it(tmp_path: Path) -> None:
    file = tmp_path / "a file"
    assert piped(f"> '{file}'", "ö\n")[0] == 0
    assert piped(f">> '{file}'", "two\n")[0] == 0
    assert file.read_text(encoding="utf-8") == "ö\ntwo\n"


def test_the_status_is_that_of_the_first_that_failed() -> None:
    assert piped("| grep -q x", "x\n")[0] == 0
    assert piped("| grep -q x", "y\n")[0] == 1
    assert piped("| cat >/dev/null", "", status=4)[0] == 4
    assert piped("| exit 7", "", status=4)[0] == 4


def test_the_status_of_a_reader_that_was_killed_is_a_shells() -> None:
    assert piped("| kill -9 $$", "")[0] == 137


def test_what_the_users_shell_cannot_be_given_is_said() -> None:
    with pytest.raises(UsageError, match="Your shell cannot run that"):
        piped("| a\0b", "")


def test_text_that_no_encoding_has_goes_on_as_it_is_shown(tmp_path: Path) -> None:
    assert piped(f"> {tmp_path / 'f'}", "sur\ud800rogate\n")[0] == 0
    assert (tmp_path / "f").read_text() == "sur\\ud800rogate\n"


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("list zones && list pods", "&&"),
        ("list zones || list pods", "||"),
        ("list zones; list pods", "zones;"),
        ("list zones ; list pods", ";"),
        ("list zones >out", ">out"),
        ("list zones >>out", ">>out"),
        ("list zones 2>/dev/null", "2>/dev/null"),
        ("list zones 2>&1 | cat", "2>&1"),
        ("list zones <in", "<in"),
        ("list zones |grep x", "|grep"),
        ("list zones &>out", "&>out"),
        ("list zones # why", "#"),
    ],
)
def test_operators_of_shells_are_told_apart_from_ours(line: str, word: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(line)
    assert caught.value.message == f"'{word}' is no operator here."


@pytest.mark.parametrize(
    "line",
    [
        "list zones | grep a && b > c 2>&1",
        "register iso url=http://h/x?a=1&b=2 name=a>b",
        "create user password=pa$$w;x",
        "list zones name='>x' query='a[?b>`1`]'",
        "list zones query=a[?b>1]",
        "list zones",
    ],
)
def test_values_with_the_same_characters_are_left_alone(line: str) -> None:
    check(line)


def test_a_reader_that_has_enough_is_no_error() -> None:
    assert piped("| head -c 1 >/dev/null", "x" * 1_000_000)[0] == 0
