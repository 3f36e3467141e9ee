"""`cmk completion`: the scripts are printed, and put where each shell looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Cmk

SCRIPTS = Path(__file__).parents[2] / "completions"

PLACES = {
    "bash": ("cmk.bash", ".local/share/bash-completion/completions/cmk"),
    "zsh": ("_cmk", ".local/share/zsh/site-functions/_cmk"),
    "fish": ("cmk.fish", ".config/fish/completions/cmk.fish"),
}


@pytest.mark.parametrize("shell", PLACES)
def test_the_script_is_printed(shell: str, cmk: Cmk) -> None:
    assert cmk.ok("completion", shell).out == (SCRIPTS / PLACES[shell][0]).read_text()


@pytest.mark.parametrize("shell", PLACES)
def test_the_script_is_put_where_the_shell_looks(shell: str, cmk: Cmk, tmp_path: Path) -> None:
    script, place = PLACES[shell]
    for _ in range(2):
        result = cmk.ok("completion", shell, "--install")
        assert result.out == ""
        assert result.err.startswith(f"Installed {tmp_path / place}.\n")
    assert (tmp_path / place).read_text() == (SCRIPTS / script).read_text()
    assert len(list((tmp_path / place).parent.iterdir())) == 1


def test_a_directory_of_the_users_choice_is_used(cmk: Cmk, tmp_path: Path) -> None:
    cmk.variables["XDG_CONFIG_HOME"] = str(tmp_path / "there")
    cmk.ok("completion", "fish", "--install")
    assert (tmp_path / "there/fish/completions/cmk.fish").exists()


def test_where_it_cannot_be_written_is_said(cmk: Cmk, tmp_path: Path) -> None:
    (tmp_path / ".config").write_text("a file")
    result = cmk("completion", "fish", "--install")
    assert (result.status, result.err) == (
        1,
        f"cmk: Cannot write {tmp_path}/.config/fish/completions/cmk.fish: Not a directory.\n",
    )


@pytest.mark.parametrize("words", [[], ["tcsh"], ["bash", "zsh"]])
def test_another_shell_is_refused(words: list[str], cmk: Cmk) -> None:
    result = cmk("completion", *words)
    assert result.status == 2
    assert "completion bash|zsh|fish" in result.err
