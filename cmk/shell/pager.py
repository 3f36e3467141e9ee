"""Output that is longer than the screen goes through `$PAGER`."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO, cast

from cmk.environment import Environment
from cmk.shell.pipeline import shell_of
from cmk.shell.terminal import uninterrupted

#: What is typed ahead into less starts no programs and writes no files.
_SECURE = {"LESSSECURE": "1"}


#: How a shell ends that cannot run a command, or not even read it (POSIX).
_NO_PAGER = (2, 126, 127)
#: Characters that are kept for that.
_KEPT = 1 << 20


class Paged(io.TextIOBase):
    """A terminal's stdout that holds text back until it fills the screen, then starts a pager.

    What is shorter is written when it is closed, as if nothing had been between.
    """

    def __init__(
        self,
        environment: Environment,
        command: str,
        rows: int,
        starts: Callable[[], None] = lambda: None,
    ) -> None:
        """`starts` is called before the pager has the terminal for itself."""
        self._environment = environment
        self._terminal = environment.stdout
        self._command = command
        self._width = environment.width
        self._rows = rows
        self._starts = starts
        self._held: list[str] = []
        #: What the pager was given first, for the terminal where there turns out to be no pager.
        self._kept: list[str] = []
        self._kept_size = 0
        self._height = 0
        self._pager: subprocess.Popen[str] | None = None

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._terminal.encoding

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._terminal.fileno()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        """Raises BrokenPipeError when whoever reads has left the pager."""
        if self._pager is not None:
            if self._kept_size < _KEPT:
                self._kept.append(text)
                self._kept_size += len(text)
            cast(TextIO, self._pager.stdin).write(text)
            return len(text)
        self._held.append(text)
        self._height += sum(1 + max(len(row) - 1, 0) // self._width for row in text.split("\n")) - 1
        if self._height >= self._rows:
            self._start()
        return len(text)

    def _start(self) -> None:
        self._terminal.flush()
        self._starts()
        self._pager = subprocess.Popen(
            [shell_of(self._environment), "-c", self._command],
            stdin=subprocess.PIPE,
            env={"LESS": "FRX", **_SECURE, **self._environment.variables},
            encoding="utf-8",
            errors="backslashreplace",
        )
        held, self._held = "".join(self._held), []
        self.write(held)

    def finish(self) -> float:
        """Show what was held back, or wait for the pager to be left: so many seconds."""
        began = time.monotonic()
        if self._pager is None:
            self._terminal.write("".join(self._held))
            self._terminal.flush()
            return 0.0
        with suppress(BrokenPipeError):
            cast(TextIO, self._pager.stdin).close()
        with uninterrupted():  # it is the pager's, as long as that is there
            status = self._pager.wait()
        if status in _NO_PAGER:
            self._terminal.write("".join(self._kept))
            self._terminal.flush()
        return time.monotonic() - began


@contextmanager
def paged(
    environment: Environment,
    setting: str,
    starts: Callable[[], None] = lambda: None,
    waited: Callable[[float], None] = lambda seconds: None,
) -> Iterator[None]:
    """Whatever is shown inside goes through a pager where it is longer than the screen; that it is
    left ends the inside, and is no error. `waited` is told the seconds in the pager."""
    command, rows = pager_of(environment, setting), rows_of_screen(environment)
    if not command or not rows:
        yield
        return
    terminal = environment.stdout
    sheet = Paged(environment, command, rows, starts)
    environment.stdout = sheet  # type: ignore[assignment]
    try:
        with suppress(BrokenPipeError):
            yield
    finally:
        environment.stdout = terminal
        waited(sheet.finish())


def pager_of(environment: Environment, setting: str) -> str:
    """The command that pages; "" for `set pager off`, an empty $PAGER, no terminal, no less."""
    if setting.lower() == "off" or not environment.output_is_terminal:
        return ""
    if environment.variables.get("TERM", "dumb") == "dumb":
        return ""
    named = environment.variables.get("PAGER", "less").strip()
    program = (named.split() or [""])[0]
    is_there = "=" in program or shutil.which(program, path=environment.variables.get("PATH"))
    return named if is_there and named != "cat" else ""


def rows_of_screen(environment: Environment) -> int:
    """How many rows of text the screen shows above a prompt; 0 where it has no size, as under
    expect: nobody is there to turn pages."""
    try:
        return max(os.get_terminal_size(environment.stdout.fileno()).lines - 1, 0)
    except (OSError, ValueError):
        return 0
