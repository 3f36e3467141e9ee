"""The process's surroundings in one object: streams, terminal, variables, directories.

It is made once, in `__main__`, and handed down; nothing else reads `sys.stdout` or `os.environ`.
A test replaces it whole.
"""

from __future__ import annotations

import io
import os
import pwd
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TextIO


class Spinning(Protocol):
    """A line on a terminal's stderr that makes room for others."""

    def aside(self) -> AbstractContextManager[None]: ...
    def end(self) -> None: ...


class Environment:
    """What a command may see of the world around it."""

    def __init__(
        self, stdin: TextIO, stdout: TextIO, stderr: TextIO, variables: Mapping[str, str]
    ) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.variables = variables
        self._said: set[str] = set()
        #: What shows that something is waited for, while something is.
        self.spinner: Spinning | None = None
        #: Whether errors are told as JSON objects; asked when there is one to tell.
        self.errors_are_objects: Callable[[], bool] = lambda: False

    @classmethod
    def of_process(cls) -> Environment:
        """The real one; a stream that was closed is one that is empty and takes all."""
        for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
            if getattr(sys, name) is None:
                setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
        for stream in (sys.stdout, sys.stderr):
            # A name that the locale cannot show must not end the command half-way.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        return cls(sys.stdin, sys.stdout, sys.stderr, os.environ)

    def with_variables(self, **changed: str) -> Environment:
        """The same surroundings with some variables set otherwise."""
        same = Environment(self.stdin, self.stdout, self.stderr, {**self.variables, **changed})
        same.errors_are_objects = self.errors_are_objects
        return same

    def silent(self) -> Environment:
        """The same for work in the background: nobody can be asked, and nothing is said."""
        return Environment(io.StringIO(), self.stdout, io.StringIO(), self.variables)

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
    def is_quiet(self) -> bool:
        """Whether nothing is told of how things are getting on."""
        return bool(self.variables.get("CMK_QUIET"))

    @property
    def is_lively(self) -> bool:
        """Whether stderr is a terminal on which things may move."""
        told = self.variables
        is_calm = told.get("CMK_NO_ANIMATION") or told.get("TERM") == "dumb"
        return self.error_is_terminal and not is_calm

    @property
    def width(self) -> int:
        """Columns of the terminal that stdout is, 80 where it cannot be asked."""
        columns = self.variables.get("COLUMNS", "")
        if columns.isascii() and columns.isdigit() and 0 < int(columns[:6]) < 100_000:
            return int(columns[:6])
        try:
            return os.get_terminal_size(self.stdout.fileno()).columns or 80
        except (OSError, ValueError):
            return 80

    # Places are text: pathlib's import is too much for whoever answers the Tab key.

    @property
    def home(self) -> str:
        return self.variables.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir

    @property
    def config_file(self) -> str:
        """CloudMonkey's own place, unless CMK_CONFIG says another."""
        return self.variables.get("CMK_CONFIG") or f"{self.home}/.cmk/config"

    @property
    def lab_directory(self) -> str:
        """Where `lab:` is: in the user's state directory (XDG Base Directory 0.8)."""
        return f"{self.state_directory}/lab"

    @property
    def state_directory(self) -> str:
        """Where sessions and history are kept."""
        return f"{self._xdg('XDG_STATE_HOME', '.local/state')}/cmk"

    @property
    def cache_directory(self) -> str:
        """Where what can be fetched again is kept."""
        return f"{self._xdg('XDG_CACHE_HOME', '.cache')}/cmk"

    @property
    def data_home(self) -> str:
        """Where programs keep data of the user; bash and zsh look for completions there."""
        return self._xdg("XDG_DATA_HOME", ".local/share")

    @property
    def config_home(self) -> str:
        """Where programs are configured; fish looks for completions there."""
        return self._xdg("XDG_CONFIG_HOME", ".config")

    def _xdg(self, variable: str, otherwise: str) -> str:
        """platformdirs knows these rules too, for 20 ms at every start and from os.environ only."""
        named = self.variables.get(variable, "")
        if not named.startswith("/"):  # unset, or relative, which the specification ignores
            return f"{self.home}/{otherwise}"
        return named

    def ask_secret(self, prompt: str) -> str:
        """A line that somebody types, unseen; "" where the terminal closes."""
        if self.spinner is not None:
            self.spinner.end()
        if self.stdin is sys.stdin:
            from getpass import getpass

            try:
                return getpass(harmless(prompt), self.stderr)
            except EOFError:
                return ""
        return self.ask(prompt).rstrip("\n")

    def ask(self, question: str) -> str:
        """A line that somebody types, as it is seen; "" where the terminal closes."""
        if self.spinner is not None:
            self.spinner.end()
        self.stderr.write(harmless(question))
        self.stderr.flush()
        return self.stdin.readline()

    def say_once(self, text: str) -> None:
        """A line to the person, unless this process has said it before."""
        if text not in self._said:
            self._said.add(text)
            self.say(text)

    def say(self, text: str, head: str = "") -> None:
        """A line to the person, on stderr; stdout carries data only. `head` begins it, in red.

        What comes from others in it cannot control the terminal.
        """
        red = painted(head, RED) if head and self.has_colour(self.stderr) else head
        with self.spinner.aside() if self.spinner is not None else nullcontext():
            self.stderr.write(red + harmless_lines(text) + "\n")
            self.stderr.flush()

    def has_colour(self, stream: TextIO) -> bool:
        """Whether a stream is a terminal with colours, and nobody has said no (no-color.org)."""
        told = self.variables
        return stream.isatty() and not told.get("NO_COLOR") and told.get("TERM", "dumb") != "dumb"

    def show_aside(self, text: str) -> None:
        """A grey line below what a terminal shows."""
        line = harmless(text)
        self.stdout.write((painted(line, GREY) if self.has_colour(self.stdout) else line) + "\n")

    def show(self, text: str) -> None:
        """Text that is no reply (a page of help, a log, a command) on stdout: in a terminal
        nothing in it controls that."""
        self.stdout.write(harmless_lines(text) if self.output_is_terminal else text)


#: Colours, by their numbers in SGR (ECMA-48).
RED, GREEN, YELLOW, BLUE, GREY = "31", "32", "33", "34", "90"


def painted(text: str, colour: str) -> str:
    """A text in a colour, for a terminal that has them."""
    return f"\x1b[{colour}m{text}\x1b[0m"


def harmless(text: str) -> str:
    """Control characters from data shown as \\xNN: no escape sequence reaches a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def harmless_lines(text: str) -> str:
    """The same of a text of several lines, which stay lines."""
    return "\n".join(map(harmless, text.split("\n")))
