"""The interactive shell: a prompt, and the same lines as everywhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmk.builtins import BUILTINS
from cmk.catalog import Catalog
from cmk.completion.engine import Values, days
from cmk.completion.paths import paths
from cmk.config import Config, Profile
from cmk.errors import CmkError, ExitStatus
from cmk.session import Session, fetched

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession


class Shell:
    """Reads lines at a prompt until `exit` or Ctrl-D; Ctrl-C cancels a line, never the shell."""

    def __init__(self, session: Session, run_line: Callable[[str], int]) -> None:
        """Raises CmkError where no server is named or the config file cannot be read."""
        from cmk.shell.history import History
        from cmk.shell.names import Names

        self._session = session
        self._run_line = run_line
        self._status = int(ExitStatus.DONE)
        self._profile: Profile = session.profile
        self._names = Names(self._fetch, self._complete_again)
        self._history = History(Path(session.environment.state_directory, "history"))
        self._prompt = self._made()

    def run(self) -> int:
        """Returns the status of the last line."""
        while True:
            try:
                line = self._read()
                if line.strip():
                    self._status = self._run(line)
                    self._look_around(line)
                self._session.environment.stdout.flush()
            except EOFError:
                return self._status
            except KeyboardInterrupt:
                continue

    def _run(self, line: str) -> int:
        from cmk.shell import pipeline

        line, rest = pipeline.split(line)
        if not rest:
            return self._run_line(line)
        return pipeline.run(self._session.environment, line, rest, self._run_line)

    def _made(self) -> PromptSession[str]:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.auto_suggest import AutoSuggestFromHistory

        from cmk.shell.completer import LineCompleter, keys
        from cmk.shell.lexer import STYLE, LineLexer

        return PromptSession(
            completer=LineCompleter(self._catalog, self._values),
            complete_while_typing=True,
            lexer=LineLexer(self._catalog, frozenset(BUILTINS)),
            style=STYLE,
            key_bindings=keys(),
            history=self._history,
            auto_suggest=AutoSuggestFromHistory(),
            bottom_toolbar=self._toolbar,
        )

    def _read(self) -> str:
        """A logical line: one that ends in a backslash goes on."""
        line = self._prompt.prompt(self._greeting())
        while line.endswith("\\") and not line.endswith("\\\\"):
            line = line[:-1] + self._prompt.prompt("... > ")
        return line

    def _greeting(self) -> str:
        """`(lab) 🐵 > `, in words where the terminal has no such character."""
        name = self._profile.name or self._profile.url
        environment = self._session.environment
        face = "🐵"
        try:
            face.encode(environment.stdout.encoding or "ascii")
        except UnicodeEncodeError:
            face = "cmk"
        if environment.variables.get("TERM", "dumb") in ("dumb", "linux"):
            face = "cmk"
        return f"({name}) {face} > "

    def _toolbar(self) -> str:
        parts = [
            self._profile.name or "no profile",
            self._profile.url,
            f"status {self._status}",
            time.strftime("%H:%M"),
            self._names.problem and f"no names: {self._names.problem}",
            self._history.problem and f"no history: {self._history.problem}",
        ]
        return " · ".join(part for part in parts if part)

    def _look_around(self, line: str) -> None:
        """After a line: another profile may be in use, and names may have changed."""
        if line.split()[0] != "list":
            self._names.forget()
        # What is wrong with the config file is told by the next line that needs it.
        with contextlib.suppress(CmkError):
            self._profile = self._session.profile

    # completion

    def _values(self) -> Values:
        environment = self._session.environment
        return Values(
            lambda api: self._names.rows(self._profile, api),
            self._profiles(),
            lambda typed: paths(typed, environment.home),
            days(),
        )

    def _profiles(self) -> tuple[str, ...]:
        try:
            return Config.read(self._session.environment.config_file).names
        except CmkError:  # what is wrong with the file is told when a line is run
            return ("lab",)

    def _catalog(self) -> Catalog:
        try:
            return self._session.catalog
        except CmkError:  # of the profile or its file: told when the line is run
            return Catalog(())

    def _fetch(self, profile: Profile, api: str) -> list[dict[str, Any]]:
        """In the thread of the names."""
        flags = self._session.flags
        return fetched(self._session.environment, profile, api, (flags.apikey, flags.secretkey))

    def _complete_again(self) -> None:
        """Names have come: show them, unless somebody is choosing already."""
        app = self._prompt.app
        buffer = self._prompt.default_buffer

        def show() -> None:
            chosen = buffer.complete_state and buffer.complete_state.current_completion
            if buffer.text and not chosen:
                buffer.start_completion()

        if app.loop is not None:
            # The prompt may end in this very moment, and its loop with it.
            with contextlib.suppress(RuntimeError):
                app.loop.call_soon_threadsafe(show)
