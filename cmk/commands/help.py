"""Help: the general page, a verb's nouns, one API's parameters and fields; and the version."""

from __future__ import annotations

from contextlib import suppress
from textwrap import fill

from cmk import __version__
from cmk.catalog import Api, Catalog
from cmk.commands import BUILTINS
from cmk.config.settings import OF_CORE, OF_PROFILE, VALUES
from cmk.errors import ConfigurationError, UsageError
from cmk.line import flags as flag_table
from cmk.session.session import Flags, Session

GENERAL = """\
cmk - a CloudMonkey-style command line for Apache CloudStack, with a direct-download lab

  cmk VERB NOUN key=value ...   run one API call:  cmk list zones filter=id,name
  cmk                           the interactive shell (cmk help shell: its keys and lines)
  cmk -f FILE, ... | cmk        run a file of lines, or lines from standard input

Flags (before or after the command; -- ends them)
{flags}

Beside parameters: filter=a,b.c (columns), exclude=a,b, query=JMESPATH; KEY=@FILE, KEY=@- (standard
input), KEY=@@x (a literal @x); IDPARAM=name:web1 (looked up)

Environment: CMK_URL CMK_API_KEY CMK_SECRET_KEY CMK_PROFILE CMK_OUTPUT CMK_TIMEOUT CMK_CONFIG
  CMK_DEBUG, CLOUDSTACK_ENDPOINT CLOUDSTACK_KEY CLOUDSTACK_SECRET, PAGER, NO_COLOR,
  CMK_NO_ANIMATION (nothing moves or opens by itself, for screen readers), proxy variables

Exit status: 0 done, 1 the API refused, 2 usage, 3 not authorised, 4 job failed,
  5 unreachable, 6 configuration, 7 no such thing, 124 timed out waiting, 130 interrupted

Built-in commands
"""


SHELL = """\
The shell: the same lines as everywhere, and these

  Tab                  puts in what fits or what several have in common, or goes to the next
  Enter                runs the line; in an open quote, or behind a \\, goes on in another row
  Right, Ctrl-R        takes the grey suggestion from history; searches history
  Ctrl-C, Ctrl-D       leaves the line, or ends what runs; leaves the shell
  Ctrl-X Ctrl-E        opens the line in $EDITOR;  Ctrl-Z suspends the shell

  LINE | COMMAND       output through your own shell;  LINE > FILE, LINE >> FILE
  LINE &               in the background: jobs tells what is there, wait what it has said
  history [N] [-c]     the last lines;  !N, !! run one again
  !COMMAND             a command of your own shell
  set KEY VALUE        settings: help set
  tour                 five lines in the lab, from list zones to a running VM

An operator stands free, with a space on both sides; there are no others (no &&, no ;). Several
lines are several rows, as a text that is pasted has them: they run up to the first that fails.
"""


def run(session: Session, words: list[str], flags: Flags) -> None:
    """`help`, `help list`, `help list zones`."""
    text = page(session, words)
    with suppress(ConfigurationError):  # help is there without a server
        if session.learn_soon():
            text += "\nThe server's own words are being fetched, for the next time.\n"
    session.environment.show(text)


def page(session: Session, words: list[str]) -> str:
    """The help for some words of a command; raises UsageError where nothing is known of them."""
    words = [word for word in words if "=" not in word]
    if not words:
        return general(session)
    width = session.environment.width
    if words == ["shell"]:
        return SHELL
    if words[0] in BUILTINS:
        builtin = BUILTINS[words[0]]
        text = fill(builtin.summary, width, initial_indent="  ", subsequent_indent="  ")
        return f"cmk {builtin.usage}\n\n{text}\n" + (_settings(width) if words[0] == "set" else "")
    names = tuple(words)
    catalog = catalog_for_help(session)
    nouns = catalog.nouns(names[0])
    if len(names) == 1 and nouns and catalog.get(names[0]) is None:
        apis = [api for api in catalog.all() if api.verb == names[0].lower()]
        left = max(len(api.noun) for api in apis) + 1
        rows = [_entry(f"{api.verb} {api.noun:<{left}}", api.description, 0, width) for api in apis]
        return "\n".join(rows) + "\n"
    api = catalog.find(names)
    return of_api(catalog.described(api.name) or api, width)


