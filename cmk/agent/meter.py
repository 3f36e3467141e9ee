"""How far a download is, told in time for people: bytes, total, rate, and each mirror's share."""

from __future__ import annotations

import time
from threading import Lock
from typing import Any, Optional

from .pipeline import Tell
from .source import shown

#: Seconds between two progress events.
EVERY = 0.1


class Meter:
    """Counts what comes in and tells it, `EVERY` so often at the most."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._told = 0.0
        self._lock = Lock()
        self._began: Optional[float] = None
        self._fresh = 0
        self._mirrors: dict[str, int] = {}
        self.total: Optional[int] = None

    def phase(self, name: str) -> None:
        """Tell that something else begins."""
        self._tell({"phase": name})

    def received(self, mirror: str, count: int, at: int) -> None:
        """`count` bytes more from a mirror; `at` is how many are there in all."""
        with self._lock:
            if self._began is None:
                self._began = time.monotonic()
            self._fresh += count
            name = shown(mirror)
            self._mirrors[name] = self._mirrors.get(name, 0) + count
            self._event("Downloading", at)

    def unpacked(self, at: int) -> None:
        """So many of the packed bytes are unpacked."""
        with self._lock:
            self._event("Unpacking", at)

    def complete(self, at: int) -> None:
        """Tell the last of the downloading, whenever something was told last."""
        with self._lock:
            self._told = 0.0
            self._event("Downloading", at)

    def _event(self, phase: str, at: int) -> None:
        now = time.monotonic()
        if now - self._told < EVERY:
            return
        self._told = now
        event: dict[str, Any] = {"phase": phase, "bytes": at}
        if self.total:
            event["total"] = self.total
        if phase == "Downloading" and self._began is not None:
            # What an earlier run has left does not count: the rate is today's.
            event["rate"] = int(self._fresh / max(now - self._began, 0.001))
            if len(self._mirrors) > 1:
                event["mirrors"] = dict(self._mirrors)
        self._tell(event)
