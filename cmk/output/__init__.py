"""Replies on stdout: one module a format, each takes a Reply and writes to a stream.

A module is imported when its format is asked for; all of them see the same Reply. What `filter=`,
`exclude=` and `query=` ask for is done here, once for all formats.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TextIO

from cmk.document import Exact, dumps
from cmk.errors import CmkError, UsageError

Row = dict[str, Any]

#: Formats that write a row as it comes, so that memory stays flat over any number of pages.
STREAMING = ("jsonl", "csv")


class Screen(NamedTuple):
    """Where a reply is shown: columns of the terminal, 0 where there is none, and whether it has
    colours."""

    width: int = 0
    colour: bool = False


#: Formats that in a terminal have the columns that matter, unless they are named.
CHOOSING = ("table", "column")


@dataclass(frozen=True)
class View:
    """How a reply is to be seen: columns to show, columns to leave out, a JMESPath expression,
    columns to sort by (`-created`: the greatest first)."""

    columns: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    query: str = ""
    sort: tuple[str, ...] = ()


#: Cells of a table; a row a VM of 5,000 with all columns has 400,000.
_MOST_CELLS = 2_000_000


@dataclass(frozen=True)
class Reply:
    """One answer: the document as the server gave it, and the rows that are in it.

    `noun` is the key under which the rows stand (`zone` in `{"count": 1, "zone": […]}`), empty
    where the document itself is the one row. `columns` is what `filter=` named, in its order. Rows
    may come one by one from further pages; a format that goes over them twice keeps them itself.
    """

    document: Any
    noun: str
    rows: Iterable[Any]
    columns: tuple[str, ...] = ()

    def kept(self) -> Reply:
        """The same with rows that can be gone over again."""
        return self if isinstance(self.rows, list) else replace(self, rows=list(self.rows))

    def side_by_side(self) -> Reply:
        """The same, for who puts columns beside each other. Raises CmkError for so many that it
        would take minutes."""
        kept = self.kept()
        names, rows = len(kept.names()), sum(1 for _ in kept.rows)
        if names * rows > _MOST_CELLS:
            raise CmkError(
                f"A table of {names} columns and {rows} rows would take minutes.",
                "filter= names columns; -o json, jsonl and csv have all of it",
            )
        return kept

    def names(self) -> list[str]:
        """The columns of the rows: the ones asked for, else each in the order it first appears."""
        if self.columns:
            return list(self.columns)
        seen: dict[str, None] = {}
        for row in self.rows:
            seen.update(dict.fromkeys(names_of(row)))
        return list(seen)

    def cells(self, names: list[str] | None = None) -> Iterator[list[Any]]:
        """A list of values a row, in the order of the names; None where a row has no such key."""
        names = self.names() if names is None else names
        plain = not any("." in name or "[" in name for name in names)
        for row in self.rows:
            if not plain or not isinstance(row, dict):
                yield [value_at(row, name) for name in names]
            elif all(name in row for name in names):
                yield [row[name] for name in names]
            else:
                any_case = {key.lower(): value for key, value in reversed(row.items())}
                yield [row[n] if n in row else any_case.get(n.lower()) for n in names]


def names_of(row: Any) -> list[str]:
    """What a row has; the cells of a list, which have no names, are counted from 1."""
    if isinstance(row, dict):
        return list(row)
    if isinstance(row, list):
        return [str(number) for number in range(1, len(row) + 1)]
    return ["value"]


def reply_of(document: Any, view: View = View()) -> Reply:
    """Find the rows of an answer: a list's items, a single object, or a bare value."""
    if view.query:
        document = _queried(document, view.query)
    noun, rows = rows_of(document)
    if view.sort:
        rows = in_order(rows, view.sort)
        if not noun:
            document = rows if isinstance(document, list) else document
        elif isinstance(document[noun], list):
            document = {**document, noun: rows}
    if view.excluded:
        rows = [without(row, view.excluded) for row in rows]
        if not noun:
            document = rows if isinstance(document, list) else (rows or [document])[0]
        elif isinstance(document[noun], dict):
            document = {**document, noun: rows[0]}
        else:
            document = {**document, noun: rows}
    return Reply(document, noun, rows, view.columns)


def rows_of(document: Any) -> tuple[str, list[Any]]:
    """The key under which a document has its rows ("" for none), and the rows."""
    if not isinstance(document, dict):
        return "", document if isinstance(document, list) else [document]
    others = [key for key in document if key != "count"]
    if not others:
        return "", []
    if len(others) == 1 and isinstance(document[others[0]], list):
        return others[0], document[others[0]]
    if len(others) == 1 and isinstance(document[others[0]], dict):
        return others[0], [document[others[0]]]
    return "", [document]


