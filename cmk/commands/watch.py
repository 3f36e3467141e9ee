"""`cmk watch LINE`: a line that only reads, run again and again, with what has changed marked."""

from __future__ import annotations

import io
import os
import time
from dataclasses import replace

from cmk.cloud.client import is_read
from cmk.environment import Environment, harmless
from cmk.errors import CmkError, Interrupted, UsageError
from cmk.line.masking import masked
from cmk.session.flags import Flags
from cmk.session.session import Session

#: Video turned around, and back (ECMA-48).
_MARK, _PLAIN = "\x1b[7m", "\x1b[27m"


class _Sheet(io.StringIO):
    """What a line shows, as on the terminal that it is for."""

    def isatty(self) -> bool:
        return True


def run(session: Session, words: list[str], flags: Flags) -> None:
    """`watch [--every SECONDS] LINE…`, until Ctrl-C."""
    environment = session.environment
    names = tuple(word for word in words if "=" not in word)
    if not names or not is_read(session.catalog.find(names).name):
        raise UsageError(
            "watch is for lines that only read.", "For example: cmk watch list vms --every 5"
        )
    if not environment.output_is_terminal or not environment.is_lively:
        raise UsageError("watch needs a terminal on which things may move.")
    if not flags.output and not environment.variables.get("CMK_OUTPUT"):
        flags = replace(flags, output="table")
    every, before = flags.every or 2, list[str]()
    try:
        while True:
            lines = _shown(session, words, flags)
            _draw(environment, [f"Every {every} s: {' '.join(masked(words))}", "", *lines], before)
            before = ["", "", *lines]
            time.sleep(every)
    except (KeyboardInterrupt, Interrupted):
        environment.stdout.write("\n")  # the end that was meant


def _shown(session: Session, words: list[str], flags: Flags) -> list[str]:
    """What the line shows now, or why it shows nothing, in rows of the terminal."""
    there = session.environment
    sheet = _Sheet()
    told = {**there.variables, "COLUMNS": str(there.width), "NO_COLOR": "1", "CMK_QUIET": "1"}
    apart = Session(
        Environment(io.StringIO(), sheet, io.StringIO(), told),
        flags,
        session.connect,
        session.profile,
    )
    try:
        apart.run(words, flags)
    except Interrupted:
        raise
    except CmkError as problem:  # a server that comes back is seen again
        return [f"cmk: {row}" for row in str(problem).split("\n")]
    finally:
        apart.close()
    return sheet.getvalue().split("\n")


def _draw(environment: Environment, lines: list[str], before: list[str]) -> None:
    """Put rows on the screen, as many as it has; `before` are those that were there."""
    out, rows = environment.stdout, _rows(environment)
    out.write("\x1b[H")
    for number, line in enumerate(lines[:rows]):
        was = before[number] if number < len(before) else line if not before else ""
        text = _cut(harmless(line), environment.width)
        out.write(f"{marked(text, harmless(was)) if number > 1 else text}\x1b[K")
        out.write("\r\n" if number < min(rows, len(lines)) - 1 else "")
    out.write("\x1b[J")
    out.flush()


def _cut(text: str, width: int) -> str:
    """As much of a row as so many columns show; some letters take two."""
    if text.isascii():
        return text[:width]
    from wcwidth import wcwidth

    columns = 0
    for place, letter in enumerate(text):
        columns += max(wcwidth(letter), 0)
        if columns > width:
            return text[:place]
    return text


def marked(text: str, before: str) -> str:
    """A row with the letters marked that are not what they were."""
    pieces, is_marked = [], False
    for number, letter in enumerate(text):
        differs = number >= len(before) or before[number] != letter
        if differs != is_marked:
            pieces.append(_MARK if differs else _PLAIN)
            is_marked = differs
        pieces.append(letter)
    return "".join(pieces) + (_PLAIN if is_marked else "")


def _rows(environment: Environment) -> int:
    try:
        return os.get_terminal_size(environment.stdout.fileno()).lines
    except (OSError, ValueError):
        return 24
