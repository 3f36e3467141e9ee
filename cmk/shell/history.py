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
from cmk.errors import CmkError, UsageError
from cmk.shell.lines import lines_of

#: Flags whose next word is a secret.
_SECRET_FLAGS = ("-k", "--apikey", "-s", "--secretkey")

#: `!12` and `!!`: what stands for another line, and is remembered as that.
RECALLED = re.compile(r"!(\d+|!)\s*\Z")


def kept(text: str) -> str:
    """Lines as they may be remembered: secrets are `***`; "" where they must not be.

    A leading space keeps them out, as in the shells; so does quoting that cannot be read, since
    nobody can tell what is secret in it.
    """
    if text[:1].isspace() or RECALLED.match(text):
        return ""
    rows = [_kept(line.text, text[line.start : line.end]) for line in lines_of(text)]
    return "" if None in rows else "\n".join(row or "" for row in rows)


def _kept(line: str, written: str) -> str | None:
    """A line as it was written where it has no secret; None where it cannot be read."""
    try:
        words = language.split(line)
    except UsageError:
        return None
    masked = [_masked(words, place) for place in range(len(words))]
    return written if masked == words else shlex.join(masked).replace("'***'", "***")


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
        #: What this shell knows of the lines that are kept without their secrets.
        self._whole: dict[str, str] = {}
        self.problem = ""
        self.is_new = not file.exists()
        super().__init__(str(file))

    def load_history_strings(self) -> Iterable[str]:
        """The lines of earlier shells, the newest first."""
        try:
            return list(super().load_history_strings())
        except OSError as problem:
            self.problem = problem.strerror or str(problem)
            return []

    def append_string(self, string: str) -> None:
        """Remember a line, unless it stands for another."""
        if not RECALLED.match(string):
            super().append_string(string)

    def store_string(self, string: str) -> None:
        """Append what may be kept of a line; the line itself stays in this shell's memory only."""
        line = kept(string)
        if not line:
            return
        self._whole[line] = string
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(self._file, os.O_WRONLY | os.O_CREAT, 0o600))
            self._file.chmod(0o600)
            super().store_string(line)
        except OSError as problem:
            self.problem = problem.strerror or str(problem)

    def lines(self) -> list[str]:
        """What is kept, of all shells, the oldest first: the numbers of `history` count these."""
        return list(self.load_history_strings())[::-1]

    def recalled(self, text: str) -> str:
        """The line that `!12` or `!!` stands for. Raises UsageError where there is none."""
        lines = self.lines()
        found = RECALLED.match(text)
        number = len(lines) if not found or found[1] == "!" else int(found[1])
        if not 0 < number <= len(lines):
            raise UsageError(f"There is no line {number} in the history.", "All of them: history")
        line = self._whole.get(lines[number - 1], lines[number - 1])
        if line == lines[number - 1] and "***" in line:
            raise UsageError(f"Line {number} had a secret, which is not kept: {line}")
        return line

    def clear(self) -> None:
        """Forget all lines. Raises CmkError where the file cannot be emptied."""
        try:
            if self._file.exists():
                os.truncate(self._file, 0)
        except OSError as problem:
            raise CmkError(f"Cannot empty {self._file}: {problem.strerror}.") from None
        self._whole.clear()
        self._loaded_strings.clear()
