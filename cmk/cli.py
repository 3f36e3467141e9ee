"""The command line: flags, and the four doors into a session."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import click

from cmk.backends import backend_of
from cmk.commands import API_OPTIONS, BUILTINS, OPTIONS, builtin_of, or_builtin
from cmk.config.file import Config
from cmk.config.settings import ALIAS
from cmk.environment import Environment
from cmk.errors import CmkError, ExitStatus, Unknown, UsageError
from cmk.line import reading
from cmk.line.flags import BY_WORD, FLAGS, Flag, first_word, values_of
from cmk.reporting import report
from cmk.session.flags import Flags
from cmk.session.session import Session


def _option(flag: Flag) -> click.Option:
    """A flag as click reads it, together with its `--no-…` where there is one."""
    off = BY_WORD.get(f"--no-{flag.name}")
    ways = [f"{flag.long}/{off.long}" if off else flag.long]
    if flag.short:
        ways.insert(0, f"{flag.short}/{off.short}" if off and off.short else flag.short)
    if "|" in flag.value:
        return click.Option(ways, type=click.Choice(flag.value.split("|")), default=None)
    if flag.value in _NUMBERS:
        return click.Option(ways, type=click.IntRange(*_NUMBERS[flag.value]), default=None)
    if flag.value:
        # `-f ""` is a file that cannot be read, not a missing one.
        default = None if flag.name == "file" else ""
        several = flag.name in ("location", "port", "set")
        return click.Option(ways, multiple=several, default=None if several else default)
    return click.Option(ways, is_flag=True, default=None if off or flag.name == "debug" else False)


#: What the numbers of flags may be.
_NUMBERS = {
    "SECONDS": (0, 10**9),
    "N": (1, 1000),
    "MIB": (32, 1 << 24),
    "GIB": (1, 1 << 20),
    "PORT": (0, 65535),
    "FD": (0, 1 << 20),
}

#: Only read, never invoked: `_flags_of` takes what click has parsed.
_SYNTAX = click.Command(
    "cmk",
    params=[
        *(_option(flag) for flag in FLAGS if not flag.undoes),
        click.Argument(["words"], nargs=-1, type=click.UNPROCESSED),
    ],
    add_help_option=False,
)

_SESSION_FLAGS = {field.name for field in dataclasses.fields(Flags)}
_ONCE = (
    "url",
    "profile",
    "config",
    "apikey",
    "secretkey",
    "error_format",
    "no_color",
    "quiet",
    "set",
    "file",
    "keep_going",
    "parallel",
    "version",
)


def _parse(argv: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Flags and words of a line, flags anywhere. Raises UsageError."""
    for word in argv:
        if not word.isprintable() and any(0xD800 <= ord(c) < 0xE000 for c in word):
            raise UsageError(f"{word!r} is not valid text in this locale's encoding.")
    try:
        params = dict(_SYNTAX.make_context("cmk", list(argv)).params)
    except click.ClickException as problem:
        raise UsageError(problem.format_message(), "All flags: cmk -h") from None
    return params, list(params.pop("words"))


def _without_alias(argv: list[str], environment: Environment) -> list[str]:
    """A line with the alias spelled out that its first word is, if it is one."""
    at = first_word(argv)
    if at is None or argv[at].lower() in BUILTINS:
        return argv
    try:
        core = Config.read(environment.config_file).core
    except CmkError:  # told by what needs the file
        return argv
    line = core.get(f"{ALIAS}{argv[at].lower()}")
    return argv if line is None else [*argv[:at], *reading.split(line), *argv[at + 1 :]]


def _flags_of(params: dict[str, Any], base: Flags | None = None) -> Flags:
    """The flags of a line; in a shell or batch, over those that cmk was started with."""
    said = {key: value for key, value in params.items() if key in _SESSION_FLAGS}
    if base is None:
        return Flags(**said)
    for name in _ONCE:
        if params.get(name):
            flag = "--" + name.replace("_", "-")
            raise UsageError(f"{flag} is said when cmk is started, not on a line of its own.")
    return dataclasses.replace(base, **{k: v for k, v in said.items() if v not in (None, "")})


