"""Signs of life: nothing for what is quick, a line that goes away again for what is not."""

from __future__ import annotations

import io
import time

import pytest

from cmk.environment import Environment
from cmk.session.spinner import Spinner, waiting
from tests.conftest import Terminal


def terminal(**variables: str) -> Environment:
    return Environment(Terminal("secret\n"), Terminal(), Terminal(), variables)


def shown(environment: Environment) -> str:
    stream = environment.stderr
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()


def test_what_is_quick_shows_nothing() -> None:
    there = terminal()
    with waiting(there, "list zones"):
        pass
    assert shown(there) == ""
    assert there.spinner is None


def test_what_is_slow_is_told_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Spinner, "AFTER", 0.01)
    monkeypatch.setattr(Spinner, "EVERY", 0.01)
    there = terminal()
    with waiting(there, "list zones"):
        time.sleep(0.1)
    assert "\r\x1b[K| list zones  0:00\r\x1b[K/ list zones  0:00" in shown(there)
    assert shown(there).endswith("\r\x1b[K")


def test_what_is_said_meanwhile_has_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Spinner, "AFTER", 0.01)
    there = terminal()
    with waiting(there, "list zones"):
        time.sleep(0.05)
        there.say("Trying again.")
    assert "\r\x1b[KTrying again.\n" in shown(there)


def test_a_question_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Spinner, "AFTER", 0.01)
    there = terminal()
    with waiting(there, "list zones"):
        time.sleep(0.05)
        assert there.ask_secret("apikey: ") == "secret"
        time.sleep(0.1)
    assert shown(there).endswith("\r\x1b[Kapikey: ")


def test_nothing_moves_for_a_screen_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cmk.session.progress.SpokenBar.EVERY", 0.02)
    there = terminal(CMK_NO_ANIMATION="1")
    with waiting(there, "list zones"):
        time.sleep(0.1)
    assert shown(there).startswith("list zones  0:00\n")
    assert "\x1b" not in shown(there)


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_nobody_sees_one_in_a_pipe_or_where_it_is_to_be_quiet(
    stream: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Spinner, "AFTER", 0.01)
    quiet = {"CMK_QUIET": "1"} if stream is Terminal else {}
    there = Environment(stream(), stream(), stream(), quiet)
    with waiting(there, "list zones"):
        time.sleep(0.05)
    assert shown(there) == ""
