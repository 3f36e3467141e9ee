"""A screen for the tests: any program in tmux, with what it shows as a person sees it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.waiting import PATIENCE


class Screen:
    """A terminal of tmux's; `shows` waits for a text, and fails where it does not come."""

    def __init__(
        self,
        directory: Path,
        *command: str,
        variables: Mapping[str, str],
        width: int = 120,
        height: int = 30,
    ) -> None:
        self._tmux = ["tmux", "-S", str(directory / "tmux"), "-u", "-f", "/dev/null"]
        size = ["-x", str(width), "-y", str(height)]
        told = {"LC_ALL": "C.UTF-8", **variables}
        if "TERM" in variables:  # inside, tmux says its own
            command = ("env", f"TERM={variables['TERM']}", *command)
            told["TERM"] = "xterm"
        subprocess.run([*self._tmux, "new-session", "-d", *size, *command], env=told, check=True)

    def type(self, text: str) -> None:
        """Letters as they are."""
        subprocess.run([*self._tmux, "send-keys", "-l", "--", text], check=True)

    def press(self, *keys: str) -> None:
        """Keys by tmux's names: Enter, Tab, C-c."""
        subprocess.run([*self._tmux, "send-keys", *keys], check=True)

    def paste(self, text: str) -> None:
        """As from a clipboard: in brackets, where the program asked for that."""
        subprocess.run([*self._tmux, "set-buffer", "--", text], check=True)
        subprocess.run([*self._tmux, "paste-buffer", "-p", "-r"], check=True)

    def resize(self, width: int, height: int) -> None:
        size = ["-x", str(width), "-y", str(height)]
        subprocess.run([*self._tmux, "resize-window", *size], check=True)

    def keep(self) -> None:
        """What is on the screen stays there when the program ends."""
        subprocess.run([*self._tmux, "set-option", "remain-on-exit", "on"], check=True)

    @property
    def text(self) -> str:
        """What is on the screen now, lines that were broken at its edge put together."""
        command = [*self._tmux, "capture-pane", "-p", "-J"]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return "\n".join(line.rstrip() for line in shown.rstrip().split("\n"))

    @property
    def coloured(self) -> str:
        """The same with the escape sequences of its colours."""
        command = [*self._tmux, "capture-pane", "-p", "-e"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def shows(self, text: str) -> str:
        """Wait until this is on the screen; all of it then."""
        return self._waits(lambda shown: text in shown, repr(text))

    def hides(self, text: str) -> str:
        """Wait until this is on the screen no more."""
        return self._waits(lambda shown: text not in shown, f"lost {text!r}")

    def shows_only(self, text: str) -> str:
        """Wait until this, and nothing else, is on the screen."""
        return self._waits(lambda shown: text == shown.strip(), f"only {text!r}")

    def _waits(self, is_there: Callable[[str], bool], what: str) -> str:
        deadline = time.monotonic() + PATIENCE
        while not is_there(shown := self.text):
            if time.monotonic() > deadline:
                pytest.fail(f"the screen never had {what}, but:\n{shown}")
            time.sleep(0.03)
        return shown

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)
