"""Sessions of users that have logged in: a cookie, a key beside it, and an end."""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass, field
from threading import Lock

#: Seconds for which a session is good that nobody uses (CloudStack tells 36000).
IDLE = 36000.0
#: So many at once; the one that was used longest ago gives way.
MOST = 1000


@dataclass
class WebSession:
    """One session: whose it is and by which password (as it is kept), and what every call of it has
    to bring besides the cookie; whether there is a second factor, whether it has been shown, or
    there is none, and how often it was tried in vain."""

    user: str
    password: str = ""
    has_factor: bool = False
    is_verified: bool = True
    failures: int = 0
    key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    used: float = field(default_factory=time.monotonic)


class Sessions:
    """All sessions of one server, in memory: they end with it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._by_cookie: dict[str, WebSession] = {}

    def begin(self, user: str, password: str, has_factor: bool) -> tuple[str, WebSession]:
        """A new session of the user with this id: its cookie, and itself."""
        session = WebSession(user, password, has_factor, is_verified=not has_factor)
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            self._drop_old()
            self._by_cookie[cookie] = session
        return cookie, session

    def find(self, cookie: str, key: str) -> WebSession | None:
        """The session with this cookie, if the key is its own; it is used now."""
        with self._lock:
            session = self._by_cookie.get(cookie)
            if session is None or time.monotonic() - session.used > IDLE:
                return None
            if not hmac.compare_digest(session.key.encode(), key.encode("utf-8", "replace")):
                return None
            session.used = time.monotonic()
            return session

    def end(self, cookie: str) -> bool:
        """Log out; whether there was such a session."""
        with self._lock:
            return self._by_cookie.pop(cookie, None) is not None

    def _drop_old(self) -> None:
        now = time.monotonic()
        kept = {c: s for c, s in self._by_cookie.items() if now - s.used <= IDLE}
        oldest = sorted(kept, key=lambda cookie: kept[cookie].used)
        for cookie in oldest[: max(0, len(kept) - MOST + 1)]:
            del kept[cookie]
        self._by_cookie = kept
