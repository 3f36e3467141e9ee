"""What fits at the end of an unfinished line: a pure function of the line and a catalog.

Values that a server must be asked for come through `Values`: nothing here waits for anybody.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from cmk.catalog import Api, Catalog, Param
from cmk.commands import BUILTINS
from cmk.completion.enumerations import ENUMERATIONS, MAKING, NAMED, NUMBERS
from cmk.completion.place import Place
from cmk.config.settings import ALL, FORMATS, VALUES
from cmk.line.flags import BY_WORD, FLAGS, GENERAL, takes_value
from cmk.line.language import base_of
from cmk.line.lookup import PREFIX, lister, name_of

Row = dict[str, Any]

#: What a job's status says.
_JOBS = {0: "running", 1: "done", 2: "failed"}

VIEWS = {
    "filter": "columns to show",
    "exclude": "columns to leave out",
    "query": "a JMESPath expression",
    "sort": "columns to sort by; -created: the newest first",
}


class Candidate(NamedTuple):
    """One thing that fits: what is put in, what is shown for it, and a word about it."""

    text: str
    shown: str = ""
    about: str = ""
    #: Whether the word goes on behind it: `zoneid=`.
    open: bool = False
    #: Whether it is no line yet without a word more: a verb.
    is_verb: bool = False

    @property
    def label(self) -> str:
        return self.shown or self.text


class Values(NamedTuple):
    """Where values come from that the catalog does not have."""

    #: The rows of a list API, as far as they are known at this moment.
    rows: Callable[[str], list[Row]] = lambda _: []
    profiles: tuple[str, ...] = ("lab",)
    #: What a path can become.
    paths: Callable[[str], list[str]] = lambda _: []
    #: The days that a date may be, with a word about each: `2026-11-24`, `today`.
    days: tuple[tuple[str, str], ...] = ()


def days() -> tuple[tuple[str, str], ...]:
    """The days that a date is likely to be, today."""
    today = time.localtime()
    return (
        (time.strftime("%Y-%m-%d", today), "today"),
        (time.strftime("%Y-%m-01", today), "the first of this month"),
    )


def complete(place: Place, catalog: Catalog, values: Values) -> tuple[str, list[Candidate]]:
    """The part of the word that a candidate replaces, and the candidates that fit it, best first.

    Names are anybody's, and so are a server's words: what cannot be shown on a line is left
    out, what is told of it is one line of harmless text, and no two candidates put in the same.
    """
    part, found = _found(place, catalog, values)
    unique: dict[str, Candidate] = {}
    for each in _fitting(part, found):
        if f"{each.text}{each.label}".isprintable():
            unique.setdefault(each.text, each._replace(about=one_line(each.about)))
    return part, list(unique.values())


def one_line(text: str) -> str:
    """A text as one line that controls no terminal; blanks for what cannot be shown."""
    if text.isprintable():
        return text
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _found(place: Place, catalog: Catalog, values: Values) -> tuple[str, Iterable[Candidate]]:
    before, word = list(place.before), place.word
    if before[:1] == ["cmk"]:  # as hints and the README write a line
        before = before[1:]
    if before and takes_value(before[-1]):
        return word, _of_flag(before[-1], word, values)
    if word.startswith("-"):
        flag, equals, value = word.partition("=")
        return (value, _of_flag(flag, value, values)) if equals else (word, _flags(before))
    key, _, value = word.partition("=")
    if value.startswith("@") and not value.startswith("@@"):
        return value, _paths(value[1:], values, "@")
    if key.lower() == "file" and key != word:
        return value, _paths(value, values)
    line = _Line.of(before)
    if line.names[:1] == ["explain"]:  # what it explains is another line
        line = line._replace(names=line.names[1:] or ["explain"])
    if line.names[:1] == ["upload"] and len(line.names) == 2:
        line = line._replace(names=["get", f"uploadparamsfor{line.names[1]}"])
    api = catalog.get("".join(line.names)) if 0 < len(line.names) <= 2 else None
    if api is not None:
        return _of_api(catalog.described(api.name) or api, catalog, values, word, line)
    builtin = BUILTINS.get(line.names[0]) if line.names else None
    found = _names(catalog, line.names)
    if builtin is not None and builtin.words:
        kind = builtin.words[min(len(line.words), len(builtin.words)) - 1]
        found = _of_kind(kind, line, word, values) + found
    return word, found


class _Line(NamedTuple):
    """The words before the unfinished one: names, parameters, and all but flags as they are."""

    names: list[str]
    given: dict[str, str]
    words: list[str]

    @classmethod
    def of(cls, before: list[str]) -> _Line:
        line, skip = cls([], {}, []), False
        for word in before:
            key, equals, value = word.partition("=")
            if skip or word.startswith("-"):
                skip = not skip and takes_value(word)
                continue
            line.words.append(word)
            if equals:
                line.given[base_of(key).lower()] = value
            else:
                line.names.append(word.lower())
        return line


def _flags(before: list[str]) -> list[Candidate]:
    builtin = BUILTINS.get(next((w for w in before if not w.startswith("-")), ""))
    options = builtin.options if builtin else ()
    return [
        Candidate(flag.long, flag.long, flag.about)
        for flag in FLAGS
        if flag in GENERAL or flag.name in options
    ]


def _of_flag(word: str, typed: str, values: Values) -> list[Candidate]:
    flag = BY_WORD.get(word)
    kind = flag.value if flag else ""
    if kind == "FORMAT":
        return [Candidate(name) for name in FORMATS]
    if kind == "NAME":
        return [Candidate(name) for name in values.profiles]
    return _paths(typed, values) if kind == "FILE" else []


def _paths(typed: str, values: Values, mark: str = "") -> list[Candidate]:
    return [
        Candidate(mark + path, path.rstrip("/").rpartition("/")[2], open=path.endswith("/"))
        for path in values.paths(typed)
    ]


def _of_kind(kind: str, line: _Line, typed: str, values: Values) -> list[Candidate]:
    """What the table of built-ins says that a word may be."""
    if kind == "PROFILE":
        return [Candidate(name) for name in values.profiles]
    if kind == "SETTING":
        return [Candidate(name, name, about) for name, about in sorted(ALL.items())]
    if kind == "VALUE":
        setting = line.words[1].lower()
        known = values.profiles if setting == "profile" else VALUES.get(setting, ())
        return [Candidate(value) for value in known]
    if kind == "VM":
        rows = values.rows("listVirtualMachines")
        return [Candidate(name_of(row), about=_detail(row)) for row in rows if name_of(row)]
    if kind == "JOB":
        jobs = values.rows("listAsyncJobs")
        return [
            Candidate(
                str(job["jobid"]),
                about=f"{_JOBS.get(job.get('jobstatus', 0), '')}  "
                f"{str(job.get('cmd', '')).rpartition('.')[2]}  {job.get('created', '')}",
            )
            for job in sorted(jobs, key=lambda job: job.get("jobstatus") != 0)
            if job.get("jobid")
        ]
    if kind == "FILE":
        return _paths(typed, values)
    return [Candidate(word) for word in kind.split()]


def _names(catalog: Catalog, names: list[str]) -> list[Candidate]:
    """Verbs and built-ins, or the nouns of a verb."""
    if not names:
        found = [Candidate(verb, is_verb=verb not in BUILTINS) for verb in catalog.verbs()]
        taken = {each.text for each in found}
        return found + [
            Candidate(name, name, builtin.summary)
            for name, builtin in BUILTINS.items()
            if name not in taken
        ]
    if names[0] == "help" and len(names) <= 2:
        return _names(catalog, names[1:])
    if len(names) > 1:
        return []
    nouns = catalog.nouns(names[0])
    if not nouns:
        return []
    told = {name.lower(): text for name, text in catalog.summaries().items()}
    return [Candidate(noun, noun, told[names[0] + noun]) for noun in nouns]


def _of_api(
    api: Api, catalog: Catalog, values: Values, word: str, line: _Line
) -> tuple[str, Iterable[Candidate]]:
    key, equals, value = word.partition("=")
    if equals:
        return _of_value(api, catalog, values, key.lower(), value, line.given)
    params = sorted(api.params, key=lambda p: (not p.required, p.name))
    found = [
        Candidate(
            f"{param.name}=",
            f"{param.name}={'*' if param.required else ''}",
            f"{param.type}  {param.description}".strip(),
            open=True,
        )
        for param in params
        if param.name.lower() not in line.given
    ]
    found += [
        Candidate(f"{name}=", f"{name}=", about, open=True)
        for name, about in VIEWS.items()
        if name not in line.given and api.param(name) is None
    ]
    return word, found


def _of_value(
    api: Api, catalog: Catalog, values: Values, key: str, value: str, given: Mapping[str, str]
) -> tuple[str, Iterable[Candidate]]:
    param = api.param(base_of(key))
    last = value.rpartition(",")[2]
    if param is not None:
        part = last if param.type == "list" else value
        return part, _values_of(api, param, catalog, values, part, given)
    if key not in ("filter", "exclude", "sort"):
        return value, []
    taken = set(value.lower().split(",")[:-1])
    return last, [c for c in _columns(api, values) if c.text.lower() not in taken]


def _columns(api: Api, values: Values) -> list[Candidate]:
    """What an API answers with: by its description, else by the rows that are known."""
    if api.fields:
        fields = sorted(api.fields, key=lambda field: field.name not in ("id", "name"))
        return [Candidate(each.name, about=each.description, open=True) for each in fields]
    rows = values.rows(api.name) if api.verb == "list" else []
    return [Candidate(key, open=True) for key in dict.fromkeys(key for row in rows for key in row)]


def _values_of(
    api: Api, param: Param, catalog: Catalog, values: Values, typed: str, given: Mapping[str, str]
) -> list[Candidate]:
    if param.type == "boolean":
        return [Candidate("true"), Candidate("false")]
    if param.type == "date":
        return [Candidate(day, about=about) for day, about in values.days]
    if param.name in NUMBERS:
        return [Candidate(number, about=about) for number, about in NUMBERS[param.name].items()]
    known = param.values or ENUMERATIONS.get(param.name, ())
    if known:
        return [Candidate(each) for each in known]
    place = lister(catalog, api, param)
    if place:
        rows = values.rows(place)
        return _by_name(rows) if typed.startswith(PREFIX) else _ids(rows)
    if param.name in NAMED and api.verb not in MAKING:
        place, column = NAMED[param.name]
        return _of_column(values.rows(place), column)
    if param.name == "keyword" and api.verb == "list":
        names = dict.fromkeys(name_of(row) for row in values.rows(api.name))
        return [Candidate(name) for name in names if name]
    return _of_column(_own_rows(api, catalog, values, given), param.name)


def _own_rows(api: Api, catalog: Catalog, values: Values, given: Mapping[str, str]) -> list[Row]:
    """A list's rows, or the one that a line changes: what it says now is there to be edited."""
    if api.verb == "list":
        return values.rows(api.name)
    id, param = given.get("id", ""), api.param("id")
    place = lister(catalog, api, param) if id and param else ""
    rows = values.rows(place) if place else []
    return [row for row in rows if id in (row.get("id"), PREFIX + name_of(row))]


def _ids(rows: list[Row]) -> list[Candidate]:
    return [
        Candidate(str(row["id"]), name_of(row) or str(row["id"]), _detail(row))
        for row in rows
        if row.get("id")
    ]


def _by_name(rows: list[Row]) -> list[Candidate]:
    """`name:web1` for the names that only one thing has: of another, nobody knows what is meant."""
    ids: dict[str, set[str]] = {}
    for row in rows:
        if row.get("id"):
            ids.setdefault(name_of(row), set()).add(str(row["id"]))
    return [
        Candidate(PREFIX + name, name, _detail(row))
        for row in rows
        if (name := name_of(row)) and len(ids.get(name, ())) == 1
    ]


def _of_column(rows: list[Row], column: str) -> list[Candidate]:
    """The different values that rows have in a column."""
    found = (row[column] for row in rows if isinstance(row.get(column), str | int))
    return [Candidate(each) for each in dict.fromkeys(map(str, found)) if each]


def _detail(row: Mapping[str, Any]) -> str:
    """What tells rows of one name apart: `2.1 GiB · Ready`."""
    from cmk.session.progress import size

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
        rank = min(_rank(wanted, candidate.text.lower()), _rank(wanted, candidate.label.lower()))
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
