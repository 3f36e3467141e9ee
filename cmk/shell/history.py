"""The lines that were typed, in a file of the user's own, without the secrets in them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit.history import FileHistory

from cmk.errors import CmkError, UsageError
from cmk.files import make_directory
from cmk.line.masking import masked
from cmk.line.reading import read

#: `!12` and `!!`: what stands for another line, and is remembered as that.
RECALLED = re.compile(r"!(\d{1,9}|!)\s*\Z")


def kept(text: str) -> str:
    """Lines as they may be remembered: secrets are `***`; "" where they must not be.

    A leading space keeps them out, as in the shells; so does quoting that cannot be read, since
    nobody can tell what is secret in it.
    """
    if text[:1].isspace() or RECALLED.match(text):
        return ""
    lines = read(text)
    if lines[-1].unfinished:
        return ""
    out, at = "", 0
    for line in lines:
        for word, safe in zip(line.words, masked([word.text for word in line.words]), strict=True):
            out += text[at : word.start] + (word.raw if word.text == safe else safe)
            at = word.end
    return out + text[at:]


class History(FileHistory):
    """prompt_toolkit's history file (lines behind `+`), 0600 from its first byte.

    Where the file cannot be read or written the shell goes on without; `problem` says why.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        #: How much of the file is of earlier shells, or of others before this one began.
        self._earlier = file.stat().st_size if file.exists() else 0
        self._before: list[str] | None = None
        #: The lines of this shell: as they are kept, and as they were.
        self._own: list[tuple[str, str]] = []
        self.problem = ""
        self.is_new = not file.exists()
        super().__init__(str(file))

    def load_history_strings(self) -> Iterable[str]:
        """The lines of earlier shells, the newest first."""
        return self._earlier_lines()[::-1]

    def append_string(self, string: str) -> None:
        """Remember a line, unless it stands for another."""
        if not RECALLED.match(string):
            super().append_string(string)

    def store_string(self, string: str) -> None:
        """Append what may be kept of a line; the line itself stays in this shell's memory only."""
        line = kept(string)
        if not line:
            return
        self._own.append((line, string))
        try:
            make_directory(self._file.parent)
            os.close(os.open(self._file, os.O_WRONLY | os.O_CREAT, 0o600))
            self._file.chmod(0o600)
            super().store_string(line)
        except OSError as problem:
            self.problem = problem.strerror or str(problem)

    def _earlier_lines(self) -> list[str]:
        """The lines that were there when this shell began, the oldest first; read once, since
        another shell may clear the file."""
        if self._before is None:
            self._before = _lines_in(self._read())
        return self._before

    def _read(self) -> str:
        if not self._earlier:
            return ""
        try:
            with self._file.open("rb") as file:
                return file.read(self._earlier).decode(errors="replace")
        except OSError as problem:
            self.problem = problem.strerror or str(problem)
            return ""

    def lines(self) -> list[str]:
        """What is kept, the oldest first; other shells' new lines change no number of this one."""
        return [*self._earlier_lines(), *(line for line, _ in self._own)]

    def recalled(self, text: str) -> str:
        """The line that `!12` or `!!` stands for. Raises UsageError where there is none."""
        before = self._earlier_lines()
        count = len(before) + len(self._own)
        found = RECALLED.match(text)
        number = count if not found or found[1] == "!" else int(found[1])
        if not 0 < number <= count:
            raise UsageError(f"There is no line {number} in the history.", "All of them: history")
        if number > len(before):
            return self._own[number - len(before) - 1][1]
        line = before[number - 1]
        if "***" in line:
            raise UsageError(f"Line {number} had a secret, which is not kept: {line}")
        return line

    def clear(self) -> None:
        """Forget all lines. Raises CmkError where the file cannot be emptied."""
        try:
            if self._file.exists():
                os.truncate(self._file, 0)
        except OSError as problem:
            raise CmkError(f"Cannot empty {self._file}: {problem.strerror}.") from None
        self._before = []
        self._own.clear()
        self._loaded_strings.clear()


def _lines_in(text: str) -> list[str]:
    """The lines of a history file: rows behind `+`, with others between them."""
    lines: list[str] = []
    rows: list[str] = []
    for row in text.split("\n"):
        if row.startswith("+"):
            rows.append(row[1:])
        elif rows:
            lines.append("\n".join(rows))
            rows = []
    return lines
