"""The popup, typed at through prompt_toolkit's pipe."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from cmk.completion.engine import Values
from cmk.shell.completer import LineCompleter
from cmk.shell.keys import keys
from cmk.shell.tab import Tab
from tests.completion.test_engine import CATALOG, VALUES

COMPLETER = LineCompleter(lambda: CATALOG, lambda: VALUES)
TAB = Tab(COMPLETER, lambda: False)


def typed_at_once(keystrokes: str, tab: Tab = TAB) -> str:
    """The line that comes of these, too fast for any popup."""

    async def line() -> str:
        with create_pipe_input() as pipe, create_app_session(pipe, DummyOutput()):
            session: PromptSession[str] = PromptSession(
                completer=COMPLETER, key_bindings=keys(tab), complete_while_typing=True
            )
            pipe.send_text(keystrokes)
            return await session.prompt_async()

    return asyncio.run(line())


def typed(*keystrokes: str) -> str:
    """The line that comes of these, each typed when the popup for the ones before it is there."""

    async def line() -> str:
        with create_pipe_input() as pipe, create_app_session(pipe, DummyOutput()):
            session: PromptSession[str] = PromptSession(
                completer=COMPLETER, key_bindings=keys(TAB), complete_while_typing=True
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
    assert typed(line, "\t\t\t", " templ") == f"{line}z-2 templ"
    assert typed("list zones ", " ", "id=x") == "list zones  id=x"


def test_tab_goes_through_many_and_enter_takes_the_chosen_one() -> None:
    line = "deploy virtualmachine zoneid="
    assert typed(line, "\t\t\t", "\r") == f"{line}z-2 "


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


@pytest.mark.parametrize(
    ("keystrokes", "line"),
    [
        ("list zonesm\t\r", "list zonesmetrics "),
        ("list zo\t\r", "list zones"),
        ("deploy virtualmachine z\tnor\t\r", "deploy virtualmachine zoneid=z-1 "),
        ("list zones filter=na\t\r", "list zones filter=name"),
        ("dep\tvirtualm\t\r", "deploy virtualmachine "),
        ("help dep\tvirtualm\t\r", "help deploy virtualmachine "),
    ],
)
def test_tab_puts_in_the_one_that_fits_however_fast_it_is_pressed(
    keystrokes: str, line: str
) -> None:
    assert typed_at_once(keystrokes) == line


def test_several_give_their_common_beginning() -> None:
    assert typed_at_once("list virtualmachinesu\t\r\r") == "list virtualmachinesusagehistory "
    assert typed_at_once("list ld\tx\r") == "list ldapx"
    assert typed_at_once("list sys\tx\r") == "list systemvmsx"
    assert (
        typed_at_once("list zones exclude=networkt\t,na\t\r")
        == "list zones exclude=networktype,name"
    )


def test_no_ids_of_this_server_are_offered_where_the_line_goes_to_another() -> None:
    line = "deploy virtualmachine zoneid="
    assert typed_at_once(f"-p prod {line}nor\t\r") == f"-p prod {line}nor"


def test_ids_have_no_beginning_in_common() -> None:
    assert typed_at_once("deploy virtualmachine zoneid=\t\r\r") == "deploy virtualmachine zoneid="


def test_enter_never_runs_what_tab_has_left_without_its_end() -> None:
    assert typed_at_once("list volu\t\r") == "list volumes"
    assert typed_at_once("list ld\t\ru\t\r") == "list ldapusers "
    line = "deploy virtualmachine zoneid=z-1"
    assert typed_at_once("deploy virtualmachine zonei\t\rz-1\r") == line
    assert typed_at_once("depl\t\rvirtualm\t\r") == "deploy virtualmachine "


def test_what_was_not_there_yet_is_waited_for() -> None:
    rows: list[dict[str, Any]] = []

    def wait() -> bool:
        rows.append({"id": "z-9", "name": "late"})
        return True

    late = Values(lambda api: rows if api == "listZones" else [])
    completer = LineCompleter(lambda: CATALOG, lambda: late)
    line = "deploy virtualmachine zoneid="
    assert typed_at_once(f"{line}\ttempl\r", Tab(completer, wait)) == f"{line}z-9 templ"


def test_the_first_tab_puts_in_nothing_of_several_whether_the_popup_is_there_or_not() -> None:
    line = "deploy virtualmachine zoneid="
    assert typed(line, "\t", "z-1") == f"{line}z-1"
    assert typed_at_once(f"{line}\tz-1\r") == f"{line}z-1"
    assert typed_at_once("li\tst zones\r") == "list zones"
    assert typed("li", "\t", "st zones") == "list zones"
