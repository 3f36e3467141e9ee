"""What of a line is the user's shell's, and what comes of it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmk.environment import Environment
from cmk.shell.pipeline import run, split


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


def test_a_reader_that_has_enough_is_no_error() -> None:
    assert piped("| head -c 1 >/dev/null", "x" * 1_000_000)[0] == 0
