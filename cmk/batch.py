"""Files of lines: sent in order, several jobs at once where that is wanted, results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cmk.commands import builtin_of, or_builtin
from cmk.errors import CmkError, ExitStatus, Unknown, UsageError
from cmk.line import reading
from cmk.line.variables import Variables, capture_of
from cmk.session.flags import Flags
from cmk.session.session import Pending, Session

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
    keep_going: bool = False
    status: int = int(ExitStatus.DONE)
    _running: deque[tuple[int, Pending]] = field(default_factory=deque)

    def run_all(self, text: Iterator[str]) -> int:
        """After an error no more lines are sent, unless `keep_going`; what runs is waited for."""
        for number, line in reading.lines_of(text):
            try:
                self._send(number, line)
            except EOFError:
                break
            if self._is_over:
                break
        self._drain(0)
        return self.status

    @property
    def _is_over(self) -> bool:
        interrupted = self.status == ExitStatus.INTERRUPTED
        return interrupted or (self.status != ExitStatus.DONE and not self.keep_going)

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
        self.variables.begin()
        name, line = capture_of(line)
        if name:
            self.variables.put(name, None)  # a line that fails names nothing
        words, flags = self.read(line, self.variables.expand)
        if not words and not flags.help:
            return None
        is_own = flags.help or builtin_of(self.session, words) is not None
        if is_own or name:
            self._drain(0)
            if self._is_over:  # by a line before this one
                return None
        if is_own and not name:
            self.run(words, flags)
            self.session.environment.stdout.flush()
            return None
        try:
            if name:
                self.variables.put(name, self._value(words, flags, is_own))
                return None
            return self.session.send(words, flags)
        except Unknown as problem:
            raise or_builtin(problem, words[0]) from None

    def _value(self, words: list[str], flags: Flags, is_own: bool) -> str:
        if not is_own:
            return self.session.value(words, flags)
        if words[0].lower() != "api" or flags.help:
            raise UsageError(f"What {words[0]} says cannot have a name; an API's answer can.")
        return self.session.value(words[1:], flags, is_raw=True)

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
        if isinstance(problem, CmkError):
            problem.message = self.variables.without_values(problem.message)
            problem.hint = self.variables.without_values(problem.hint)
        status = self.report(problem, f"line {number}: ")
        self.status = self.status or status
