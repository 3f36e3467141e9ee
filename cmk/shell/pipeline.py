"""`list zones | grep x`, `> file`, `>> file`: a line's output through the user's own shell."""

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


def run(environment: Environment, line: str, rest: str, run_line: Callable[[str], int]) -> int:
    """Run a line with its output into what `rest` says; the status of the first that failed."""
    script = rest[1:] if rest.startswith("|") else f"cat {rest}"
    shell = shutil.which(environment.variables.get("SHELL", "")) or "/bin/sh"
    terminal = environment.stdout
    terminal.flush()
    with subprocess.Popen(
        [shell, "-c", script], stdin=subprocess.PIPE, encoding="utf-8", errors="surrogateescape"
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
