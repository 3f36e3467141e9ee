"""What the terminal does while a line runs, and while a prompt comes and goes."""

from __future__ import annotations

import signal
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def unechoed(stdin: TextIO) -> Iterator[Callable[[], None]]:
    """What is typed ahead is kept for the prompt, and does not stand among the output.

    Gives what ends that early: before a program that reads from the terminal itself.
    """
    try:
        before = termios.tcgetattr(stdin.fileno())
    except (OSError, ValueError, termios.error):  # no terminal
        yield lambda: None
        return
    silent = list(before)
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(stdin.fileno(), termios.TCSANOW, silent)
    is_silent = True

    def restore() -> None:
        nonlocal is_silent
        if is_silent:
            is_silent = False
            termios.tcsetattr(stdin.fileno(), termios.TCSANOW, before)

    try:
        yield restore
    finally:
        restore()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C is the prompt's, as a key, or a program's: to us it is no signal, which would break a
    prompt that comes or goes, and lose the status of a program that ends."""
    if threading.current_thread() is not threading.main_thread():  # no signals come there
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
