"""The process's surroundings in one object: streams, terminal, variables, directories.

It is made once, in `__main__`, and handed down; nothing else reads `sys.stdout` or `os.environ`.
A test replaces it whole.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO


@dataclass
class Environment:
    """What a command may see of the world around it."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    variables: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_process(cls) -> Environment:
        """The real one; a stream that was closed is one that is empty and takes all."""
        for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
            if getattr(sys, name) is None:
                setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
        for stream in (sys.stdout, sys.stderr):
            # A name that the locale cannot show must not end the command half-way.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        return cls(sys.stdin, sys.stdout, sys.stderr, os.environ)

    @property
    def input_is_terminal(self) -> bool:
        return self.stdin.isatty()

    @property
    def output_is_terminal(self) -> bool:
        return self.stdout.isatty()

    @property
    def error_is_terminal(self) -> bool:
        return self.stderr.isatty()

    @property
    def width(self) -> int:
        """Columns of the terminal that stdout is, 80 where it cannot be asked."""
        columns = self.variables.get("COLUMNS", "")
        if columns.isdigit() and int(columns) > 0:
            return int(columns)
        try:
            return os.get_terminal_size(self.stdout.fileno()).columns or 80
        except (OSError, ValueError):
            return 80

    @property
    def config_file(self) -> Path:
        """CloudMonkey's own place, unless CMK_CONFIG says another."""
        named = self.variables.get("CMK_CONFIG")
        return Path(named) if named else self.home / ".cmk" / "config"

    @property
    def home(self) -> Path:
        home = self.variables.get("HOME")
        return Path(home) if home else Path.home()

    @property
    def lab_directory(self) -> Path:
        """Where `lab:` is: in the user's state directory (XDG Base Directory 0.8)."""
        return self.state_directory / "lab"

    @property
    def state_directory(self) -> Path:
        """Where sessions and history are kept."""
        return self._xdg("XDG_STATE_HOME", ".local/state")

    @property
    def cache_directory(self) -> Path:
        """Where what can be fetched again is kept."""
        return self._xdg("XDG_CACHE_HOME", ".cache")

    def _xdg(self, variable: str, otherwise: str) -> Path:
        """platformdirs knows these rules too, for 20 ms at every start and from os.environ only."""
        named = Path(self.variables.get(variable, ""))
        if not named.is_absolute():  # unset, or relative, which the specification ignores
            named = self.home / otherwise
        return named / "cmk"

    def ask_secret(self, prompt: str) -> str:
        """A line that somebody types, unseen; "" where the terminal closes."""
        if self.stdin is sys.stdin:
            from getpass import getpass

            try:
                return getpass(prompt, self.stderr)
            except EOFError:
                return ""
        self.stderr.write(prompt)
        self.stderr.flush()
        return self.stdin.readline().rstrip("\n")

    def say(self, text: str) -> None:
        """A line to the person, on stderr; stdout carries data only.

        What comes from others in it cannot control the terminal.
        """
        lines = (line if line.isprintable() else _harmless(line) for line in text.split("\n"))
        self.stderr.write("\n".join(lines) + "\n")
        self.stderr.flush()


def _harmless(text: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
