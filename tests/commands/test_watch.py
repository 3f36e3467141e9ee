"""A line again and again: what it shows, what has changed, what it is not for."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmk.commands.watch import marked
from tests.conftest import Cmk
from tests.management_server import ManagementServer
from tests.terminal import TerminalProgram


@pytest.mark.parametrize(
    ("text", "before", "shown"),
    [
        ("Running", "Running", "Running"),
        ("a 12", "a 13", "a 1\x1b[7m2\x1b[27m"),
        ("new", "", "\x1b[7mnew\x1b[27m"),
        ("abc", "axc", "a\x1b[7mb\x1b[27mc"),
        ("", "gone", ""),
    ],
)
def test_letters_that_have_changed_are_marked(text: str, before: str, shown: str) -> None:
    assert marked(text, before) == shown


@given(st.text("abc ", max_size=10), st.text("abc ", max_size=10))
def test_marks_change_no_letter(text: str, before: str) -> None:
    assert marked(text, before).replace("\x1b[7m", "").replace("\x1b[27m", "") == text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("watch", "start", "vm", "id=x"), "only read"),
        (("watch",), "only read"),
        (("watch", "list", "zones"), "needs a terminal on which"),
    ],
)
def test_it_is_for_reading_in_a_terminal(cloud: Cmk, words: tuple[str, ...], told: str) -> None:
    result = cloud(*words)
    assert result.status == 2
    assert told in result.err


@pytest.mark.slow
def test_it_shows_what_is_there_and_what_goes_wrong_until_ctrl_c(
    cloud: Cmk, server: ManagementServer
) -> None:
    server.rows["zone"] = [{"id": "a", "name": "north"}]
    screen = TerminalProgram("watch", "list", "zones", "--every", "1", variables=cloud.variables)
    screen.expect("Every 1 s: list zones")
    screen.expect("north")
    server.rows["zone"] = [{"id": "a", "name": "south"}]
    screen.expect("south")
    keys, server.keys = server.keys, {}
    screen.expect("cmk: (HTTP 401")
    server.keys = keys
    screen.expect("south")
    time.sleep(0.1)
    screen.type("\x03")
    assert screen.leave() == 0


def test_an_api_that_makes_something_is_not_watched(cloud: Cmk) -> None:
    words = ("get", "uploadparamsforvolume", "name=x", "format=QCOW2")
    assert cloud("watch", *words, terminal=True).status == 2


@pytest.mark.parametrize("calm", [{"TERM": "dumb"}, {"CMK_NO_ANIMATION": "1"}])
def test_it_needs_a_terminal_on_which_things_may_move(cloud: Cmk, calm: dict[str, str]) -> None:
    cloud.variables |= calm
    assert "may move" in cloud("watch", "list", "zones", terminal=True).err
