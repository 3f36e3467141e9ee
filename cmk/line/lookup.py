"""Which list API has the ids of a parameter, and what it calls them: `zoneid` <- `listZones`.

The catalog's own word comes first (`related`), then the way in which CloudStack names things.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from cmk.catalog import Api, Catalog, Param, nearest, verb_and_noun
from cmk.errors import NotThere, UsageError
from cmk.line.language import base_of

Row = dict[str, Any]

#: Marks a value that is a name to look up.
PREFIX = "name:"

#: Types of parameters that take ids.
_ID_TYPES = ("uuid", "list")

#: What ids are called in parameters, where the list API is called otherwise.
_SYNONYMS = {
    "vm": "virtualmachine",
    "virtualmachines": "virtualmachine",
    "acl": "networkacllist",
    "os": "ostype",
    "owner": "account",
    "pool": "storagepool",
    "storage": "storagepool",
    "datastore": "imagestore",
    "job": "asyncjob",
}

#: Where a row keeps its name, the first that is there.
NAMES = ("name", "displayname", "displaytext", "username", "description", "alias")


def lister(catalog: Catalog, api: Api, param: Param) -> str:
    """The name of the list API that has this parameter's ids; "" where none is known."""
    if param.related:
        return param.related
    if param.type not in _ID_TYPES:
        return ""
    names = {name.lower(): name for name in catalog.names() if name.startswith("list")}
    word = param.name.lower()
    if word in ("id", "ids"):
        return _of_noun(names, api)
    for ending in ("ids", "id", "uuid"):
        if word.endswith(ending) and word != ending:
            return _of_thing(names, word[: -len(ending)])
    return ""


def _of_thing(names: dict[str, str], thing: str) -> str:
    thing = _SYNONYMS.get(thing, thing)
    plurals = [f"list{thing}s", f"list{thing}es", f"list{thing}"]
    if thing.endswith("y"):
        plurals.append(f"list{thing[:-1]}ies")
    return next((names[plural] for plural in plurals if plural in names), "")


def _of_noun(names: dict[str, str], api: Api) -> str:
    """`startVirtualMachine id` <- listVirtualMachines, `prepareHostFor… id` <- listHosts."""
    if api.verb == "list":
        return api.name
    noun = verb_and_noun(api.name)[1]
    for end in range(len(noun), 2, -1):
        found = _of_thing(names, noun[:end])
        if found:
            return found
    return ""


def query_for(catalog: Catalog, name: str, text: str) -> dict[str, str]:
    """The parameters with which a list API is asked for everything that could have this name."""
    api = catalog.get(name)
    params: dict[str, str] = {}
    if api is None:
        return params
    for wanted, value in (("templatefilter", "all"), ("isofilter", "all"), ("listall", "true")):
        if api.param(wanted):
            params[wanted] = value
    if text and api.param("keyword"):
        params["keyword"] = text
    return params


def name_of(row: Row) -> str:
    """What people call a row."""
    return next((str(row[key]) for key in NAMES if row.get(key)), "")


def with_ids(
    catalog: Catalog, api: Api, key: str, value: str, rows: Callable[[str, str], list[Row]]
) -> str:
    """A parameter's value with ids in the place of names, where it takes ids.

    `rows` asks a list API for what could have a name. Raises UsageError, NotThere.
    """
    param = api.param(base_of(key))
    if param is not None and base_of(key) != key:
        param = _inner(catalog, api, key.rpartition(".")[2]) or param
    elif param is not None and param.type == "map" and value.lstrip()[:1] == "{":
        return _in_object(catalog, api, value, rows)
    if param is None or param.type not in _ID_TYPES:
        return value
    value = value.strip('"')  # of jq without -r
    parts = value.split(",") if param.type == "list" else [value]
    if not any(part.startswith(PREFIX) for part in parts):
        return value
    place, of_isos = lister(catalog, api, param), param.name.lower() == "templateid"

    def found(name: str, text: str) -> list[Row]:
        isos = rows("listIsos", text) if of_isos else []  # a VM is deployed from both
        return [*rows(name, text), *isos]

    return ",".join(
        resolved(param, part, place, found) if part.startswith(PREFIX) else part for part in parts
    )


def _inner(catalog: Catalog, api: Api, name: str) -> Param | None:
    """What stands inside a map, where things have such ids: networkid, or network."""
    for ending in ("", "id"):
        inner = Param(f"{name}{ending}", "uuid")
        if lister(catalog, api, inner):
            return inner
    return None


def _in_object(catalog: Catalog, api: Api, text: str, rows: Callable[[str, str], list[Row]]) -> str:
    """The same of a map that is written as JSON."""
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):  # told when the map is read
        return text
    for key, value in entries.items():
        inner = _inner(catalog, api, key)
        if inner is not None and isinstance(value, str) and value.startswith(PREFIX):
            entries[key] = resolved(inner, value, lister(catalog, api, inner), rows)
    return json.dumps(entries)


def resolved(param: Param, value: str, lister: str, rows: Callable[[str, str], list[Row]]) -> str:
    """The id that `name:…` stands for; `rows` asks a list API for what could have the name.

    Raises UsageError, with the candidates, unless there is exactly one.
    """
    wanted = value.removeprefix(PREFIX)
    if not lister:
        raise UsageError(
            f"{param.name}={value}: no list API is known that has the ids of {param.name}.",
            "Give the id itself.",
        )
    there = [row for row in rows(lister, wanted) if row.get("id")]
    # What a row is called comes before what else it is known by, such as its display text.
    found = [row for row in there if name_of(row) == wanted]
    found = found or [row for row in there if wanted in _names(row)]
    ids = {str(row["id"]) for row in found}
    if len(ids) == 1:
        return ids.pop()
    if not ids:
        near = _near(wanted, rows(lister, ""), lister)
        raise NotThere(f"{param.name}={value}: {lister} has nothing with that name.", near)
    candidates = "\n".join("  " + "  ".join(_told(row)) for row in found)
    raise UsageError(f"{param.name}={value} is not clear; give one of these ids:", candidates)


#: So many names are told to whoever has typed one that is not there.
_TOLD = 10


def _near(wanted: str, rows: list[Row], lister: str) -> str:
    """The names that are there, the nearest first, and how many more there are."""
    names = sorted({name_of(row) for row in rows} - {""})
    told = names if len(names) <= _TOLD else nearest(wanted, names, _TOLD)
    if not told:
        return ""
    verb, noun = verb_and_noun(lister)
    more = len(names) - len(told)
    end = f" ({more} more: cmk {verb} {noun} filter=id,name)" if more else ""
    return f"There are: {', '.join(told)}{end}"


#: What tells things of one name apart.
_TELLING = ("account", "domain", "project", "zonename", "created")


def _told(row: Row) -> list[str]:
    told = (str(row[key]) for key in _TELLING if row.get(key))
    return [str(row["id"]), name_of(row), *told]


def _names(row: Row) -> set[str]:
    return {str(row[key]) for key in NAMES if row.get(key)}
