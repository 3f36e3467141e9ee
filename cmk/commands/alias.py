"""`cmk alias`: words of one's own for the beginnings of lines."""

from __future__ import annotations

import re

from cmk.catalog.index import shipped
from cmk.commands import BUILTINS
from cmk.config.file import Config
from cmk.config.settings import ALIAS
from cmk.errors import NotThere, UsageError
from cmk.line.language import join
from cmk.line.masking import has_secret
from cmk.session.flags import Flags
from cmk.session.session import Session

_NAME = re.compile(r"[A-Za-z][\w-]*\Z", re.ASCII)


def run(session: Session, words: list[str], flags: Flags) -> None:
    """`alias` lists them, `alias NAME LINE…` makes one, `alias NAME ""` takes it away."""
    config = Config.read(session.environment.config_file)
    if not words:
        rows = [
            {"name": name.removeprefix(ALIAS), "line": line}
            for name, line in sorted(config.core.items())
            if name.startswith(ALIAS)
        ]
        session.show({"count": len(rows), "alias": rows}, flags)
        return
    name, line = words[0].lower(), words[1:]
    known = shipped()
    if not _NAME.match(name) or name in BUILTINS or name in known.verbs() or known.get(name):
        raise UsageError(f"'{words[0]}' cannot be an alias: a word that is no command's.")
    kept = config.core.get(f"{ALIAS}{name}")
    if not line:
        if kept is None:
            raise NotThere(f"There is no alias '{name}'.")
        session.show({"alias": {"name": name, "line": kept}}, flags)
        return
    # One word is the line as it was quoted; several are its words.
    text = line[0] if len(line) == 1 else join(line)
    if text.split()[:1] == [name]:
        raise UsageError(f"'{name}' would stand for itself.")
    if has_secret(text):
        raise UsageError("An alias is kept and shown as it is: it cannot hold a secret.")
    config.write("", {f"{ALIAS}{name}": text or None})
    session.environment.say(f"{name} is now: {text}" if text else f"{name} is no alias any more.")