def _settings(width: int) -> str:
    """What `set` can set."""
    out = []
    for title, settings in (
        ("For all profiles", {k: v for k, v in OF_CORE.items() if k not in OF_PROFILE}),
        ("Of the profile in use; output, timeout, asyncblock of all where none is", OF_PROFILE),
    ):
        out += ["", title]
        for name, about in settings.items():
            values = f" One of: {', '.join(VALUES[name])}." if name in VALUES else ""
            out.append(_entry(f"  {name}", f"{about}.{values}", 20, width))
    about = "the columns of a noun's table in a terminal: set columns.host name,state,ipaddress"
    out += ["", _entry("  columns.NOUN", about, 20, width)]
    return "\n".join(out) + "\n"


def catalog_for_help(session: Session) -> Catalog:
    """The server's catalog; the lab's where no server is configured: help must not fail."""
    try:
        return session.catalog
    except ConfigurationError:
        from cmk.catalog.index import lab

        return lab()


def general(session: Session) -> str:
    """The page of `cmk -h`."""
    width = session.environment.width
    flags = flag_table.lines()
    left = max(len(name) for name, _ in flags)
    listed = "\n".join(_entry(f"  {name}", about, left + 4, width) for name, about in flags)
    text = GENERAL.format(flags=listed) + "".join(
        f"  {b.usage}\n"
        + fill(b.summary, width, initial_indent=" " * 6, subsequent_indent=" " * 6)
        + "\n"
        for b in BUILTINS.values()
    )
    catalog = catalog_for_help(session)
    verbs: dict[str, list[str]] = {}
    for api in catalog.all():
        verbs.setdefault(api.verb, []).append(api.noun)
    lines = [
        fill(", ".join(nouns), width, initial_indent=f"  {verb:<9} ", subsequent_indent=" " * 12)
        for verb, nouns in sorted(verbs.items())
    ]
    return text + "\nAPIs (cmk VERB NOUN -h tells more)\n" + "\n".join(lines) + "\n"


def of_api(api: Api, width: int) -> str:
    """One API: what it does, its parameters with the required ones first, its fields."""
    wait = " (asynchronous: answers with a job)" if api.isasync else ""
    wait += f" Since {api.since}." if api.since else ""
    told = f" - {api.description}" if api.description else ""
    out = [fill(f"{api.verb} {api.noun}{told}{wait}", width)]
    if api.note:
        out += ["", fill(api.note, width)]
    params = sorted(api.params, key=lambda p: (not p.required, p.name))
    if params:
        out += ["", "Parameters (* required)"]
        left = max(len(p.name) + len(p.type) + 3 for p in params) + 3
        for param in params:
            label = f"{'*' if param.required else ' '} {param.name}= {param.type}"
            values = f" One of: {', '.join(param.values)}." if param.values else ""
            since = f" Since {param.since}." if param.since else ""
            out.append(_entry(label, f"{param.description}{values}{since}", left, width))
    if api.fields:
        out += ["", "Fields of the response"]
        left = max(len(f.name) + len(f.type) for f in api.fields) + 4
        out += [_entry(f"  {f.name} {f.type}", f.description, left, width) for f in api.fields]
    if api.related:
        out += ["", fill(f"Related: {api.related.replace(',', ', ')}", width)]
    return "\n".join(out) + "\n"


def _entry(label: str, text: str, left: int, width: int) -> str:
    first = f"{label:<{left}} "
    return fill(first + text, max(width, left + 20), subsequent_indent=" " * len(first)).rstrip()


def version(session: Session, words: list[str], flags: Flags) -> None:
    """`version`."""
    if words:
        raise UsageError("version takes no words.")
    session.environment.stdout.write(f"cmk {__version__}\n")


def in_the_shell(session: Session, words: list[str], flags: Flags) -> None:
    """`history`, `jobs` and `tour`, where there is no shell."""
    raise UsageError("That is for the shell.", "cmk without words, in a terminal, starts it.")


def leave(session: Session, words: list[str], flags: Flags) -> None:
    """`exit` and `quit`: end the shell or the batch, with the status of what went before."""
    raise EOFError
