"""The Tab key in bash (with and without bash-completion), zsh and fish, in a real terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import LabCmk
from tests.screen import Screen

pytestmark = pytest.mark.slow

BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"

#: How each is started, and what it reads before the first line.
SHELLS = {
    "bash": (["bash", "--norc"], "source <(cmk completion bash)"),
    "bash-completion": (["bash", "--norc"], f"source {BASH_COMPLETION}"),
    "zsh": (
        ["zsh", "-f"],
        'fpath=("$HOME/.local/share/zsh/site-functions" $fpath); '
        "autoload -Uz compinit; compinit -u -D",
    ),
    "fish": (["fish"], ""),
}


class Prompt:
    """A user's shell on a lab, which begins each line on an empty screen."""

    def __init__(self, shell: str, lab: LabCmk, screen: Screen) -> None:
        self.shell = shell
        self.lab = lab
        self.screen = screen

    def line(self, text: str, command: str = "cmk") -> None:
        """Leave the line that is there, and begin another with Tab behind it."""
        self.screen.press("C-e", "C-u")
        self.screen.type("clear")
        self.screen.press("Enter")
        self.screen.shows_only("$")
        self.screen.type(f"{command} {text}")
        self.screen.shows(f"{command} {text.rstrip()}")
        self.screen.press("Tab")


@pytest.fixture(params=SHELLS)
def prompt(
    request: pytest.FixtureRequest, lab: LabCmk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Prompt]:
    command, setup = SHELLS[request.param]
    monkeypatch.chdir(tmp_path)
    assert lab.zone  # the lab is there
    lab.ok("completion", request.param.partition("-")[0], "--install")
    (tmp_path / ".config" / "fish").mkdir(parents=True, exist_ok=True)
    (tmp_path / ".config" / "fish" / "config.fish").write_text(
        "function fish_prompt; echo '$ '; end; set -U fish_greeting"
    )
    variables = {
        **lab.variables,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PS1": "$ ",
    }
    screen = Screen(tmp_path, *command, variables=variables)
    screen.type(f"{setup}; PS1='$ '; clear" if command[0] != "fish" else "clear")
    screen.press("Enter")
    screen.shows_only("$")
    yield Prompt(request.param, lab, screen)
    screen.close()


def test_words_parameters_columns_flags_and_profiles(prompt: Prompt) -> None:
    prompt.lab.ok("profile", "add", "north", "url=lab:/nowhere")
    prompt.line("list zon")
    prompt.screen.shows("cmk list zones")
    prompt.screen.type("fil")
    prompt.screen.press("Tab")
    prompt.screen.shows("cmk list zones filter=")
    prompt.screen.type("na")
    prompt.screen.press("Tab")
    prompt.screen.shows("filter=name")
    prompt.screen.type(" -o val")
    prompt.screen.press("Tab")
    prompt.screen.shows("-o value")
    prompt.screen.press("Enter")
    prompt.screen.shows("\nlab\n")
    prompt.line("-p nor")
    prompt.screen.shows("cmk -p north")


def test_an_id_by_its_name(prompt: Prompt) -> None:
    prompt.line("list hosts zoneid=")
    prompt.screen.shows(f"zoneid={prompt.lab.zone}")
    prompt.line("list hosts zoneid=la")
    prompt.screen.shows("zoneid=name:lab")
    prompt.screen.type(" filter=zonename -o value")
    prompt.screen.press("Enter")
    prompt.screen.shows("\nlab\n")


def test_several_ids_are_told_apart_by_their_names(prompt: Prompt) -> None:
    prompt.line("deploy virtualmachine serviceofferingid=")
    prompt.screen.press("Tab")
    prompt.screen.shows("Tiny Instance")
    prompt.screen.shows("1 x 500 MHz, 256 MiB")


