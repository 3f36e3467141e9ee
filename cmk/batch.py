"""Several jobs of one batch at once: lines are sent in order, results shown in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cmk.commands import builtin_of
from cmk.errors import ExitStatus
from cmk.line import reading
from cmk.session.session import Flags, Pending, Session


@dataclass
class Batch:
    """A script with up to `most` jobs under way; `status` is the first failure's.

    `read` makes words and flags of a line, `run` runs what is no API, `report` tells of an error
    (with the place of its line before it) and gives its exit status.
    """

    session: Session
    most: int
    read: Callable[[str], tuple[list[str], Flags]]
    run: Callable[[list[str], Flags], None]
    report: Callable[[BaseException, str], int]
    status: int = int(ExitStatus.DONE)
    _running: deque[tuple[int, Pending]] = field(default_factory=deque)

    def run_all(self, text: Iterator[str], keep_going: bool) -> int:
        """After an error no more lines are sent, unless `keep_going`; what runs is waited for."""
        for number, line in reading.lines_of(text):
            try:
                self._send(number, line)
            except EOFError:
                break
            stopped = self.status == ExitStatus.INTERRUPTED
            if stopped or (self.status and not keep_going):
                break
        self._drain(0)
        return self.status

    def _send(self, number: int, line: str) -> None:
        try:
            words, flags = self.read(line)
            if not words and not flags.help:
                return
            if flags.help or builtin_of(self.session, words) is not None:
                self._drain(0)
                self.run(words, flags)
                return
            pending = self.session.send(words, flags)
        except (EOFError, BrokenPipeError):
            raise
        except BaseException as problem:
            self._failed(number, problem)
            return
        if pending is not None:
            self._running.append((number, pending))
            self._drain(self.most - 1)

    def _drain(self, left: int) -> None:
        """Show the oldest results until no more than `left` jobs are waited for."""
        while self._running and (len(self._running) > left or not self._running[0][1].jobid):
            number, pending = self._running.popleft()
            try:
                self.session.finish(pending)
                self.session.environment.stdout.flush()
            except BrokenPipeError:
                raise
            except BaseException as problem:
                self._failed(number, problem)

    def _failed(self, number: int, problem: BaseException) -> None:
        status = self.report(problem, f"line {number}: ")
        self.status = self.status or status
