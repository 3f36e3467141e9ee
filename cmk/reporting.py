"""The one printer of errors: a sentence or an object on stderr, and the exit status that belongs
to it."""

from __future__ import annotations

import os
from typing import NamedTuple

from cmk.environment import Environment
from cmk.errors import CmkError, ExitStatus
from cmk.masks import in_text

#: What errors of an API or a job carry besides.
_OWN = ("errorcode", "cserrorcode", "errortext", "jobid")


class _Told(NamedTuple):
    """What is said of a problem."""

    message: str
    hint: str
    status: int


def report(problem: BaseException, environment: Environment, debug: bool, place: str = "") -> int:
    """Say what went wrong on stderr, in a sentence, or as an object where the environment's
    `errors_are_objects`; return the exit status that belongs to it."""
    if isinstance(problem, BrokenPipeError):
        _close_stdout(environment)
        return ExitStatus.DONE
    if debug:
        import traceback

        environment.say("".join(traceback.format_exception(problem)).rstrip())
    if isinstance(problem, SystemExit):
        return problem.code if isinstance(problem.code, int) else ExitStatus.FAILED
    if isinstance(problem, OSError) and problem.filename is None:
        _close_stdout(environment)  # of our own output: nothing more can be written there
    told = _told(problem)
    try:
        if environment.errors_are_objects():
            environment.say(_object(problem, told, place))
        else:
            text = f" {place}{told.message}"
            environment.say(in_text(f"{text}\n{told.hint}" if told.hint else text), head="cmk:")
    except OSError:
        pass  # nobody listens on stderr: the exit status still tells
    return told.status


def _told(problem: BaseException) -> _Told:
    if isinstance(problem, CmkError):
        return _Told(problem.message, problem.hint, problem.status)
    if isinstance(problem, KeyboardInterrupt):
        return _Told("Interrupted.", "", ExitStatus.INTERRUPTED)
    if isinstance(problem, OSError):
        text = f"{problem.strerror or problem}: {problem.filename or 'output'}"
        return _Told(text, "", ExitStatus.FAILED)
    if isinstance(problem, RecursionError):
        return _Told("The answer is nested too deeply to be read.", "", ExitStatus.FAILED)
    return _Told(
        f"This is a bug in cmk: {type(problem).__name__}: {problem}",
        "The same command with -d shows where; please report it.",
        ExitStatus.FAILED,
    )


def _object(problem: BaseException, told: _Told, place: str) -> str:
    """`{"error":{"status":1,"kind":"ApiError",…}}` in one line of ASCII: what is there to be said,
    and CloudStack's own codes and text."""
    import json

    error: dict[str, object] = {"status": int(told.status), "kind": type(problem).__name__}
    if place:
        error["place"] = place.removesuffix(": ")
    error["message"] = in_text(told.message)
    if told.hint:
        error["hint"] = in_text(told.hint)
    for name in _OWN:
        value = getattr(problem, name, None)
        if value not in (None, ""):
            error[name] = in_text(value) if isinstance(value, str) else value
    return json.dumps({"error": error})


def _close_stdout(environment: Environment) -> None:
    """Whoever read our output is gone: let nothing more be written, not even at exit."""
    try:
        descriptor = environment.stdout.fileno()
    except (OSError, ValueError):
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)
