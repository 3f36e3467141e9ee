"""Lines beside the prompt."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator

import pytest

from cmk.backends import backend_of
from cmk.environment import Environment
from cmk.session.flags import Flags
from cmk.session.session import Session
from cmk.shell.background import Background, BackgroundLine


def session() -> Session:
    return Session(
        Environment(io.StringIO(), io.StringIO(), io.StringIO(), {"CMK_URL": "lab:/nowhere"}),
        Flags(),
        backend_of,
    )


@pytest.fixture
def background() -> Iterator[Background]:
    background = Background(lambda: None)
    yield background
    for line in list(background.lines):
        line.join()
        background.forget(line)


def test_a_line_runs_until_it_ends_and_keeps_what_it_says() -> None:
    go, done = threading.Event(), threading.Event()

    def run(own: Session, line: BackgroundLine) -> int:
        go.wait(10)
        own.environment.stdout.write("data\n")
        own.environment.say("told")
        return 4

    background = Background(done.set)
    line = background.start("list zones ", session(), run)
    assert str(line).startswith("[1] running 0:00  list zones")
    assert background.running() == [line]
    assert background.untold() == []
    go.set()
    line.join()
    assert done.wait(10)
    assert str(line) == "[1] failed (4) 0:00  list zones"
    assert line.said == "data\ntold\n"
    assert background.untold() == [line]
    assert background.untold() == []
    background.forget(line)
    assert background.lines == []


def test_numbers_go_on_while_lines_are_there(background: Background) -> None:
    first = background.start("a", session(), lambda own, line: 0)
    second = background.start("b", session(), lambda own, line: 0)
    first.join()
    second.join()
    background.forget(first)
    assert second.number == 2
    assert background.start("c", session(), lambda own, line: 0).number == 3
    for line in list(background.lines):
        line.join()
        background.forget(line)
    assert background.start("d", session(), lambda own, line: 0).number == 1


def test_exit_in_the_background_ends_nothing_else(background: Background) -> None:
    def leave(own: Session, line: BackgroundLine) -> int:
        raise EOFError

    line = background.start("exit", session(), leave)
    line.join()
    assert (line.status, line.is_running) == (0, False)


def test_nobody_is_asked_anything(background: Background) -> None:
    def ask(own: Session, line: BackgroundLine) -> int:
        assert not own.environment.input_is_terminal
        assert not own.environment.output_is_terminal
        assert own.environment.ask_secret("password: ") == ""
        return 0

    line = background.start("login", session(), ask)
    line.join()
    assert line.status == 0
