"""The lines that were typed, in a file of the user's own, without the secrets in them."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit.history import FileHistory

from cmk import language
from cmk.credentials import SECRETS, is_secret
from cmk.errors import UsageError

#: Flags whose next word is a secret.
_SECRET_FLAGS = ("-k", "--apikey", "-s", "--secretkey")


def kept(line: str) -> str:
    """A line as it may be remembered: secrets are `***`; "" where it must not be.

    A leading space keeps a line out, as in the shells; so does quoting that cannot be read, since
    nobody can tell what is secret in it.
    """
    if line[:1].isspace():
        return ""
    try:
        words = language.split(line)
    except UsageError:
        return ""
    masked = [_masked(words, place) for place in range(len(words))]
    return line if masked == words else shlex.join(masked).replace("'***'", "***")


def _masked(words: list[str], place: int) -> str:
    word = words[place]
    before = words[place - 1] if place else ""
    if before in _SECRET_FLAGS or (words[0] == "set" and place == 2 and before in SECRETS):
        return "***"
    name, equals, value = word.partition("=")
    if equals and (is_secret(name) or re.match(r"\w+://[^/]*@", value)):
        return f"{name}=***"
    return word


class History(FileHistory):
    """prompt_toolkit's history file (lines behind `+`), 0600 from its first byte.

    Where the file cannot be read or written the shell goes on without; `problem` says why.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.problem = ""
        super().__init__(str(file))

    def load_history_strings(self) -> Iterable[str]:
        """The lines of earlier shells, the newest first."""
        try:
            return list(super().load_history_strings())
        except OSError as problem:
            self.problem = problem.strerror or str(problem)
            return []

    def store_string(self, string: str) -> None:
        """Append what may be kept of a line; the line itself stays in this shell's memory only."""
        line = kept(string)
        if not line:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(self._file, os.O_WRONLY | os.O_CREAT, 0o600))
            self._file.chmod(0o600)
            super().store_string(line)
        except OSError as problem:
            self.problem = problem.strerror or str(problem)
