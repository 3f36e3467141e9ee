"""`cmk console VM --follow` and `--wait REGEX`: what a console shows, as it comes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from cmk.errors import CmkError, UsageError, WaitTimeout
from cmk.session.session import Flags, Session

#: Seconds between two looks.
PAUSE = 0.2


def follow(
    session: Session, flags: Flags, log: Callable[[], bytes], state: Callable[[], tuple[str, bool]]
) -> None:
    """Print what the log has and gets (`--follow`), until the wanted line is there (`--wait`), the
    only one that is printed unless all are.

    `state` says how the VM is, and whether its console may show more. Raises UsageError for no
    regular expression, WaitTimeout after `-t` seconds, CmkError where it can never come.
    """
    wanted = _pattern(flags.wait)
    limit = session.timeout(flags) if flags.timeout is not None or wanted else 0
    deadline = time.monotonic() + limit if limit else None
    shown = 0
    while True:
        is_over = not state()[1]  # before the look, so that the last words are seen
        text = log().decode(errors="replace").replace("\r\n", "\n")
        if flags.follow and len(text) > shown:
            session.environment.show(text[shown:])
            session.environment.stdout.flush()
            shown = len(text)
        found = wanted.search(text) if wanted else None
        if found is not None:
            if not flags.follow:
                session.environment.show(_line_of(text, found) + "\n")
            return
        if is_over:
            return _end(state()[0], flags.wait)
        if deadline is not None and time.monotonic() > deadline:
            what = f"'{flags.wait}' has not been shown" if wanted else "The time is over"
            raise WaitTimeout(f"{what} within {limit} s." if wanted else f"{what}: {limit} s.")
        time.sleep(PAUSE)


def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text, re.MULTILINE) if text else None
    except re.error as problem:
        raise UsageError(f"--wait {text} is no regular expression: {problem}.") from None


def _line_of(text: str, found: re.Match[str]) -> str:
    """The line, or lines, in which it was found."""
    end = text.find("\n", found.end())
    return text[text.rfind("\n", 0, found.start()) + 1 : end if end >= 0 else None]


def _end(state: str, wanted: str) -> None:
    if wanted:
        raise CmkError(f"{state}, and its console has not shown '{wanted}'.")