def test_what_has_spaces_and_colons_is_quoted(prompt: Prompt, tmp_path: Path) -> None:
    (tmp_path / "my: data").write_text("x")
    prompt.line("deploy virtualmachine userdata=@my")
    prompt.screen.shows(r"userdata=@my:\ data")
    prompt.line("deploy virtualmachine serviceofferingid=Ti")
    prompt.screen.shows(r"serviceofferingid=name:Tiny\ Instance")
    prompt.line('deploy virtualmachine zoneid=x "serviceofferingid=Ti')
    offering = prompt.screen.shows("name:Tiny")
    assert '"serviceofferingid=name:Tiny Instance' in offering or r"Tiny\ Instance" in offering


def test_a_path_to_cmk_and_a_command_before_it_change_nothing(
    prompt: Prompt, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "cmk").symlink_to(Path(sys.executable).with_name("cmk"))
    prompt.line("list zon")  # bash-completion loads by the bare name
    prompt.screen.shows("cmk list zones")
    prompt.line("list zon", "~/bin/cmk")
    prompt.screen.shows("~/bin/cmk list zones")
    if prompt.shell in ("bash-completion", "zsh"):  # the others do not look behind it
        prompt.line("list hosts zoneid=", "nohup cmk")
        prompt.screen.shows(f" zoneid={prompt.lab.zone}")


def test_a_line_of_several_rows_is_completed(prompt: Prompt) -> None:
    if prompt.shell.startswith("bash"):
        return  # it tells the last row only
    prompt.screen.press("C-e", "C-u")
    prompt.screen.type("cmk list hosts \\")
    prompt.screen.press("Enter")
    prompt.screen.type("zoneid=la")
    prompt.screen.press("Tab")
    prompt.screen.shows("zoneid=name:lab")


#: What somebody else may have called a template.
NASTY = (
    "$(touch pwned)",
    "`touch pwned`",
    'a"; touch pwned; "b',
    "it's; touch pwned #",
    "x!!y !$ !touch",
    "[a-z]* {b,c} ~root",
    "a & touch pwned | b > pwned",
    "\\n \\",
)


@pytest.fixture
def named(prompt: Prompt, tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Gives the lab's one template, which two zones have, another name."""
    lab = prompt.lab
    lab.ok(
        "create", "zone", "name=two", "dns1=1.1.1.1", "internaldns1=1.1.1.1", "networktype=Basic"
    )
    (tmp_path / "x.raw").write_bytes(bytes(1 << 20))
    url = f"url=file://{tmp_path}/x.raw"
    words = ("zoneid=-1", "hypervisor=KVM", "format=RAW", "directdownload=true", "name=x", url)
    lab.ok("register", "template", *words)

    def rename(name: str) -> None:
        with lab.database() as db:
            db.execute(
                "UPDATE vm_template SET name = ?, display_text = ?", (name, f"{name}\n{name}")
            )
        for kept in (tmp_path / ".cache" / "cmk").glob("names-*"):
            kept.unlink()

    yield rename


def test_a_name_is_put_in_as_a_word_and_never_run(
    prompt: Prompt, named: Callable[[str], None], tmp_path: Path
) -> None:
    for name in NASTY:
        named(name)
        prompt.line("list templates templatefilter=all filter=name -o jsonl name=")
        prompt.screen.press("Tab")
        prompt.screen.press("Enter")
        prompt.screen.shows(json.dumps({"name": name}, separators=(",", ":"), ensure_ascii=False))
        prompt.line("list templates templatefilter=all filter=name -o jsonl id=")
        prompt.screen.press("Tab")
        prompt.screen.press("Enter")
        prompt.screen.shows(json.dumps({"name": name}, separators=(",", ":"), ensure_ascii=False))
        assert not (tmp_path / "pwned").exists(), name


def test_what_no_line_can_show_is_left_out(
    prompt: Prompt, named: Callable[[str], None], tmp_path: Path
) -> None:
    for name in ("a\ntouch pwned\n", "tab\there", "\u202eevil", "\x1b]0;title\x07"):
        named(name)
        prompt.line("list templates templatefilter=all name=")
        prompt.screen.press("Tab")
        prompt.screen.type("x")
        prompt.screen.shows("name=x")
        assert not (tmp_path / "pwned").exists(), name
