"""Waiting for what comes by itself, as long as a busy machine may take."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds. What works takes less, also on a machine with three tests at once."""


def until(look: Callable[[], T], what: str, pause: float = 0.05) -> T:
    """What `look` gives, once it is true; `what` says in a failure what never came."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: never, but {found!r}")
        time.sleep(pause)
    return found
