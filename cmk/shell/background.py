"""`deploy virtualmachine … &`: lines that run beside the prompt, each with a session of its own."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from tempfile import TemporaryFile
from threading import Thread
from typing import IO

from cmk.config.file import Profile
from cmk.environment import Environment
from cmk.session.progress import clock
from cmk.session.session import Pending, Session


class BackgroundSession(Session):
    """A session that tells which job it waits for: the job goes on when the shell ends."""

    jobid = ""

    def finish(self, pending: Pending) -> None:
        self.jobid = pending.jobid
        super().finish(pending)


class BackgroundLine:
    """A line in a thread; what it says, on stdout and stderr, is kept until somebody asks."""

    def __init__(
        self,
        number: int,
        line: str,
        session: BackgroundSession,
        run: Callable[[], int],
        said: IO[str],
    ) -> None:
        self.number = number
        self.line = line.strip()
        self._session = session
        self._run = run
        self._said = said
        self._began = time.monotonic()
        self._ended = 0.0
        self._reader: subprocess.Popen[str] | None = None
        self.status = 0
        #: Whether somebody has been told that it is done.
        self.is_told = False
        # A daemon thread: a server that does not answer does not keep a shell from ending.
        self._thread = Thread(target=self._work, name=f"line {number}", daemon=True)

    def start(self, done: Callable[[], None]) -> None:
        """`done` is called in the thread, at its end."""
        self._done = done
        self._thread.start()

    def _work(self) -> None:
        try:
            self.status = self._run()
        except EOFError:  # `exit` ends no shell from here
            self.status = 0
        except BrokenPipeError:
            self.status = 1
        finally:
            self._session.close()
            self._ended = time.monotonic()
            self._done()

    def reads(self, reader: subprocess.Popen[str]) -> None:
        """A program of the user's shell reads what the line says, and ends with it."""
        self._reader = reader

    def end(self) -> None:
        """The shell is left: what reads goes, too; a job goes on where it runs."""
        if self._reader is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._reader.pid, signal.SIGTERM)

    @property
    def is_running(self) -> bool:
        return not self._ended

    @property
    def jobid(self) -> str:
        """The job that it waits for; "" where none is known."""
        return self._session.jobid

    @property
    def profile(self) -> Profile:
        """Of the server that it waits for."""
        return self._session.profile

    @property
    def said(self) -> str:
        self._said.seek(0)
        return self._said.read()

    def close(self) -> None:
        self._said.close()

    def join(self) -> None:
        """Wait for its end; Ctrl-C ends the waiting only."""
        while self.is_running:
            self._thread.join(0.1)

    def __str__(self) -> str:
        elapsed = clock((self._ended or time.monotonic()) - self._began)
        if self.is_running:
            state = "running"
        else:
            state = "done" if self.status == 0 else f"failed ({self.status})"
        return f"[{self.number}] {state} {elapsed}  {self.line}"


class Background:
    """The lines of one shell that run, or have run, beside it."""

    def __init__(self, done: Callable[[], None]) -> None:
        """`done` is called in a line's thread when it has ended."""
        self._done = done
        self.lines: list[BackgroundLine] = []

    def start(
        self, line: str, session: Session, run: Callable[[Session, BackgroundLine], int]
    ) -> BackgroundLine:
        """Run a line with the profile and the flags of a session."""
        said = TemporaryFile("w+", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115 - kept
        variables = {**session.environment.variables, "CMK_QUIET": "1"}  # `jobs` tells how it goes
        surroundings = Environment(io.StringIO(), said, said, variables)
        own = BackgroundSession(surroundings, session.flags, session.connect, session.profile)
        number = max((each.number for each in self.lines), default=0) + 1
        started = BackgroundLine(number, line, own, lambda: run(own, started), said)
        self.lines.append(started)
        started.start(self._done)
        return started

    def running(self) -> list[BackgroundLine]:
        return [line for line in self.lines if line.is_running]

    def untold(self) -> list[BackgroundLine]:
        """What has ended since this was asked last."""
        found = [line for line in self.lines if not line.is_running and not line.is_told]
        for line in found:
            line.is_told = True
        return found

    def forget(self, line: BackgroundLine) -> None:
        """What it has said was shown, and is let go of."""
        self.lines.remove(line)
        line.close()