def run(argv: list[str], environment: Environment) -> int:
    """One invocation of cmk; returns its exit status, and never raises."""
    debug = "-d" in argv or "--debug" in argv or environment.variables.get("CMK_DEBUG") == "1"
    spelled = argv
    environment.errors_are_objects = lambda: _errors_are_objects(spelled, environment)
    try:
        there = _as_said(environment, _parse(argv)[0])
        spelled = _without_alias(argv, there)
        params, words = _parse(spelled)
        environment = _as_said(environment, params)
        flags = _flags_of(params)
        debug = bool(flags.debug) or debug
        session = Session(environment, flags, backend_of)
        try:
            status = _enter(session, params, words, flags)
        finally:
            session.close()
        environment.stdout.flush()
        return status
    except BaseException as problem:
        return report(problem, environment, debug)


def _as_said(environment: Environment, params: dict[str, Any]) -> Environment:
    """The surroundings as flags would have them."""
    said = {"CMK_CONFIG": params["config"]}
    said |= {
        "NO_COLOR": "1" if params["no_color"] else "",
        "CMK_QUIET": "1" if params["quiet"] else "",
    }
    changed = {name: value for name, value in said.items() if value}
    return environment.with_variables(**changed) if changed else environment


def _errors_are_objects(argv: list[str], environment: Environment) -> bool:
    """Whether flag, environment or setting want errors as objects, where answers are JSON too."""
    said = {flag.name: text for flag, text in values_of(argv)}
    flags = Flags(
        url=said.get("url", ""),
        profile=said.get("profile", ""),
        output=said.get("output", ""),
        error_format=said.get("error_format", ""),
    )
    session = Session(environment, flags, backend_of)
    try:
        is_json = session.output_format(flags) in ("json", "jsonl")
        return is_json and session.setting("error_format", flags) == "json"
    except CmkError:  # it may be the very one that is to be told
        return flags.error_format == "json"


def _enter(session: Session, params: dict[str, Any], words: list[str], flags: Flags) -> int:
    """Which door: help, version, a file, standard input, the shell, or one line."""
    environment = session.environment
    if params["version"]:
        words = ["version"]
    if params["file"] is not None:
        if words:
            raise UsageError(f"-f runs a file of lines; '{' '.join(words)}' cannot go with it.")
        return _run_file(session, params["file"], flags, params)
    if params["parallel"]:
        raise UsageError("--parallel goes with -f FILE.")
    if params["set"] and (words or environment.input_is_terminal):
        raise UsageError("--set goes with lines of a file or of standard input.")
    if words or flags.help:
        return _quit_is_done(session, words, flags)
    if environment.input_is_terminal:
        from cmk.shell.shell import Shell

        return Shell(
            session,
            lambda session, line: run_line(session, line, flags),
            lambda session, run: guarded(session, flags, run),
        ).run()
    return _run_lines(session, environment.stdin, flags, params)


def _quit_is_done(session: Session, words: list[str], flags: Flags) -> int:
    with contextlib.suppress(EOFError), _paged_help(session, words, flags):
        run_words(session, words, flags)
    return ExitStatus.DONE


def _paged_help(session: Session, words: list[str], flags: Flags) -> AbstractContextManager[None]:
    """A page that is longer than the terminal goes through the pager, as in the shell."""
    is_help = flags.help or words[:1] == ["help"]
    if not is_help or not session.environment.output_is_terminal:
        return contextlib.nullcontext()
    from cmk.shell.pager import paged

    setting = ""
    with contextlib.suppress(CmkError):  # help is there whatever the file is like
        setting = session.setting("pager", flags)
    return paged(session.environment, setting)


def _run_file(session: Session, path: str, flags: Flags, params: dict[str, Any]) -> int:
    if path == "-":
        return _run_lines(session, session.environment.stdin, flags, params)
    try:
        with open(path, encoding="utf-8") as lines:  # noqa: PTH123 - "" must stay "", not "."
            return _run_lines(session, lines, flags, params)
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else problem
        raise UsageError(f"Cannot read the file of lines '{path}': {reason}.") from None


