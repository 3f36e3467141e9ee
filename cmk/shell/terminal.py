"""What the terminal does while a line runs, and while a prompt comes and goes."""

from __future__ import annotations

import signal
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def unechoed(stdin: TextIO) -> Iterator[None]:
    """What is typed ahead is kept for the prompt, and does not stand among the output."""
    try:
        before = termios.tcgetattr(stdin.fileno())
    except (OSError, ValueError, termios.error):  # no terminal
        yield
        return
    silent = list(before)
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(stdin.fileno(), termios.TCSANOW, silent)
    try:
        yield
    finally:
        termios.tcsetattr(stdin.fileno(), termios.TCSANOW, before)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C is a key of the prompt's: a signal would break it while it comes and goes."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
