"""Rows of list APIs for completion, fetched in the background on connections of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Condition, Thread
from typing import Any

from cmk.config.file import Profile

Row = dict[str, Any]

#: A server, by its profile's name and URL, and a list API of it: never are ids of one server
#: shown for another.
Key = tuple[str, str, str]

#: Seconds for which rows are good.
FRESH = 60.0

#: Questions that are put at once: a slow one does not hold up the next parameter's.
AT_ONCE = 3

_NEVER = float("-inf")


class Names:
    """What list APIs have, as far as is known: a question never waits, it only begins a fetch.

    When too many are under way the newest question waits for its turn, and one that waited before
    it is dropped: somebody has typed on.
    """

    def __init__(
        self, fetch: Callable[[Profile, str], list[Row]], arrived: Callable[[], None] = lambda: None
    ) -> None:
        """`fetch` is called in threads of its own, and `arrived` there after each answer."""
        self._fetch = fetch
        self._arrived = arrived
        self._lock = Condition()
        self._known: dict[Key, tuple[float, list[Row]]] = {}
        self._asked: set[Key] = set()
        self._waiting: tuple[Key, Profile] | None = None
        #: Why the last fetch failed, for the toolbar; "" where it did not.
        self.problem = ""

    def rows(self, profile: Profile, api: str) -> list[Row]:
        """The rows that are known now; old ones while new ones are fetched."""
        key = profile.name, profile.url, api
        with self._lock:
            when, rows = self._known.get(key, (_NEVER, []))
            if time.monotonic() - when > FRESH and key not in self._asked:
                self._waiting = key, profile
                self._ask()
        return rows

    def wait(self, seconds: float) -> bool:
        """Until no answer is waited for, or the time is over; False where there was none."""
        with self._lock:
            asked = bool(self._asked)
            self._lock.wait_for(lambda: not self._asked, seconds)
        return asked

    @property
    def is_asking(self) -> bool:
        """Whether an answer is waited for."""
        with self._lock:
            return bool(self._asked)

    def forget(self) -> None:
        """After a command that may have changed something, the next question fetches anew."""
        with self._lock:
            self.problem = ""
            self._known = {key: (_NEVER, rows) for key, (_, rows) in self._known.items()}

    def _ask(self) -> None:
        """Put the question that waits, if there is one and it is its turn; the lock is held."""
        if self._waiting is None or len(self._asked) >= AT_ONCE:
            return
        (key, profile), self._waiting = self._waiting, None
        self._asked.add(key)
        # A daemon thread: a server that does not answer does not keep a shell from ending.
        Thread(target=self._answer, args=(key, profile), name="names", daemon=True).start()

    def _answer(self, key: Key, profile: Profile) -> None:
        rows: list[Row] = []
        try:
            rows, problem = self._fetch(profile, key[2]), ""
        except Exception as caught:  # whatever it is, it is told in the toolbar
            problem = str(caught).partition("\n")[0] or type(caught).__name__
        with self._lock:
            self.problem = problem
            self._known[key] = time.monotonic(), rows
            self._asked.discard(key)
            self._ask()
            self._lock.notify_all()
        self._arrived()