def _run_lines(session: Session, lines: Iterable[str], flags: Flags, params: dict[str, Any]) -> int:
    """Lines up to the first error, or all of them; the status is the first failure's."""
    from cmk.batch import Batch
    from cmk.line.variables import Variables, said

    return Batch(
        session,
        Variables(session.environment.variables, said(params["set"])),
        lambda line, expand: words_and_flags(line, flags, session.environment, expand),
        lambda words, said: run_words(session, words, said),
        lambda problem, place: report(
            problem, session.environment, session.is_debugging(flags), place
        ),
        params["parallel"] or 1,
        params["keep_going"],
    ).run_all(_readable(lines))


#: Characters of the longest line in a file of lines.
_LONGEST = 1 << 20


def _readable(text: Iterable[str]) -> Iterator[str]:
    """Lines of text; raises UsageError for bytes that are none."""
    readline = getattr(text, "readline", None)
    rows = iter(lambda: readline(_LONGEST), "") if readline else text
    try:
        for row in rows:
            if len(row) >= _LONGEST:
                raise UsageError(f"A line is longer than {_LONGEST >> 20} MiB.")
            yield row
    except UnicodeDecodeError as problem:
        raise UsageError(
            f"The lines are not text in {problem.encoding}: {problem.reason}."
        ) from None


def run_line(session: Session, line: str, flags: Flags) -> int:
    """One line of a shell: errors are printed here, `exit` comes out as EOFError."""

    def run() -> None:
        words, line_flags = words_and_flags(line, flags, session.environment, may_choose=True)
        if not words and not line_flags.help:
            return
        if line_flags.profile == flags.profile:
            run_words(session, words, line_flags)
            return
        with session.elsewhere(line_flags):
            run_words(session, words, line_flags)

    return guarded(session, flags, run)


def guarded(session: Session, flags: Flags, run: Callable[[], int | None]) -> int:
    """Do something whose errors are told; its exit status."""
    try:
        return run() or ExitStatus.DONE
    except (EOFError, BrokenPipeError):
        raise
    except BaseException as problem:
        return report(problem, session.environment, session.is_debugging(flags))


def words_and_flags(
    line: str,
    base: Flags,
    environment: Environment,
    expand: Callable[[str], str] | None = None,
    may_choose: bool = False,
) -> tuple[list[str], Flags]:
    """A line of a shell or batch: its words, and its flags over the base; `may_choose` another
    profile. Raises UsageError."""
    typed = words = reading.split(line, expand)
    literal = frozenset[str]()
    if expand is not None and "$" in line:
        from cmk.line.variables import literal_in

        literal = literal_in(reading.split(line), typed)
    if words[:1] == ["cmk"]:  # as hints and the README write a line
        words = words[1:]
    params, words = _parse(_without_alias(words, environment))
    chosen = params["profile"] if may_choose else ""
    flags = _flags_of({**params, "profile": "" if may_choose else params["profile"]}, base)
    if chosen:  # with its own server and keys, and nothing of those that cmk was started with
        flags = dataclasses.replace(flags, profile=chosen, url="", apikey="", secretkey="")
    return words, dataclasses.replace(flags, literal=literal)


def run_words(session: Session, words: list[str], flags: Flags) -> None:
    """One command: help for it, a built-in, or an API."""
    if flags.help:
        from cmk.commands import help as help_pages

        help_pages.run(session, words, flags)
        return
    builtin = builtin_of(session, words)
    taken = builtin.options if builtin else API_OPTIONS
    for option in (*OPTIONS, *API_OPTIONS):
        if getattr(flags, option) and option not in taken:
            raise UsageError(f"--{option.replace('_', '-')} does not go with {' '.join(words)}.")
    if builtin is not None:
        builtin.load()(session, words[1:], flags)
    else:
        try:
            session.run(words, flags)
        except Unknown as problem:
            raise or_builtin(problem, words[0]) from None
