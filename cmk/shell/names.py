"""Rows of list APIs for completion, fetched in the background on a connection of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any

from cmk.config import Profile

Row = dict[str, Any]

#: A server, by its profile's name and URL, and a list API of it: never are ids of one server
#: shown for another.
Key = tuple[str, str, str]

#: Seconds for which rows are good.
FRESH = 60.0

_NEVER = float("-inf")


class Names:
    """What list APIs have, as far as is known: a question never waits, it only begins a fetch."""

    def __init__(
        self, fetch: Callable[[Profile, str], list[Row]], arrived: Callable[[], None] = lambda: None
    ) -> None:
        """`fetch` is called in one thread of its own, and `arrived` there after each answer."""
        self._fetch = fetch
        self._arrived = arrived
        self._known: dict[Key, tuple[float, list[Row]]] = {}
        self._asked: set[Key] = set()
        self._wanted: SimpleQueue[tuple[Key, Profile]] = SimpleQueue()
        self._thread: Thread | None = None
        #: Why the last fetch failed, for the toolbar; "" where it did not.
        self.problem = ""

    def rows(self, profile: Profile, api: str) -> list[Row]:
        """The rows that are known now; old ones while new ones are fetched."""
        key = profile.name, profile.url, api
        when, rows = self._known.get(key, (_NEVER, []))
        if time.monotonic() - when > FRESH and key not in self._asked:
            self._asked.add(key)
            self._wanted.put((key, profile))
            if self._thread is None:
                # A daemon thread: a server that does not answer does not keep a shell from ending.
                self._thread = Thread(target=self._work, name="names", daemon=True)
                self._thread.start()
        return rows

    def forget(self) -> None:
        """After a command that may have changed something, the next question fetches anew."""
        self._known = {key: (_NEVER, rows) for key, (_, rows) in self._known.items()}

    def _work(self) -> None:
        while True:
            key, profile = self._wanted.get()
            rows: list[Row] = []
            try:
                rows, self.problem = self._fetch(profile, key[2]), ""
            except Exception as problem:  # whatever it is, it is told in the toolbar
                self.problem = str(problem).partition("\n")[0] or type(problem).__name__
            self._known[key] = time.monotonic(), rows
            self._asked.discard(key)
            self._arrived()
