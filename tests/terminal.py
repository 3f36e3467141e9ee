"""A real terminal for the tests: a program at the other end of a pty, typed at and read."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

import pytest

from tests.waiting import PATIENCE

#: What moves the cursor and colours the text, and is no text itself.
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class TerminalProgram:
    """cmk in a terminal of 100 x 30, as a person has it; of no size, as under expect."""

    def __init__(
        self, *argv: str, variables: dict[str, str], size: tuple[int, int] = (30, 100)
    ) -> None:
        self.shown = ""
        self.pid, self._descriptor = pty.fork()
        if not self.pid:
            command = [sys.executable, "-m", "cmk", *argv]
            surroundings = {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "PAGER": "", **variables}
            os.execve(command[0], command, {**os.environ, **surroundings})  # noqa: S606
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def expect(self, text: str) -> str:
        """Read until the text was shown since the last call; what came up to then."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.shown:
            if time.monotonic() > deadline or not self._read(deadline):
                pytest.fail(f"the terminal never showed {text!r}, but: {self.shown!r}")
        before, _, self.shown = self.shown.partition(text)
        return before + text

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._descriptor], [], [], max(deadline - time.monotonic(), 0))
        if not ready:
            return False
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:  # the other end is gone
            return False
        self.shown = _ESCAPES.sub("", self.shown + data.decode(errors="replace"))
        return bool(data)

    def leave(self) -> int:
        """Read to the end; the exit status."""
        while self._read(time.monotonic() + PATIENCE):
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self._descriptor)
        return os.waitstatus_to_exitcode(status)
