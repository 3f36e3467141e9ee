"""The interactive shell: a prompt, and the same lines as everywhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmk.catalog import Catalog
from cmk.commands import BUILTINS
from cmk.completion.engine import Values, days
from cmk.completion.paths import paths
from cmk.config.file import Config, Profile
from cmk.errors import CmkError, ExitStatus, UsageError
from cmk.line.reading import read, split
from cmk.session.fetching import fetched
from cmk.session.session import Session
from cmk.shell import pipeline
from cmk.shell.commands import command_of
from cmk.shell.terminal import unechoed, uninterrupted

if TYPE_CHECKING:
    from cmk.shell.background import BackgroundLine
    from cmk.shell.tour import Tour

#: Runs a line on a session; prints its errors, and comes out as EOFError for `exit`.
RunLine = Callable[[Session, str], int]

#: Does something with a session, prints its error if it has one, and returns the exit status.
Guard = Callable[[Session, Callable[[], int | None]], int]

_HINT = (
    "Lines are VERB NOUN key=value …; Tab completes them, `help` explains them, Ctrl-D leaves.\n"
    "They go to {where}; `profile add NAME url=https://HOST/client/api` names a server.\n"
    "`tour` goes from `list zones` to a running VM in the lab; `help shell` tells the keys."
)


class Shell:
    """Reads lines at a prompt until `exit` or Ctrl-D; Ctrl-C cancels a line, never the shell."""

    def __init__(self, session: Session, run_line: RunLine, guard: Guard) -> None:
        """Raises CmkError where no server is named or the config file cannot be read."""
        from cmk.shell.background import Background
        from cmk.shell.history import History
        from cmk.shell.names import Names
        from cmk.shell.prompt import made

        self.environment = session.environment
        self.profile: Profile = session.profile
        #: Of the last line: its exit status, and how many seconds it took.
        self.status = int(ExitStatus.DONE)
        self.took = 0.0
        self.tour: Tour | None = None
        self.history = History(Path(session.environment.state_directory, "history"))
        self.names = Names(self._fetch, self._complete_again)
        self.background = Background(self._ended)
        #: For a screen reader: nothing opens or moves by itself.
        self.is_calm = bool(session.environment.variables.get("CMK_NO_ANIMATION"))
        #: Of which server's catalog was thought.
        self._taught: Profile | None = None
        #: What somebody has to wait for at this moment, for the toolbar.
        self.waits_for = ""
        #: Of what was entered last: the seconds in a pager, and what ran of it.
        self._paging, self._ran = 0.0, ""
        self._config = self._read_config()
        self._session = session
        self._run_line = run_line
        self._guard = guard
        self._prompt = made(self)

    def run(self) -> int:
        """Returns the status of the last line."""
        if self.history.is_new:
            where = "the lab on this machine" if self.profile.is_lab else self.profile.url
            self._tell(_HINT.format(where=where))
        while True:
            try:
                self._tell_ended()
                text = self._read()
                if text.strip():
                    self._enter(text)
                self.environment.stdout.flush()
            except EOFError:
                self._leave_running()
                return self.status
            except KeyboardInterrupt:
                self.tour = None

    def _read(self) -> str:
        """What was entered: a line, or several."""
        from cmk.shell.prompt import greeting

        self._guard(self._session, self._tell_step)
        self._config = self._read_config()
        with uninterrupted():
            return self._prompt.prompt(lambda: greeting(self), handle_sigint=False)

    def _tell_step(self) -> None:
        """The next step of the tour, which goes on in its lab only; Enter alone runs its line."""
        tour, self.tour = self.tour, None
        if tour is None:
            return
        if tour.profile != self.profile:
            self._tell("The tour is over: it is for the lab, and lines go elsewhere now.")
        elif tour.is_over:
            from cmk.shell.tour import farewell

            self._tell(farewell(tour.name))
        else:
            self._tell(tour.told)
            self.environment.say(f"  {tour.line}")
            self.tour = tour

    def _tell(self, text: str) -> None:
        """Paragraphs for the person, broken between words."""
        from textwrap import fill

        for paragraph in text.split("\n"):
            self.environment.say(fill(paragraph, self.environment.width))

    # lines

    def _enter(self, text: str) -> None:
        """Run what was entered; in the tour, go on to its next step."""
        began, self._paging, self._ran, tour = time.monotonic(), 0.0, text, self.tour
        self.status = self._guard(self._session, lambda: self._run_all(text))
        self.took = time.monotonic() - began - self._paging
        if tour is not None and text == tour.line and not self.status:
            tour.go_on()
        self._look_around(self._ran)

    def _run_all(self, text: str) -> int:
        """Lines one after the other, up to the first that fails."""
        from cmk.shell.history import RECALLED

        if RECALLED.match(text.strip()):
            text = self.history.recalled(text.strip())
            self.environment.say(text)
            self.history.append_string(text)
            self._ran = text
        lines = [
            text[line.start : line.end] for line in read(text) if line.words or line.unfinished
        ]
        for left, line in zip(range(len(lines) - 1, -1, -1), lines, strict=True):
            status = self._guard(self._session, partial(self._run, line))
            if status:
                if left:
                    self.environment.say(f"{left} more line{'s' if left > 1 else ''} not run.")
                return status
        return ExitStatus.DONE

    def _run(self, line: str) -> int:
        """One line: of the user's shell, in the background, through a pipe, or of the language."""
        line = line.strip()
        if line.startswith("!"):
            return pipeline.command(self.environment, line[1:])
        line, is_background = pipeline.without_ampersand(line)
        pipeline.check(line)
        if is_background:
            return self._start(line)
        line, rest = pipeline.split(line)
        if rest:
            return pipeline.run(self.environment, line, rest, self._execute)
        if _is_live(_words(line)):
            return self._execute(line)
        with unechoed(self.environment.stdin) as echo:
            return self._paged(line, echo)

    def _execute(self, line: str) -> int:
        """A line of the language, or of the shell itself."""
        words = _words(line)
        command = command_of(words)
        if command is not None:
            return self._guard(self._session, lambda: command(self, words[1:]))
        return self._run_line(self._session, line)

    def _paged(self, line: str, echo: Callable[[], None]) -> int:
        """A line that only reads: what is longer than the screen goes through a pager, which has
        the terminal as it was."""
        from cmk.shell.pager import paged

        if not _only_reads(_words(line)):
            return self._execute(line)
        self._config = self._read_config()  # a row before this one may have changed it
        status = int(ExitStatus.DONE)
        with paged(self.environment, self.setting("pager"), echo, self._waited):
            status = self._execute(line)
        return status

    def _waited(self, seconds: float) -> None:
        self._paging += seconds

    def _start(self, line: str) -> int:
        own, rest = pipeline.split(line)
        words = _words(own)
        if command_of(words) or _is_live(words):
            raise UsageError(f"{words[0]} goes without & only: it needs the terminal.")

        def run(session: Session, started: BackgroundLine) -> int:
            def run_line(line: str) -> int:
                return self._run_line(session, line)

            if not rest:
                return run_line(own)
            there = session.environment
            return self._guard(
                session, lambda: pipeline.run(there, own, rest, run_line, started.reads)
            )

        started = self.background.start(line, self._session, run)
        self.environment.say(f"[{started.number}] {started.line}")
        return ExitStatus.DONE

    def _look_around(self, text: str) -> None:
        """After lines: another profile may be in use, and names may have changed."""
        firsts = [line.words[0].text for line in read(text) if line.words]
        if not all(first.startswith(("list", "!")) for first in firsts):
            self.names.forget()
        # What is wrong with the config file is told by the next line that needs it.
        with contextlib.suppress(CmkError):
            self.profile = self._session.profile

    def setting(self, name: str) -> str:
        """A setting for all profiles, as it was when the prompt came or a line began."""
        return self._config.core.get(name, "")

    def _read_config(self) -> Config:
        """The file, which is not read again at each key; what is wrong with it is told when a line
        is run."""
        try:
            return Config.read(self.environment.config_file)
        except CmkError:
            return Config(self.environment.config_file, {})

    # the background

    def _ended(self) -> None:
        """In a line's own thread, at its end: tell it above the prompt, if there is one now."""
        self.names.forget()
        self._in_prompt(self._tell_above)

    def _tell_above(self) -> None:
        from prompt_toolkit.application import run_in_terminal
        from prompt_toolkit.application.current import set_app

        with set_app(self._prompt.app):
            run_in_terminal(self._tell_ended)

    def _tell_ended(self) -> None:
        for line in self.background.untold():
            said = line.said
            self.environment.say(str(line))
            if line.status:
                self.environment.say(said.rstrip("\n"))
            elif said:
                self.environment.say(f"`wait {line.number}` shows its output.")
            if line.status or not said:
                self.background.forget(line)

    def _leave_running(self) -> None:
        """Name what runs: jobs go on, all else ends."""
        from cmk.session.waiting import how_to_wait

        for line in self.background.running():
            self.environment.say(str(line))
            line.end()
            self.environment.say(
                f"Its job goes on. {how_to_wait(line.profile, line.jobid)}"
                if line.jobid
                else "It ends with the shell."
            )

    # completion

    def values(self) -> Values:
        return Values(self.known, self._config.names, self._paths, days())

    def known(self, api: str) -> list[dict[str, Any]]:
        """The rows of a list API that are known now; what is not is being fetched."""
        if self.setting("autocomplete").lower() == "false":
            return []
        return self.names.rows(self.profile, api)

    def _paths(self, typed: str) -> list[str]:
        return paths(typed, self.environment.home)

    def catalog(self) -> Catalog:
        try:
            catalog = self._session.catalog
            if self.profile != self._taught:  # once, and not at each key
                self._taught = self.profile
                self._session.learn_soon()
            return catalog
        except CmkError:  # of the profile or its file: told when the line is run
            return Catalog(())

    def rows(self, api: str) -> list[dict[str, Any]]:
        """A list API's rows, asked for now. Raises CmkError."""
        return self._fetch(self.profile, api)

    def _fetch(self, profile: Profile, api: str) -> list[dict[str, Any]]:
        """For the thread of the names, on a connection of its own."""
        flags = self._session.flags
        keys = flags.apikey, flags.secretkey
        return fetched(self.environment, self._session.connect, profile, api, keys)

    def _complete_again(self) -> None:
        """Names have come: show them, unless somebody is choosing already."""
        buffer, app = self._prompt.default_buffer, self._prompt.app

        def show() -> None:
            state = buffer.complete_state
            is_choosing = state is not None and state.current_completion is not None
            if buffer.text and not is_choosing and (state is not None or not self.is_calm):
                buffer.cancel_completion()  # of the names that were known before
                buffer.start_completion()
            app.invalidate()

        self._in_prompt(show)

    def _in_prompt(self, act: Callable[[], None]) -> None:
        """From another thread: do something in the prompt's loop, if the prompt is there."""
        loop = self._prompt.app.loop
        if loop is not None:
            # It may end in this very moment, and its loop with it.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(act)


def _words(line: str) -> list[str]:
    """A line's words; none where it cannot be read, which is told when it is run."""
    try:
        words = split(line)
    except UsageError:
        return []
    return words[1:] if words[:1] == ["cmk"] else words


def _is_live(words: list[str]) -> bool:
    builtin = BUILTINS.get(words[0].lower()) if words else None
    return builtin is not None and builtin.is_live


def _only_reads(words: list[str]) -> bool:
    """Whether a line shows something and changes nothing: a change's answer stays on the screen."""
    if "-h" in words or "--help" in words:
        return True
    return bool(words) and words[0].lower().startswith(_READING)


#: How lines begin that are there to be read.
_READING = ("explain", "find", "get", "help", "history", "list", "query", "show")
