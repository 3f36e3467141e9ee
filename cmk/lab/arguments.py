"""Parameters as they travel -> values of their types, maps put together again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cmk.catalog import Api, Param
from cmk.line.language import base_of, normal_key
from cmk.wire.faults import invalid, malformed

#: Letters that a text may have at the most, and the longer ones (CloudStack 4.22).
_LONGEST = 255
_LONGER = {
    "certificate": 65535,
    "details": 1 << 20,
    "displaytext": 4096,
    "publickey": 5120,
    "tags": 4096,
    "url": 2048,
    "userdata": 1 << 20,
    "value": 4096,
}


#: Maps of which each entry is a thing of its own.
_LISTS = frozenset(["iptonetworklist", "usersecuritygrouplist"])


def typed(declared: Api, params: Mapping[str, str], is_lenient: bool = False) -> dict[str, Any]:
    """The arguments of a handler. `is_lenient` as CloudStack (4.22): a parameter that nobody knows
    is left out, and what is not `true` is false. Raises ApiError 431 for what the catalog says
    cannot be: over the wire nobody has checked."""
    args: dict[str, Any] = {}
    for key, value in params.items():
        if not _is_text(key + value):
            raise malformed(f"A value of {declared.name} is no text: it has half a letter in it.")
        param = declared.param(base_of(normal_key(key)))
        if param is None and is_lenient:
            continue
        if param is None:
            raise malformed(f"{declared.name} has no parameter {base_of(key)}.")
        if param.type == "map":
            args.setdefault(param.name, {})[key] = value
        else:
            if is_lenient and param.type == "boolean":
                value = str(value.lower() == "true")
            args[param.name] = _value(declared, param, value)
    for param in declared.params:
        if param.type == "map" and param.name in args:
            together = _things if param.name in _LISTS else _map
            args[param.name] = together(args[param.name])
        if param.required and args.get(param.name) in (None, ""):
            how = malformed if param.name not in args else invalid  # as CloudStack numbers them
            raise how(f"{declared.name} needs {param.name}.")
    return args


def _is_text(text: str) -> bool:
    """Whether it can be written: lone surrogates cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _value(declared: Api, param: Param, value: str) -> Any:
    try:
        if param.type in {"integer", "int", "long", "short"}:
            number = int(value)
            if not -(1 << 63) <= number < 1 << 63:  # Java's long, and SQLite's
                raise ValueError(value)
            return number
        if param.type == "boolean":
            return {"true": True, "false": False}[value.lower()]
    except (ValueError, KeyError):
        raise malformed(f"{param.name}={value} of {declared.name} is not {param.type}.") from None
    if param.type == "list":
        return [item.strip() for item in value.split(",") if item.strip()]
    if param.type == "uuid":
        return value.lower()
    most = _LONGER.get(param.name, _LONGEST)
    if len(value) > most:
        raise malformed(f"{param.name} of {declared.name} may have {most} letters.")
    if param.type in ("date", "tzdate") and value:
        return _moment(param.name, value)
    return value


def _moment(name: str, value: str) -> str:
    """A day or a moment in CloudStack's forms, as the store writes it."""
    from datetime import datetime, timezone

    text = re.sub(r"(?<=\d) (?=\d)", "T", value.strip())
    for form in ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"):
        try:
            found = datetime.strptime(text, form)
            known = found if found.tzinfo else found.replace(tzinfo=timezone.utc)
            return known.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S+0000")
        except (ValueError, OverflowError):
            continue
    raise malformed(f"{name}={value} is no date: write 2026-01-31 or 2026-01-31T10:00:00+0000.")


_ENTRY = re.compile(r"[^\[]+\[([0-9]{1,4})\]\.(.+)", re.DOTALL)


def _things(entries: Mapping[str, str]) -> list[dict[str, str]]:
    """`list[0].a=1 list[0].b=2 list[1].a=3` -> [{a: 1, b: 2}, {a: 3}]."""
    found: dict[int, dict[str, str]] = {}
    for key, value in entries.items():
        index, name = _entry(key)
        found.setdefault(int(index), {})[name.lower()] = value
    return [found[index] for index in sorted(found)]


def _entry(key: str) -> tuple[str, str]:
    parts = _ENTRY.match(key)
    if parts is None:
        raise invalid(f"{key} is no entry of a map; write {base_of(key)}[0].KEY=VALUE.")
    return parts[1], parts[2]


def _map(entries: Mapping[str, str]) -> dict[str, str]:
    """`details[0].a=1` -> {a: 1}; `tags[0].key=a tags[0].value=1` -> {a: 1}."""
    plain: dict[str, str] = {}
    pairs: dict[str, dict[str, str]] = {}
    for key, value in entries.items():
        index, name = _entry(key)
        if name in {"key", "value"}:
            pairs.setdefault(index, {})[name] = value
        else:
            plain[name] = value
    plain.update({pair["key"]: pair.get("value", "") for pair in pairs.values() if "key" in pair})
    return plain
