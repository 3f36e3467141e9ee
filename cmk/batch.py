"""Files of lines: sent in order, several jobs at once where that is wanted, results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cmk.commands import builtin_of, or_builtin
from cmk.errors import ExitStatus, Unknown
from cmk.line import reading
from cmk.line.variables import Variables, capture_of
from cmk.session.session import Flags, Pending, Session

Expand = Callable[[str], str]


@dataclass
class Batch:
    """A script with up to `most` jobs under way; `status` is the first failure's.

    `read` makes words and flags of a line, `run` runs what is no API, `report` tells of an error
    (with the place of its line before it) and gives its exit status.
    """

    session: Session
    variables: Variables
    read: Callable[[str, Expand], tuple[list[str], Flags]]
    run: Callable[[list[str], Flags], None]
    report: Callable[[BaseException, str], int]
    most: int = 1
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
            pending = self._sent(line)
        except (EOFError, BrokenPipeError):
            raise
        except BaseException as problem:
            self._failed(number, problem)
            return
        if pending is not None:
            self._running.append((number, pending))
            self._drain(self.most - 1)

    def _sent(self, line: str) -> Pending | None:
        """What is still to be shown of a line; None where that was done."""
        name, line = capture_of(line)
        words, flags = self.read(line, self.variables.expand)
        if not words and not flags.help:
            return None
        is_own = flags.help or builtin_of(self.session, words) is not None
        if is_own and not name:
            self._drain(0)
            self.run(words, flags)
            self.session.environment.stdout.flush()
            return None
        try:
            if not name:
                return self.session.send(words, flags)
            self._drain(0)
            self.variables.put(name, self.session.value(words, flags))
        except Unknown as problem:
            raise or_builtin(problem, words[0]) from None
        return None

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
