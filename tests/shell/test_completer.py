"""The popup, typed at through prompt_toolkit's pipe."""

from __future__ import annotations

import asyncio

from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from cmk.shell.completer import LineCompleter
from cmk.shell.keys import keys
from tests.completion.test_engine import CATALOG, VALUES

COMPLETER = LineCompleter(lambda: CATALOG, lambda: VALUES)


def typed(*keystrokes: str) -> str:
    """The line that comes of these, each typed when the popup for the ones before it is there."""

    async def line() -> str:
        with create_pipe_input() as pipe, create_app_session(pipe, DummyOutput()):
            session: PromptSession[str] = PromptSession(
                completer=COMPLETER, key_bindings=keys(), complete_while_typing=True
            )
            reading = asyncio.ensure_future(session.prompt_async())
            for stroke in keystrokes:
                pipe.send_text(stroke)
                while not (reading.done() or session.default_buffer.complete_state):
                    await asyncio.sleep(0.01)
            pipe.send_text("\r")
            return await reading

    return asyncio.run(line())


def test_tab_puts_in_the_id_of_the_only_name() -> None:
    line = "deploy virtualmachine zoneid="
    assert typed(f"{line}nor", "\ttempl") == f"{line}z-1 templ"


def test_a_space_by_habit_behind_what_was_put_in_is_left_out() -> None:
    line = "deploy virtualmachine zoneid="
    assert typed(f"{line}nor", "\t", " templ") == f"{line}z-1 templ"
    assert typed(line, "\t\t", " templ") == f"{line}z-2 templ"
    assert typed("list zones ", " ", "id=x") == "list zones  id=x"


def test_tab_goes_through_many_and_enter_takes_the_chosen_one() -> None:
    line = "deploy virtualmachine zoneid="
    assert typed(line, "\t\t", "\r") == f"{line}z-2 "


def test_a_name_is_completed_with_a_space_and_a_parameter_without() -> None:
    def put_in(text: str) -> str:
        return next(COMPLETER.get_completions(Document(text), CompleteEvent())).text

    assert put_in("depl") == "deploy "
    assert put_in("deploy virtualmachine zonei") == "zoneid="
    assert put_in("disable account account='ops t") == "account='ops team' "


def test_a_line_that_is_complete_is_left_alone() -> None:
    line = "create user password='pa$$w;x' url=http://h/x?a=1&b=2"
    assert typed(f"{line} \r") == f"{line} "


def test_what_goes_through_the_users_shell_completes_only_to_files_behind_an_arrow() -> None:
    def offered(text: str) -> list[str]:
        return [c.text for c in COMPLETER.get_completions(Document(text), CompleteEvent())]

    assert offered("list zones | gre") == []
    assert offered("list zones > img") == ["img.qcow2 ", "img/", "img/x "]
    assert offered("list zones >> img.") == ["img.qcow2 "]
    assert "filter=" in offered("list zones name='|' fil")
