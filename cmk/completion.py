"""What fits at the end of an unfinished line: a pure function of the text and a catalog.

Values that a server must be asked for come through `Values`: nothing here waits for anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from shlex import quote
from typing import Any

from cmk.catalog import Api, Catalog, Param
from cmk.config import FORMATS
from cmk.enumerations import ENUMERATIONS, MAKING, NAMED
from cmk.lookup import lister, name_of

#: Flags that take a value, and what kind of value that is.
VALUE_FLAGS = {
    "-o": "format",
    "--output": "format",
    "-p": "profile",
    "--profile": "profile",
    "-c": "file",
    "--config": "file",
    "-f": "file",
    "--file": "file",
    "-u": "",
    "--url": "",
    "-k": "",
    "--apikey": "",
    "-s": "",
    "--secretkey": "",
    "-t": "",
    "--timeout": "",
    "--parallel": "",
    "--location": "",
}

FLAGS = {
    "--help": "help on what comes before it",
    "--output": "json, jsonl, table, column, csv, text or value",
    "--profile": "the profile to use",
    "--url": "the server",
    "--config": "the config file",
    "--block": "wait for the job",
    "--no-block": "print the job's id only",
    "--timeout": "seconds to wait for a job",
    "--file": "a file of lines",
    "--keep-going": "go on after an error",
    "--parallel": "so many jobs at once",
    "--no-all": "the first page only",
    "--dry-run": "tell what would be sent",
    "--curl": "the call as curl's",
    "--force-params": "send unknown parameters too",
    "--debug": "tell what happens",
    "--version": "the version",
}

VIEWS = {
    "filter": "columns to show",
    "exclude": "columns to leave out",
    "query": "a JMESPath expression",
}


@dataclass(frozen=True)
class Candidate:
    """One thing that fits: what is put in, what is shown for it, and a word about it."""

    text: str
    shown: str = ""
    about: str = ""
    #: Whether the word goes on behind it: `zoneid=`.
    open: bool = False


@dataclass(frozen=True)
class Values:
    """Where values come from that the catalog does not have."""

    #: The rows of a list API, as far as they are known at this moment.
    rows: Callable[[str], list[dict[str, Any]]] = lambda _: []
    profiles: tuple[str, ...] = ("lab",)
    builtins: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """The words before the unfinished one, that one without its quotes, and where it begins."""

    before: tuple[str, ...]
    word: str
    start: int


def place_of(text: str) -> Place:
    """Split an unfinished line by POSIX quoting; what is open is taken as closed."""
    words: list[str] = []
    word, start, quote, begun, at = "", len(text), "", False, 0
    while at < len(text):
        char = text[at]
        if not quote and char.isspace():
            if begun:
                words.append(word)
            word, begun, start = "", False, len(text)
        else:
            if not begun:
                begun, start = True, at
            if quote:
                if char == quote:
                    quote = ""
                elif char == "\\" and quote == '"' and text[at + 1 : at + 2] in ('"', "\\"):
                    at += 1
                    word += text[at]
                else:
                    word += char
            elif char in "'\"":
                quote = char
            elif char == "\\" and at + 1 < len(text):
                at += 1
                word += text[at]
            elif char != "\\":
                word += char
        at += 1
    return Place(tuple(words), word, start)


def complete(text: str, catalog: Catalog, values: Values) -> tuple[str, list[Candidate]]:
    """The part of the text that a candidate replaces, unquoted, and the candidates for it."""
    place = place_of(text)
    before = list(place.before)
    if "|" in before or ">" in before or ">>" in before:
        return place.word, []
    if before[:1] == ["cmk"]:
        before = before[1:]
    if before and before[-1] in VALUE_FLAGS:
        return place.word, _fitting(place.word, _flag_values(VALUE_FLAGS[before[-1]], values))
    if place.word.startswith("-"):
        return place.word, _fitting(
            place.word, [Candidate(flag, flag, about) for flag, about in FLAGS.items()]
        )
    names, given = _names_and_params(before)
    api = _api_of(catalog, names)
    if api is not None and (names or given):
        return _of_api(api, catalog, values, place.word, given)
    return place.word, _fitting(place.word, _names(catalog, values, names))


def _flag_values(kind: str, values: Values) -> list[Candidate]:
    if kind == "format":
        return [Candidate(name) for name in FORMATS]
    return [Candidate(name) for name in values.profiles] if kind == "profile" else []


def _names_and_params(words: list[str]) -> tuple[list[str], set[str]]:
    names, given, skip = [], set(), False
    for word in words:
        if skip:
            skip = False
        elif word in VALUE_FLAGS:
            skip = True
        elif "=" in word:
            given.add(word.partition("=")[0].partition("[")[0].partition(".")[0].lower())
        elif not word.startswith("-"):
            names.append(word)
    return names, given


def _api_of(catalog: Catalog, names: list[str]) -> Api | None:
    if not names or len(names) > 2:
        return None
    return catalog.get("".join(names))


def _names(catalog: Catalog, values: Values, names: list[str]) -> list[Candidate]:
    """Verbs and built-ins, or the nouns of a verb."""
    if not names:
        found = [Candidate(verb) for verb in catalog.verbs()]
        return found + [Candidate(name, name, about) for name, about in values.builtins.items()]
    if names[0] == "help" and len(names) <= 2:
        return _names(catalog, Values(), names[1:])
    if len(names) == 1:
        return [Candidate(noun) for noun in catalog.nouns(names[0])]
    return []


def _of_api(
    api: Api, catalog: Catalog, values: Values, word: str, given: set[str]
) -> tuple[str, list[Candidate]]:
    key, equals, value = word.partition("=")
    if equals:
        return _of_value(api, catalog, values, key.lower(), value)
    params = sorted(api.params, key=lambda p: (not p.required, p.name))
    found = [
        Candidate(
            f"{param.name}=",
            f"{param.name}={'*' if param.required else ''}",
            f"{param.type}  {param.description}".strip(),
            open=True,
        )
        for param in params
        if param.name.lower() not in given
    ]
    found += [
        Candidate(f"{name}=", f"{name}=", about, open=True)
        for name, about in VIEWS.items()
        if name not in given and api.param(name) is None
    ]
    return word, _fitting(word, found)


def _of_value(
    api: Api, catalog: Catalog, values: Values, key: str, value: str
) -> tuple[str, list[Candidate]]:
    param = api.param(key.partition("[")[0].partition(".")[0])
    last = value.rpartition(",")[2]
    if param is not None:
        part = last if param.type == "list" else value
        return part, _fitting(part, _values_of(api, param, catalog, values))
    if key not in ("filter", "exclude"):
        return value, []
    taken = set(value.lower().split(",")[:-1])
    columns = (c for c in _columns(api, catalog, values) if c.text.lower() not in taken)
    return last, _fitting(last, columns)


def _columns(api: Api, catalog: Catalog, values: Values) -> list[Candidate]:
    """What an API answers with: by its description, else by the rows that are known."""
    described = catalog.described(api.name) or api
    if described.fields:
        return [
            Candidate(each.name, about=each.description, open=True) for each in described.fields
        ]
    keys = dict.fromkeys(key for row in _own_rows(api, values) for key in row)
    return [Candidate(key, open=True) for key in keys]


def _own_rows(api: Api, values: Values) -> list[dict[str, Any]]:
    return values.rows(api.name) if api.verb == "list" else []


def _values_of(api: Api, param: Param, catalog: Catalog, values: Values) -> list[Candidate]:
    if param.type == "boolean":
        return [Candidate("true"), Candidate("false")]
    known = param.values or ENUMERATIONS.get(param.name, ())
    if known:
        return [Candidate(each) for each in known]
    place = lister(catalog, api, param)
    if place:
        return _ids(values.rows(place))
    if param.name in NAMED and api.verb not in MAKING:
        place, column = NAMED[param.name]
        return _of_column(values.rows(place), column)
    return _of_column(_own_rows(api, values), param.name)


def _ids(rows: list[dict[str, Any]]) -> list[Candidate]:
    return [
        Candidate(quote(str(row["id"])), name_of(row) or str(row["id"]), _detail(row))
        for row in rows
        if row.get("id")
    ]


def _of_column(rows: list[dict[str, Any]], column: str) -> list[Candidate]:
    """The different values that rows have in a column, as words of a line."""
    found = (row[column] for row in rows if isinstance(row.get(column), str | int))
    return [Candidate(quote(each), each) for each in dict.fromkeys(map(str, found)) if each]


def _detail(row: Mapping[str, Any]) -> str:
    """What tells rows of one name apart: `2.1 GiB · Ready`."""
    from cmk.progress import size

    parts = []
    if isinstance(row.get("size"), int):
        parts.append(size(row["size"]))
    parts += [
        str(row[key]) for key in ("state", "status", "zonename", "displaytext") if row.get(key)
    ]
    return " · ".join(parts[:3])


def _fitting(typed: str, candidates: Iterable[Candidate]) -> list[Candidate]:
    """The candidates that begin with what was typed, then those with its letters in order."""
    wanted = typed.lower()
    ranked = []
    for number, candidate in enumerate(candidates):
        rank = min(
            _rank(wanted, candidate.text.lower()),
            _rank(wanted, (candidate.shown or candidate.text).lower()),
        )
        if rank < 3:
            ranked.append((rank, number, candidate))
    return [candidate for *_, candidate in sorted(ranked, key=lambda entry: entry[:2])]


def _rank(typed: str, text: str) -> int:
    """0 begins so, 1 contains it, 2 has the letters in order, 3 does not fit."""
    if text.startswith(typed):
        return 0
    if typed in text:
        return 1
    letters = iter(text)
    return 2 if all(letter in letters for letter in typed) else 3
