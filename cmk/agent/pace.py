"""How slow a connection may be."""

from __future__ import annotations

import time

from .failures import TransportFailure


class Pace:
    """Notices a connection that is alive but useless: fewer than `low` bytes/s for `window` s."""

    def __init__(self, low: int, window: float) -> None:
        self._low = low
        self._window = window
        self._since = time.monotonic()
        self.count = 0

    def check(self) -> None:
        """Raise TransportFailure when a window was too slow; `count` is its bytes so far."""
        passed = time.monotonic() - self._since
        if passed < self._window:
            return
        if self.count < self._low * passed:
            raise TransportFailure(
                f"it was slower than {self._low} bytes/s for {self._window:.0f} s"
            )
        self._since, self.count = time.monotonic(), 0
