"""Help: the general page, a verb's nouns, one API's parameters and fields; and the version."""

from __future__ import annotations

from contextlib import suppress
from textwrap import fill

from cmk import __version__
from cmk.catalog import Api, Catalog
from cmk.catalog.nouns import SHORT
from cmk.commands import BUILTINS, Builtin
from cmk.commands.pages import GENERAL, TOPICS
from cmk.config.file import Config
from cmk.config.settings import ALIAS, OF_CORE, OF_PROFILE, VALUES
from cmk.errors import ConfigurationError, UsageError
from cmk.line import flags as flag_table
from cmk.session.flags import Flags
from cmk.session.session import Session


def run(session: Session, words: list[str], flags: Flags) -> None:
    """`help`, `help list`, `help list zones`."""
    text = page(session, words)
    with suppress(ConfigurationError):  # help is there without a server
        if session.learn_soon():
            text += "\nThe server's own words are being fetched, for the next time.\n"
    session.environment.show(text)


def page(session: Session, words: list[str]) -> str:
    """The help for some words of a command; raises UsageError where nothing is known of them."""
    words = [part for word in words if "=" not in word for part in word.split()]
    if not words:
        return general(session)
    width = session.environment.width
    topic = TOPICS.get(" ".join(words).lower())
    if topic is not None:
        return topic
    names = tuple(words)
    catalog = catalog_for_help(session)
    builtin = BUILTINS.get(words[0].lower())
    if builtin is not None and catalog.get("".join(words[:2])) is None:
        return _of_builtin(builtin, width) + _beside(catalog, words[0].lower(), width)
    nouns = catalog.nouns(names[0])
    if len(names) == 1 and nouns and catalog.get(names[0]) is None:
        return _of_verb(catalog, names[0].lower(), width)
    if len(words) == 1:
        found = _of_word(session, catalog, words[0].lower(), width)
        if found:
            return found
    api = catalog.find(names)
    return of_api(catalog.described(api.name) or api, width)


def _of_word(session: Session, catalog: Catalog, word: str, width: int) -> str:
    """What a word is that is neither a verb nor an API: an alias, or a noun."""
    with suppress(ConfigurationError):
        line = Config.read(session.environment.config_file).core.get(f"{ALIAS}{word}")
        if line is not None:
            return f"{word} is an alias of: {line}\n"
    stems = {word, word.removesuffix("s"), *SHORT.get(word.removesuffix("s"), ())}
    nouns = {f"{stem}{end}" for stem in stems for end in ("", "s", "es")}
    apis = [api for api in catalog.all() if api.noun in nouns]
    left = max((len(f"{api.verb} {api.noun}") for api in apis), default=0) + 1
    rows = [_entry(f"{api.verb} {api.noun}", api.description, left, width) for api in apis]
    return "".join(f"{row}\n" for row in rows)


def _of_builtin(builtin: Builtin, width: int) -> str:
    text = fill(builtin.summary, width, initial_indent="  ", subsequent_indent="  ")
    settings = _settings(width) if builtin is BUILTINS["set"] else ""
    return f"cmk {builtin.usage}\n\n{text}\n{settings}"


def _beside(catalog: Catalog, word: str, width: int) -> str:
    """The APIs whose verb is a built-in's name, too."""
    return f"\nAPIs\n{_of_verb(catalog, word, width)}" if catalog.nouns(word) else ""


def _of_verb(catalog: Catalog, verb: str, width: int) -> str:
    apis = [api for api in catalog.all() if api.verb == verb]
    left = max(len(api.noun) for api in apis) + 1
    rows = [_entry(f"{verb} {api.noun:<{left}}", api.description, 0, width) for api in apis]
    return "\n".join(rows) + "\n"


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
    if len(first) + len(text) <= width and text.isprintable():
        return (first + text).rstrip()  # of thousands, filling would take seconds
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
