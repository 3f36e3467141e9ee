"""The command language: words -> Command, and back.

    list zones name=lab filter=id,name
    ^verb ^noun ^parameter ^view: for this side only, never sent

Text becomes words in cmk.line.reading. What a word means beyond its spelling (is this an API, does
it have that parameter) is the catalog's business.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from cmk.errors import UsageError

#: What says how a reply is shown, and what a View calls it; an API's own parameter comes first.
VIEW_KEYS = {"filter": "columns", "exclude": "excluded", "query": "query", "sort": "sort"}

#: `nic[0].ipaddress`: what `filter=`, `exclude=` and `sort=` name.
COLUMN = re.compile(r"[\w-]+(?:\[\d{1,6}\])?(?:\.[\w-]+(?:\[\d{1,6}\])?)*\Z")

_KEY = re.compile(r"[A-Za-z_][\w-]*(?:\[\d+\])?(?:\.[^=\s]+)?\Z")


class Command(NamedTuple):
    """One line, understood: the API's name as typed, its parameters in the order given."""

    name: tuple[str, ...]
    params: dict[str, str]

    @property
    def api(self) -> str:
        """The name to look for in a catalog: lower case, in one word."""
        return "".join(self.name).lower()


def join(words: Sequence[str]) -> str:
    """The line that is read as these words."""
    return shlex.join(words)


def parse(words: Sequence[str]) -> Command:
    """Words -> Command. Raises UsageError for words that fit nowhere."""
    name: list[str] = []
    params: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            if params:
                raise UsageError(
                    f"'{word}' is not key=value.", "Parameters are written key=value; quote spaces."
                )
            name.append(word)
            continue
        if not _KEY.match(key):
            raise UsageError(f"'{key[:40]}' cannot be a parameter's name.")
        key = normal_key(key)
        if key in params:
            raise UsageError(f"{key} is given twice.")
        params[key] = value
    if not name:
        raise UsageError(
            f"No command before '{words[0]}'." if words else "No command.",
            "A line is: verb noun key=value …, for example: list zones filter=id,name",
        )
    if not all(part.isascii() and part.isalnum() for part in name):
        raise UsageError(f"'{' '.join(name)}' is not a command.", "What there is: cmk help")
    return Command(tuple(name), params)


def normal_key(key: str) -> str:
    """CloudStack reads parameter names in any case; what follows `.` in a map is the user's."""
    base, dot, rest = key.partition(".")
    return base.lower() + dot + rest


def base_of(key: str) -> str:
    """`tags[0].key` and `details.cpuNumber` belong to the parameters `tags` and `details`."""
    return re.split(r"[\[.]", key, maxsplit=1)[0]


def split_view(
    params: Mapping[str, str], is_param: Callable[[str], object]
) -> tuple[dict[str, str], dict[str, Any]]:
    """What is sent, and what is for this side: the fields of a View by name.

    Raises UsageError for one of them that names nothing.
    """
    mine = {key: value for key, value in params.items() if key in VIEW_KEYS and not is_param(key)}
    view: dict[str, Any] = {}
    for key, value in mine.items():
        if key == "query":
            view["query"] = value.strip()
        else:
            view[VIEW_KEYS[key]] = tuple(part.strip() for part in value.split(",") if part.strip())
        if not view[VIEW_KEYS[key]]:
            raise UsageError(f"{key}= names nothing.", f"For example: {_EXAMPLES[key]}")
    return {key: value for key, value in params.items() if key not in mine}, view


_EXAMPLES = {
    "filter": "filter=id,name",
    "exclude": "exclude=nic,tags",
    "query": "query='zone[].name'",
    "sort": "sort=name, or sort=-created for the newest first",
}
