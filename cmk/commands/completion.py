"""`cmk completion SHELL`: the script that teaches a shell to ask cmk what fits."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import NamedTuple

import cmk
from cmk.environment import Environment
from cmk.errors import CmkError, UsageError
from cmk.files import put
from cmk.session.flags import Flags
from cmk.session.session import Session


class Script(NamedTuple):
    """A shell's script: its file, where the shell looks for such, and what else is to be done."""

    file: str
    place: str
    hint: str


#: `{data}` and `{config}` are the user's directories (XDG), `{file}` is what was written.
SCRIPTS = {
    "bash": Script(
        "cmk.bash",
        "{data}/bash-completion/completions/cmk",
        "bash-completion finds it in every new shell; without that package, add this line to "
        "~/.bashrc:\n  source {file}",
    ),
    "zsh": Script(
        "_cmk",
        "{data}/zsh/site-functions/_cmk",
        "Add this to ~/.zshrc (the second line once, if it is there already):\n"
        "  fpath=({directory} $fpath)\n  autoload -Uz compinit && compinit",
    ),
    "fish": Script("cmk.fish", "{config}/fish/completions/cmk.fish", "Every new fish has it."),
}


def run(session: Session, words: list[str], flags: Flags) -> None:
    """`completion bash|zsh|fish [--install]`."""
    script = SCRIPTS.get(words[0].lower()) if len(words) == 1 else None
    if script is None:
        raise UsageError(f"It is completion {'|'.join(SCRIPTS)} [--install].")
    text = _text_of(script)
    if flags.install:
        file = _install(script, text, session.environment)
        told = script.hint.format(file=quote(str(file)), directory=quote(str(file.parent)))
        session.environment.say(f"Installed {file}.\n{told}")
    else:
        session.environment.stdout.write(text)


def _text_of(script: Script) -> str:
    """From the installed package, or from the checkout that it is."""
    package = Path(cmk.__file__).parent
    installed = package / "completions" / script.file
    file = installed if installed.exists() else package.parent / "completions" / script.file
    return file.read_text("utf-8")


def _install(script: Script, text: str, environment: Environment) -> Path:
    file = Path(script.place.format(data=environment.data_home, config=environment.config_home))
    try:
        put(file, text, 0o644)
    except OSError as problem:
        raise CmkError(f"Cannot write {file}: {problem.strerror}.") from None
    return file
