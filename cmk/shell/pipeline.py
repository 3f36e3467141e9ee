"""`list zones | grep x`, `> file`, `>> file`, `&`: what of a line is not cmk's own language."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO, cast

from cmk.environment import Environment
from cmk.errors import ExitStatus, UsageError
from cmk.line.reading import words_of
from cmk.shell.terminal import uninterrupted

_OPERATORS = ("|", ">", ">>")


def split(line: str) -> tuple[str, str]:
    """The line itself, and what the shell makes of its output: `| grep x`; "" for nothing.

    Only an operator that stands free is one: `url=http://h/x?a=1&b=2` and `name=a>b` are values.
    """
    for word in words_of(line):
        if word.raw in _OPERATORS and line[word.end :].strip():
            return line[: word.start], line[word.start :]
    return line, ""


#: What looks like an operator of a shell, and is none here.
_FOREIGN = re.compile(r"(&&|\|\||;|[\w]*;|[\d&]?>>?&?[^>=]+|<.*|\|[^|=]+|#.*)\Z", re.DOTALL)


def check(line: str) -> None:
    """Raises UsageError for what a shell would take as an operator, and this language does not."""
    for word in (each.raw for each in words_of(split(line)[0])):
        found = _FOREIGN.match(word)
        if found is None or "'" in word or '"' in word:
            continue
        if word.startswith("#"):
            hint = "A remark is a row of its own."
        elif word.startswith("|") and word != "||":
            hint = "A space goes behind it: | COMMAND."
        elif word.lstrip("0123456789&").startswith(">"):
            hint = "A space goes behind it: > FILE, >> FILE. What is told on stderr stays here."
        else:
            hint = "There are | COMMAND, > FILE, >> FILE and a final &; more lines are more rows."
        raise UsageError(f"'{word}' is no operator here.", hint)


def without_ampersand(line: str) -> tuple[str, bool]:
    """The line without a free `&` at its end, and whether it had one: it goes to the background."""
    words = words_of(line)
    if len(words) > 1 and words[-1].raw == "&":
        return line[: words[-1].start], True
    return line, False


def run(
    environment: Environment,
    line: str,
    rest: str,
    run_line: Callable[[str], int],
    started: Callable[[subprocess.Popen[str]], None] | None = None,
) -> int:
    """Run a line with its output into what `rest` says; the status of the first that failed.

    With `started` it runs in the background: out of reach of the terminal's Ctrl-C, and `started`
    is told what can be ended. Raises UsageError where the user's shell cannot be given that.
    """
    script = rest[1:] if rest.startswith("|") else f"cat {rest}"
    terminal = environment.stdout
    terminal.flush()
    with _popen(
        environment,
        script,
        stdin=subprocess.PIPE,
        stdout=_descriptor(terminal),
        stderr=_descriptor(environment.stderr),
        encoding="utf-8",
        errors="backslashreplace",
        start_new_session=started is not None,
    ) as reader:
        if started is not None:
            started(reader)
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
            ended = _ended(reader)
    return status or ended


def command(environment: Environment, text: str) -> int:
    """`!ls -l`: a command of the user's shell, on this terminal; its status."""
    environment.stdout.flush()
    with _popen(environment, text) as process:
        return _ended(process)


def _popen(environment: Environment, script: str, **how: Any) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen([shell_of(environment), "-c", script], **how)
    except (OSError, ValueError) as problem:  # too long, a zero byte, no such shell
        raise UsageError(f"Your shell cannot run that: {problem}.") from None


def _ended(process: subprocess.Popen[str]) -> int:
    """The exit status of a program as a shell gives it, when it has ended: Ctrl-C is its own."""
    with uninterrupted():
        status = process.wait()
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
