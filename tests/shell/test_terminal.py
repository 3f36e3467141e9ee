"""The shell in a real terminal: the popup, a slow server, history across shells."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.conftest import Cmk, LabCmk
from tests.management_server import Json, ManagementServer
from tests.terminal import TerminalProgram
from tests.waiting import until

pytestmark = pytest.mark.slow


def test_an_id_is_chosen_by_its_name(lab: LabCmk) -> None:
    shell = TerminalProgram(variables=lab.variables)
    shell.expect("🐵 >")
    shell.type("list hosts zoneid=")
    shell.expect(" lab ")  # the popup, once the names have come
    shell.type("\t")
    shell.expect(lab.zone)
    shell.type("\r")
    shell.expect(f'"zoneid": "{lab.zone}"')
    shell.type("exit\r")
    assert shell.leave() == 0


def test_output_goes_through_the_users_shell(
    lab: LabCmk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shell = TerminalProgram(variables=lab.variables)
    shell.expect("🐵 >")
    shell.type("list zones filter=name -o value | tr a-z A-Z\r")
    shell.expect("\nLAB\r\n")
    shell.expect("🐵 >")
    shell.type("list zones filter=name -o value > 'a zone'\r")
    shell.expect("🐵 >")
    shell.type("list zones |\r")
    shell.expect("'list zones |' is not a command")
    shell.expect("🐵 >")
    shell.type("exit\r")
    shell.leave()
    assert (tmp_path / "a zone").read_text() == "lab\n"


def test_a_server_that_does_not_answer_holds_up_neither_keys_nor_the_end(
    cloud: Cmk, server: ManagementServer
) -> None:
    def slow(params: dict[str, str]) -> Json:
        time.sleep(10)
        return {}

    server.apis["listZones"] = slow
    shell = TerminalProgram(variables=cloud.variables)
    shell.expect("🐵 >")
    shell.type("deploy virtualmachine zoneid=")
    shell.expect("zoneid=")
    until(lambda: server.log, "a question")
    shell.type("x templ")
    shell.expect("templateid=")
    shell.type("\x03")
    shell.expect("🐵 >")
    shell.type("version\r")
    shell.expect("cmk 0")
    shell.expect("🐵 >")
    shell.type("\x04")
    assert shell.leave() == 0
    assert server.commands() == ["listZones"]


def test_lines_are_there_again_after_a_shell_was_killed_but_not_their_secrets(lab: LabCmk) -> None:
    shell = TerminalProgram(variables=lab.variables)
    shell.expect("🐵 >")
    shell.type("list zones filter=name password=s3cret -o value\r")
    shell.expect("🐵 >")
    os.kill(shell.pid, signal.SIGKILL)
    shell.leave()
    state = Path(lab.variables["HOME"]) / ".local/state/cmk"
    assert "s3cret" not in (state / "history").read_text()

    shell = TerminalProgram(variables=lab.variables)
    shell.expect("🐵 >")
    shell.type("\x1b[A")
    shell.expect("password=***")
    shell.type("\x03")
    shell.expect("🐵 >")
    # Not Ctrl-D: between two prompts the terminal itself would take it.
    shell.type("exit\r")
    assert shell.leave() == 0


def test_a_locale_without_the_character_has_a_prompt_in_words(lab: LabCmk) -> None:
    variables = {**lab.variables, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    shell = TerminalProgram(variables=variables)
    shell.expect("cmk >")
    shell.type("exit\r")
    assert shell.leave() == 0


def test_a_terminal_without_a_size_is_neither_paged_nor_warned(lab: LabCmk) -> None:
    told = {**lab.variables, "PAGER": "less", "PROMPT_TOOLKIT_NO_CPR": ""}
    shell = TerminalProgram(variables=told, size=(0, 0))
    shell.expect("🐵 >")
    shell.type("list apis filter=name -o value\r")
    assert "WARNING" not in shell.expect("updateZone")
    shell.expect("🐵 >")
    shell.type("exit\r")
    assert shell.leave() == 0
    assert "WARNING" not in shell.shown
