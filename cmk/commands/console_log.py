"""`cmk console VM --follow` and `--wait REGEX`: what a console shows, as it comes."""

from __future__ import annotations

import re
import time
from codecs import getincrementaldecoder
from collections.abc import Callable
from io import IncrementalNewlineDecoder

from cmk.errors import CmkError, UsageError, WaitTimeout
from cmk.session.flags import Flags
from cmk.session.session import Session

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
    # What ends in the midst of a letter or of a line's end is held back until the rest is there.
    decoder = IncrementalNewlineDecoder(getincrementaldecoder("utf-8")("replace"), translate=True)
    seen, text = 0, ""
    while True:
        is_over = not state()[1]  # before the look, so that the last words are seen
        content = log()
        fresh = decoder.decode(content[seen:], is_over)
        seen, text = len(content), text + fresh
        if flags.follow and fresh:
            session.environment.show(fresh)
            session.environment.stdout.flush()
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
