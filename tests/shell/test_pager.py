"""Output that is longer than the screen, and what turns paging off."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from cmk.environment import Environment
from cmk.shell.pager import Paged, pager_of
from tests.conftest import Terminal


def surroundings(**variables: str) -> Environment:
    told = {"TERM": "xterm", "COLUMNS": "20", "PATH": "/usr/bin:/bin", **variables}
    return Environment(Terminal(), Terminal(), Terminal(), told)


def paged(tmp_path: Path, *texts: str, rows: int = 5) -> tuple[str, str]:
    """What the terminal and what the pager got."""
    environment, file = surroundings(), tmp_path / "pager"
    stream = Paged(environment, f"cat > '{file}'", rows)
    for text in texts:
        stream.write(text)
    stream.finish()
    shown = environment.stdout
    assert isinstance(shown, io.StringIO)
    return shown.getvalue(), file.read_text() if file.exists() else ""


def test_what_fits_the_screen_is_shown_as_it_is(tmp_path: Path) -> None:
    assert paged(tmp_path, "a\n", "b\n", "c\nd\n") == ("a\nb\nc\nd\n", "")


def test_what_is_longer_goes_through_the_pager_from_its_first_line(tmp_path: Path) -> None:
    assert paged(tmp_path, "a\n", "b\nc\n", "d\ne\n", "f\n") == ("", "a\nb\nc\nd\ne\nf\n")


def test_a_long_line_takes_several_rows(tmp_path: Path) -> None:
    assert paged(tmp_path, "x" * 60 + "\n")[1] == ""
    assert paged(tmp_path, "x" * 120 + "\n")[1] == "x" * 120 + "\n"


def test_a_pager_that_was_left_is_a_broken_pipe_and_no_more(tmp_path: Path) -> None:
    stream = Paged(surroundings(), "true", 2)
    with pytest.raises(BrokenPipeError):
        for _ in range(10_000):
            stream.write("a line\n" * 100)
    stream.finish()


@pytest.mark.parametrize(
    ("variables", "setting", "command"),
    [
        ({"PAGER": "less -S"}, "", "less -S"),
        ({"PAGER": "less -S"}, "on", "less -S"),
        ({"PAGER": "less -S"}, "off", ""),
        ({"PAGER": ""}, "", ""),
        ({"PAGER": "cat"}, "", ""),
        ({"PAGER": "nosuchpager -x"}, "", ""),
        ({"PAGER": "LESS=S less"}, "", "LESS=S less"),
        ({"PAGER": "more", "TERM": "dumb"}, "", ""),
    ],
)
def test_the_users_pager_is_taken_unless_it_is_turned_off(
    variables: dict[str, str], setting: str, command: str
) -> None:
    assert pager_of(surroundings(**variables), setting) == command


def test_nothing_is_paged_into_a_pipe() -> None:
    environment = surroundings(PAGER="more")
    environment.stdout = io.StringIO()
    assert pager_of(environment, "") == ""
