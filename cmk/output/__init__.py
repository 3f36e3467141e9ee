"""Replies on stdout: one module a format, each takes a Reply and writes to a stream.

A module is imported when its format is asked for; all of them see the same Reply.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from json import dumps
from typing import Any, TextIO

Row = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """One answer: the document as the server gave it, and the rows that are in it.

    `noun` is the key under which the rows stand (`zone` in `{"count": 1, "zone": […]}`), empty
    where the document itself is the one row. `columns` is what `filter=` named, in its order.
    """

    document: Any
    noun: str
    rows: list[Any]
    columns: tuple[str, ...] = ()

    def names(self) -> list[str]:
        """The columns of the rows: the ones asked for, else each in the order it first appears."""
        if self.columns:
            return list(self.columns)
        seen: dict[str, None] = {}
        for row in self.rows:
            seen.update(dict.fromkeys(row if isinstance(row, dict) else ["value"]))
        return list(seen)

    def cells(self) -> list[list[Any]]:
        """A list of values a row, in the order of `names()`; None where a row has no such key."""
        names = self.names()
        return [[value_at(row, name) for name in names] for row in self.rows]


def reply_of(document: Any, columns: tuple[str, ...] = ()) -> Reply:
    """Find the rows of an answer: a list's items, a single object, or a bare value."""
    if not isinstance(document, dict):
        rows = document if isinstance(document, list) else [document]
        return Reply(document, "", rows, columns)
    if not document or set(document) == {"count"}:
        return Reply(document, "", [], columns)
    others = [key for key in document if key != "count"]
    if len(others) == 1 and isinstance(document[others[0]], list):
        return Reply(document, others[0], document[others[0]], columns)
    if len(others) == 1 and isinstance(document[others[0]], dict):
        return Reply(document, others[0], [document[others[0]]], columns)
    return Reply(document, "", [document], columns)


def value_at(row: Any, path: str) -> Any:
    """`nic.ipaddress` inside a row; through a list, the list of what its items have there."""
    if isinstance(row, list):
        return [value_at(item, path) for item in row]
    if not isinstance(row, dict):
        return row if path == "value" else None
    for key, value in row.items():
        if key.lower() == path.lower():
            return value
    head, dot, rest = path.partition(".")
    if not dot:
        return None
    inner = value_at(row, head)
    return value_at(inner, rest) if isinstance(inner, (dict, list)) else None


def text_of(value: Any) -> str:
    """A value as one cell: strings bare, nothing for null, the rest as compact JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return dumps(value, ensure_ascii=False, separators=(",", ":"))


def harmless(text: str) -> str:
    """Control characters from data shown as \\xNN: no escape sequence reaches a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def writer(name: str) -> Callable[[Reply, TextIO, int], None]:
    """The `write(reply, stream, width)` of a format; width is 0 where there is no terminal."""
    if name == "table":
        from cmk.output.table import write
    elif name == "csv":
        from cmk.output.csv import write
    elif name == "value":
        from cmk.output.value import write
    else:
        from cmk.output.json import write
    return write
