"""JSON documents that lose nothing: numbers stay as they were written, keys in their order."""

from __future__ import annotations

import json
from collections.abc import Callable
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any

from cmk.errors import CmkError

#: An object of a document.
Json = dict[str, Any]


class Exact(float):
    """A number with a fraction that remembers how it was written: 1.50 is not 1.5."""

    text: str

    def __new__(cls, text: str) -> Exact:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __repr__(self) -> str:
        return self.text


Exact.__name__ = "float"  # by which JMESPath knows a number


def loads(text: str | bytes) -> Any:
    """Read a document. Raises ValueError for what is none, also for depth and for `NaN`."""
    try:
        return json.loads(text, parse_float=Exact, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def dumps(document: Any, indent: int = 0, ascii: bool = False) -> str:
    """Write a document; `indent` 0 is one line without blanks, `ascii` escapes all else."""
    quote = encode_basestring_ascii if ascii else encode_basestring
    pieces: list[str] = []
    try:
        _write(document, indent, "\n" if indent else "", quote, pieces.append)
    except RecursionError:
        raise CmkError("The answer is nested too deeply to be shown.") from None
    return "".join(pieces)


def _write(
    value: Any, indent: int, margin: str, quote: Callable[[str], str], put: Callable[[str], None]
) -> None:
    if isinstance(value, str):
        put(quote(value))
    elif isinstance(value, Exact):
        put(value.text)
    elif isinstance(value, (dict, list)):
        _write_items(value, indent, margin, quote, put)
    else:
        put(json.dumps(value))


def _write_items(
    value: dict[str, Any] | list[Any],
    indent: int,
    margin: str,
    quote: Callable[[str], str],
    put: Callable[[str], None],
) -> None:
    mark, end = ("{", "}") if isinstance(value, dict) else ("[", "]")
    if not value:
        put(mark + end)
        return
    inner, colon = margin + " " * indent, ": " if indent else ":"
    for item in value:
        put(mark + inner)
        if isinstance(value, dict):
            put(quote(str(item)) + colon)
            item = value[item]
        _write(item, indent, inner, quote, put)
        mark = ","
    put(margin + end)
