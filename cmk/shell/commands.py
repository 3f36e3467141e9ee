"""Lines that the shell itself answers: `history`, `jobs`, `wait 1`, `tour`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cmk.errors import CmkError, ExitStatus, UsageError

if TYPE_CHECKING:
    from cmk.shell.background import BackgroundLine
    from cmk.shell.parts import ShellParts

#: Answers with an exit status; raises CmkError.
Command = Callable[["ShellParts", list[str]], int]


def history(shell: ShellParts, words: list[str]) -> int:
    """`history [N] [-c]`: numbered lines, the newest last."""
    if words == ["-c"]:
        shell.history.clear()
        return ExitStatus.DONE
    if len(words) > 1 or not all(word.isascii() and word.isdigit() for word in words):
        raise UsageError("It is history [N] [-c].", "!N runs line N again, !! the last one.")
    lines = shell.history.lines()
    first = max(len(lines) - int(words[0]), 0) if words else 0
    for number, line in enumerate(lines[first:], first + 1):
        shell.environment.show(f"{number:5}  {line}\n")
    return ExitStatus.DONE


def jobs(shell: ShellParts, words: list[str]) -> int:
    """`jobs`: what runs in the background, and what has ended without its output being shown."""
    if words:
        raise UsageError("jobs takes no words.")
    shell.background.untold()
    if not shell.background.lines:
        shell.environment.say("Nothing is in the background; `LINE &` puts a line there.")
    for line in shell.background.lines:
        shell.environment.show(f"{line}\n")
    return ExitStatus.DONE


def wait(shell: ShellParts, words: list[str]) -> int:
    """`wait`, `wait 1 2`: until these lines have ended, and what they have said; the first
    failure's status."""
    wanted = [_line(shell, word) for word in dict.fromkeys(words)]
    status = int(ExitStatus.DONE)
    for line in wanted or list(shell.background.lines):
        line.join()
        line.is_told = True
        shell.environment.say(str(line))
        shell.environment.show(line.said)
        shell.environment.stdout.flush()
        shell.background.forget(line)
        status = status or line.status
    return status


def _line(shell: ShellParts, word: str) -> BackgroundLine:
    for line in shell.background.lines:
        if str(line.number) == word:
            return line
    raise UsageError(f"There is no line [{word}] in the background.", "`jobs` lists them.")


def tour(shell: ShellParts, words: list[str]) -> int:
    """`tour`: begin it; the prompt shows its lines."""
    from cmk.shell.tour import Tour

    if words:
        raise UsageError("tour takes no words.")
    if not shell.profile.is_lab:
        raise CmkError(
            "The tour is for the lab: it makes things.", "Go there with: profile use lab"
        )
    if not shell.environment.output_is_terminal:
        raise UsageError("The tour needs the terminal.")
    shell.tour = Tour(shell.profile, shell.environment, shell.rows)
    return ExitStatus.DONE


#: By their first word. `wait` is one only without the ids of a server's jobs.
COMMANDS: dict[str, Command] = {"history": history, "jobs": jobs, "wait": wait, "tour": tour}


def command_of(words: list[str]) -> Command | None:
    """The command of the shell that these words are, if they are one."""
    found = COMMANDS.get(words[0].lower()) if words else None
    is_of_jobs = found is wait and any(not word.isdigit() for word in words[1:])
    return None if is_of_jobs or "-h" in words or "--help" in words else found
