"""`list zones | grep x`, `> file`, `>> file`, `&`: what of a line is not cmk's own language."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO, cast

from cmk.environment import Environment
from cmk.errors import ExitStatus

#: A word with its quotes: quoted parts, escaped characters, anything else but space.
WORD = re.compile(
    r"""(?:'[^']*(?:'|$)|"(?:\\.|[^"\\])*(?:"|\\?$)|\\.|\\$|[^ \t\r\n'"\\])+""", re.DOTALL
)

_OPERATORS = ("|", ">", ">>")


def split(line: str) -> tuple[str, str]:
    """The line itself, and what the shell makes of its output: `| grep x`; "" for nothing.

    Only an operator that stands free is one: `url=http://h/x?a=1&b=2` and `name=a>b` are values.
    """
    for word in WORD.finditer(line):
        if word[0] in _OPERATORS and line[word.end() :].strip():
            return line[: word.start()], line[word.start() :]
    return line, ""


def without_ampersand(line: str) -> tuple[str, bool]:
    """The line without a free `&` at its end, and whether it had one: it goes to the background."""
    words = list(WORD.finditer(line))
    if len(words) > 1 and words[-1][0] == "&":
        return line[: words[-1].start()], True
    return line, False


def run(environment: Environment, line: str, rest: str, run_line: Callable[[str], int]) -> int:
    """Run a line with its output into what `rest` says; the status of the first that failed."""
    script = rest[1:] if rest.startswith("|") else f"cat {rest}"
    terminal = environment.stdout
    terminal.flush()
    with subprocess.Popen(
        [shell_of(environment), "-c", script],
        stdin=subprocess.PIPE,
        stdout=_descriptor(terminal),
        stderr=_descriptor(environment.stderr),
        encoding="utf-8",
        errors="surrogateescape",
    ) as reader:
        pipe = cast(TextIO, reader.stdin)
        environment.stdout = pipe
        status = int(ExitStatus.DONE)
        try:
            # `| head` has what it wants: that is no error.
            with suppress(BrokenPipeError):
                status = run_line(line)
        finally:
            environment.stdout = terminal
            with suppress(BrokenPipeError):
                pipe.close()
    return status or reader.returncode


def command(environment: Environment, text: str) -> int:
    """`!ls -l`: a command of the user's shell, on this terminal; its status."""
    environment.stdout.flush()
    with subprocess.Popen([shell_of(environment), "-c", text]) as process:
        while True:
            try:
                status = process.wait()
            except KeyboardInterrupt:  # it has got that too, and decides
                continue
            return status if status >= 0 else 128 - status


def shell_of(environment: Environment) -> str:
    """The user's shell, as a program."""
    return shutil.which(environment.variables.get("SHELL", "")) or "/bin/sh"


def _descriptor(stream: TextIO) -> int | None:
    """Where a stream goes; None, which is where this process's goes, for one in memory."""
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None
