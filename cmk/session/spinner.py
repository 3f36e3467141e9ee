"""A sign of life while an answer is waited for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import cycle
from threading import Event, RLock, Thread

from cmk.environment import Environment, harmless
from cmk.session.progress import SpokenBar, clock


def waiting(environment: Environment, what: str) -> AbstractContextManager[object]:
    """A sign of life while something is waited for, for a person who looks on."""
    if environment.is_quiet or not environment.error_is_terminal:
        return nullcontext()
    return Spinner(environment, what)


class Spinner:
    """Tells what is waited for when that takes more than half a second: in a terminal with a sign
    that turns, for a screen reader with a line every ten seconds.

    What is said meanwhile takes its place, and it goes on below; what is asked ends it.
    """

    AFTER, EVERY = 0.5, 0.1

    def __init__(self, environment: Environment, what: str) -> None:
        self._environment = environment
        self._what = harmless(what)
        self._began = time.monotonic()
        self._is_drawn = False
        self._lock = RLock()
        self._ended = Event()
        turn = self._turn if environment.is_lively else self._speak
        self._thread = Thread(target=turn, name="spinner", daemon=True)

    def __enter__(self) -> Spinner:
        self._environment.spinner = self
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self.end()
        self._thread.join()
        self._environment.spinner = None

    def end(self) -> None:
        """Somebody is asked, or it is over."""
        self._ended.set()
        with self.aside():
            pass

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Without its line, as long as this lasts."""
        with self._lock:
            if self._is_drawn:
                self._write("")
            yield

    def _write(self, line: str) -> None:
        self._is_drawn = bool(line)
        self._environment.stderr.write(f"\r\x1b[K{line}")
        self._environment.stderr.flush()

    def _turn(self) -> None:
        signs, pause = cycle("|/-\\"), self.AFTER
        while not self._ended.wait(pause):
            with self._lock:
                if not self._ended.is_set():
                    told = f"{next(signs)} {self._told()}"
                    self._write(told[: self._environment.width - 1])
            pause = self.EVERY

    def _speak(self) -> None:
        while not self._ended.wait(SpokenBar.EVERY):
            self._environment.say(self._told())

    def _told(self) -> str:
        return f"{self._what}  {clock(time.monotonic() - self._began)}"
