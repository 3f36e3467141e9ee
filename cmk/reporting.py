"""The one printer of errors: a sentence on stderr, and the exit status that belongs to it."""

from __future__ import annotations

import os

from cmk.environment import Environment
from cmk.errors import CmkError, ExitStatus
from cmk.masks import in_text


def report(problem: BaseException, environment: Environment, debug: bool, place: str = "") -> int:
    """Say what went wrong, in a sentence on stderr; return the exit status that belongs to it."""
    if debug and not isinstance(problem, BrokenPipeError):
        import traceback

        environment.say("".join(traceback.format_exception(problem)).rstrip())
    if isinstance(problem, CmkError):
        _say_error(environment, place + problem.message, problem.hint)
        return problem.status
    if isinstance(problem, KeyboardInterrupt):
        _say_error(environment, place + "Interrupted.")
        return ExitStatus.INTERRUPTED
    if isinstance(problem, BrokenPipeError):
        _close_stdout(environment)
        return ExitStatus.DONE
    if isinstance(problem, OSError):
        if problem.filename is None:  # of our own output: nothing more can be written there
            _close_stdout(environment)
        _say_error(
            environment, place + f"{problem.strerror or problem}: {problem.filename or 'output'}"
        )
        return ExitStatus.FAILED
    if isinstance(problem, RecursionError):
        _say_error(environment, place + "The answer is nested too deeply to be read.")
        return ExitStatus.FAILED
    if isinstance(problem, SystemExit):
        return ExitStatus.FAILED
    _say_error(
        environment,
        place + f"This is a bug in cmk: {type(problem).__name__}: {problem}",
        "The same command with -d shows where; please report it.",
    )
    return ExitStatus.FAILED


def _say_error(environment: Environment, message: str, hint: str = "") -> None:
    text = f"cmk: {message}\n{hint}" if hint else f"cmk: {message}"
    try:
        environment.say(in_text(text))
    except OSError:
        return  # nobody listens on stderr: the exit status still tells


def _close_stdout(environment: Environment) -> None:
    """Whoever read our output is gone: let nothing more be written, not even at exit."""
    try:
        descriptor = environment.stdout.fileno()
    except (OSError, ValueError):
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)