def check_query(expression: str) -> None:
    """Raise UsageError for what is no JMESPath expression, or calls a function that is not there:
    said before anything is sent."""
    import jmespath
    from jmespath.functions import Functions

    try:
        parts: list[Any] = [jmespath.compile(expression).parsed]
    except (jmespath.exceptions.JMESPathError, ValueError, RecursionError) as problem:
        raise _no_query(expression, problem) from None
    while parts:
        part = parts.pop()
        name = part.get("value")
        if part.get("type") == "function_expression" and name not in Functions.FUNCTION_TABLE:
            raise UsageError(f"query={expression}: JMESPath has no function {name}().")
        children: Any = part.get("children", ())
        if part.get("type") == "slice" and 0 in children[2:]:
            raise UsageError(f"query={expression}: a slice's step cannot be 0.")
        parts += [child for child in children if isinstance(child, dict)]


def _queried(document: Any, expression: str) -> Any:
    import jmespath

    try:
        return jmespath.search(expression, document)
    except (jmespath.exceptions.JMESPathError, ValueError, RecursionError) as problem:
        raise _no_query(expression, problem) from None


def _no_query(expression: str, problem: Exception) -> UsageError:
    first = str(problem).splitlines()[0]
    return UsageError(f"query={expression} is no JMESPath expression: {first}")


def in_order(rows: list[Any], keys: tuple[str, ...]) -> list[Any]:
    """The rows sorted by these columns, the first counts most: numbers by size, text without regard
    to case, rows that have no such value at the end."""
    for key in reversed(keys):
        name, is_falling = key.removeprefix("-"), key.startswith("-")
        told = [row for row in rows if value_at(row, name) is not None]
        rest = [row for row in rows if value_at(row, name) is None]
        rows = sorted(told, key=lambda row: _rank(value_at(row, name)), reverse=is_falling) + rest
    return rows


def _rank(value: Any) -> tuple[float, str]:
    """Numbers before text, and a number in quotes is one."""
    text = text_of(value)
    try:
        number = float(text)
    except ValueError:
        return math.inf, text.casefold()
    return (number, "") if math.isfinite(number) else (math.inf, text.casefold())


def without(row: Any, paths: tuple[str, ...]) -> Any:
    """A row less some keys, nested ones by dots, through lists."""
    if isinstance(row, list):
        return [without(item, paths) for item in row]
    if not isinstance(row, dict):
        return row
    gone = {path.lower() for path in paths}
    kept = {}
    for key, value in row.items():
        name = key.lower()
        if name in gone:
            continue
        deeper = tuple(p[len(name) + 1 :] for p in gone if p.startswith(f"{name}."))
        kept[key] = without(value, deeper) if deeper else value
    return kept


#: `nic[0].ipaddress`: what has the list, the place in it, what is wanted of that.
_INDEXED = re.compile(r"([^\[\]]+)\[(\d{1,6})\](?:\.(.+))?\Z")


def value_at(row: Any, path: str) -> Any:
    """`nic.ipaddress` inside a row; through a list, the list of what its items have there;
    `nic[0].ipaddress` of one of them."""
    if isinstance(row, list):
        # Of a row that is a list, as `query=` makes them:
        if path.isascii() and path.isdecimal() and len(path) < 7:
            return row[int(path) - 1] if 0 < int(path) <= len(row) else None
        return [value_at(item, path) for item in row]
    place = _INDEXED.match(path)
    if place and isinstance(row, dict) and path not in row:
        found = value_at(row, place[1])
        at = int(place[2])
        inner = found[at] if isinstance(found, list) and at < len(found) else None
        return value_at(inner, place[3]) if place[3] and inner is not None else inner
    if not isinstance(row, dict):
        return row if path == "value" else None
    if path in row:
        return row[path]
    for key, value in row.items():
        if key.lower() == path.lower():
            return value
    head, dot, rest = path.partition(".")
    if not dot:
        return None
    inner = value_at(row, head)
    return value_at(inner, rest) if isinstance(inner, (dict, list)) else None


def has_at(row: Any, path: str) -> bool:
    """Whether there is something at a path, in one of the items of a list at least."""
    found = value_at(row, path)
    while isinstance(found, list):
        found = next((item for item in found if item is not None), None)
    return found is not None


def text_of(value: Any) -> str:
    """A value as one cell: strings bare, nothing for null, what a list has with commas between,
    the rest as compact JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, Exact):
        return value.text
    if isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
        return ",".join(text_of(item) for item in value if item is not None)
    return str(value) if isinstance(value, int) else dumps(value)


def writer(name: str) -> Callable[[Reply, TextIO, Screen], None]:
    """The `write(reply, stream, screen)` of a format."""
    from importlib import import_module

    found: Callable[[Reply, TextIO, Screen], None] = import_module(f"cmk.output.{name}").write
    return found
