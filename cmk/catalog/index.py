"""Catalogs as files: a small index that is read on every call, and one record read on demand.

    {"catalog": 1, "url": …, "synced": …, "index": BYTES, "crc": …}     the first line
    listzones TAB listZones TAB s TAB OFFSET TAB name:type*>listX,… TAB description
    …                                                                  a line an API, by name
    {"name": "listZones", …}                                            records, as they were given

`s` or `a` says whether an API answers with a job; `*` marks a required parameter, `=a|b` what it
may be, `>` the list API that has its ids; `^4.11` the version since which there is an API or a
parameter. The index that ships with cmk (CloudStack 4.22) has no
descriptions, and as records the names and types of the fields that an API answers with, once where
several answer alike; the lab's is written from its code.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from cmk.catalog import Api, Catalog, Field, Param
from cmk.document import Json
from cmk.environment import Environment
from cmk.errors import CmkError
from cmk.files import name_of, opened, put

_HERE = os.path.dirname(__file__)

SHIPPED = f"{_HERE}/cloudstack-4.22.index"

#: The lab's catalog as its code declares it, for completion: that code takes long to import.
OF_LAB = f"{_HERE}/lab.index"

_FORMAT = 1


class IndexedCatalog(Catalog):
    """A catalog in a file of which only the index is in memory, as bytes."""

    def __init__(
        self, path: str | os.PathLike[str], index: bytes, records: int, are_json: bool
    ) -> None:
        """`records` is where in the file they begin; not `are_json`: names and types of fields."""
        super().__init__(())
        self._path = path
        self._index = b"\n" + index
        self._records = records
        self._are_json = are_json

    def _named(self, name: str) -> Api | None:
        if not name.isascii() or not name.isalnum():
            return None
        at = self._index.find(f"\n{name.lower()}\t".encode())
        if at < 0:
            return None
        end = self._index.find(b"\n", at + 1)
        return _api(self._index[at + 1 : end if end >= 0 else None].decode())

    def _lines(self) -> Iterator[str]:
        return iter(self._index.decode().split("\n")[1:-1])

    def names(self) -> list[str]:
        return [line.split("\t", 2)[1] for line in self._lines()]

    def summaries(self) -> dict[str, str]:
        parts = (line.split("\t") for line in self._lines())
        return {name: description for _, name, _, _, _, description in parts}

    def all(self) -> list[Api]:
        return [_api(line) for line in self._lines()]

    def described(self, name: str) -> Api | None:
        """With descriptions and response fields, from the API's record, where there is one."""
        api = self.get(name)
        if api is None:
            return None
        at = self._index.find(f"\n{api.name.lower()}\t".encode())
        offset = int(self._index[at:].split(b"\t", 4)[3])
        try:
            with open(self._path, "rb") as file:
                file.seek(self._records + offset)
                line = file.readline()
            if self._are_json:
                return _described(api, json.loads(line))
            pairs = (text.partition(":")[::2] for text in line.decode().strip().split(",") if text)
            return _in_own_words(api, tuple(Field(name, type) for name, type in pairs))
        except (OSError, ValueError, KeyError, TypeError):
            return api

    def records(self) -> list[Json]:
        """What listApis gave, whole. Raises OSError, ValueError."""
        with open(self._path, "rb") as file:
            file.seek(self._records)
            return [json.loads(line) for line in file] if self._are_json else []


def _in_own_words(api: Api, fields: tuple[Field, ...]) -> Api:
    """With what is known of parameters that recur, where no server has told its own words."""
    from cmk.catalog.glossary import said

    params = (p._replace(description=said(api.verb, api.noun, p.name)) for p in api.params)
    return api._replace(params=tuple(params), fields=fields)


def _api(line: str) -> Api:
    _, name, kind, _, params, description = line.split("\t")
    return Api(
        name,
        description,
        tuple(_param(text) for text in params.split(",") if text),
        isasync=kind[:1] == "a",
        since=kind[2:],
    )


def _param(text: str) -> Param:
    text, _, since = text.partition("^")
    text, _, related = text.partition(">")
    text, _, told = text.partition("=")
    required = text.endswith("*")
    name, _, type = text.rstrip("*").partition(":")
    values = tuple(told.split("|")) if told else ()
    return Param(name, type, required=required, values=values, related=related, since=since)


def _described(api: Api, record: Json) -> Api:
    told = {str(p["name"]).lower(): p for p in _named_in(record, "params")}
    order = list(told)
    params = [
        param._replace(
            description=str(told.get(param.name.lower(), {}).get("description") or ""),
            since=str(told.get(param.name.lower(), {}).get("since") or ""),
        )
        for param in api.params
    ]
    params.sort(key=lambda param: order.index(param.name.lower()))  # as it was declared
    fields = [
        Field(str(f["name"]), str(f.get("type", "")), str(f.get("description") or ""))
        for f in _named_in(record, "response")
    ]
    return Api(
        api.name,
        str(record.get("description") or ""),
        tuple(params),
        tuple(sorted(fields, key=lambda field: field.name)),
        api.isasync,
        str(record.get("since") or ""),
        note=str(record.get("deviation") or ""),
        related=str(record.get("related") or ""),
    )


def written(apis: Iterable[Json], url: str, synced: int = 0) -> bytes:
    """A catalog file of what listApis gave; APIs and parameters that are none are left out.

    `synced` is when that was, in seconds of Unix time; 0 leaves all words of it out.
    """
    usable = {str(a["name"]): a for a in apis if isinstance(a, dict) and _is_word(a.get("name"))}
    lists = {name for name in usable if name.startswith("list")}
    lines, bodies, size = [], dict[bytes, int](), 0
    for name in sorted(usable, key=str.lower):
        api = usable[name]
        body = json.dumps(api, separators=(",", ":")).encode() if synced else _written_fields(api)
        offset = bodies.setdefault(body + b"\n", size)
        size += len(body) + 1 if offset == size else 0
        kind = ("a" if api.get("isasync") is True else "s") + _written_since(api)
        told = str(api.get("description") or "").encode(errors="replace").decode()
        text = " ".join(told.split()) if synced else ""  # a server's own words are for its users
        params = ",".join(_written_param(name, p, lists) for p in _params(api))
        lines.append("\t".join([name.lower(), name, kind, str(offset), params, text]))
    index = "".join(f"{line}\n" for line in lines).encode()
    head = {
        "catalog": _FORMAT,
        "url": url,
        "synced": synced,
        "index": len(index),
        "crc": zlib.crc32(index),
    }
    return json.dumps(head).encode() + b"\n" + index + b"".join(bodies)


def _written_fields(api: Json) -> bytes:
    """`id:string,name:string`: the fields that an API answers with, each once."""
    told = api.get("response")
    fields = {
        f["name"]: f["type"]
        for f in (told if isinstance(told, list) else [])
        if isinstance(f, dict) and _is_word(f.get("name")) and _is_word(f.get("type"))
    }
    return ",".join(f"{name}:{fields[name]}" for name in sorted(fields)).encode()


def _params(api: Json) -> list[Json]:
    usable = _named_in(api, "params")
    return sorted(usable, key=lambda p: (not p.get("required"), str(p["name"])))


def _named_in(api: Json, key: str) -> list[Json]:
    """The objects with a name in a list of a record, in which a server may have put anything."""
    found = api.get(key)
    things = found if isinstance(found, list) else []
    return [one for one in things if isinstance(one, dict) and _is_word(one.get("name"))]


def _written_param(api: str, param: Json, lists: set[str]) -> str:
    from cmk.catalog.related import nearest

    candidates = [r for r in str(param.get("related") or "").split(",") if r in lists]
    related = nearest(api, str(param["name"]), candidates)
    mark = "*" if param.get("required") is True else ""
    type = param.get("type") if _is_word(param.get("type")) else "string"
    told = param.get("values")
    words = [word for word in told if _is_word(word)] if isinstance(told, list) else []
    values = f"={'|'.join(words)}" if words else ""
    place = f">{related}" if related else ""
    return f"{param['name']}:{type}{mark}{values}{place}{_written_since(param)}"


def _written_since(thing: Json) -> str:
    since = str(thing.get("since") or "")
    return f"^{since}" if re.fullmatch(r"[0-9][0-9.]{0,11}", since) else ""


def _is_word(text: Any) -> bool:
    return isinstance(text, str) and text.isascii() and text.replace("_", "").isalnum()


def place(environment: Environment, url: str) -> str:
    """Where the catalog of a server is kept."""
    return f"{environment.cache_directory}/catalog-{name_of(url)}"


def save(environment: Environment, url: str, apis: list[Json]) -> None:
    """Keep a server's catalog, atomically. Raises CmkError where that cannot be."""
    import time

    path = place(environment, url)
    try:
        put(path, written(apis, url, int(time.time())), 0o644)
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise CmkError(f"The catalog {path} cannot be kept: {reason}.") from None


def load(environment: Environment, url: str) -> Catalog:
    """The catalog that was synced from this server; else the shipped one, told if it is damaged."""
    path = place(environment, url)
    try:
        return read(path, url)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as problem:
        environment.say(
            f"The catalog {path} cannot be used ({problem}); the one that ships with cmk is. "
            "`cmk sync` fetches it anew."
        )
    return shipped()


def shipped() -> IndexedCatalog:
    """CloudStack 4.22's."""
    return read(SHIPPED, "")


@lru_cache(maxsize=1)
def lab() -> IndexedCatalog:
    """Any lab's, with descriptions, as `scripts/catalog --lab` has written it."""
    return read(OF_LAB, "lab:")


#: Bytes of a catalog's first line.
_LONGEST_HEAD = 1 << 16


def read(path: str | os.PathLike[str], url: str) -> IndexedCatalog:
    """The catalog in a file. Raises OSError, ValueError for one that is damaged or another's."""
    with opened(path) as file:
        line = file.readline(_LONGEST_HEAD)
        head = json.loads(line)
        if not isinstance(head, dict) or head.get("catalog") != _FORMAT:
            raise ValueError("it is of another version of cmk")
        if head.get("url") != url:
            raise ValueError(f"it is of another server, {head.get('url')}")
        length = int(head.get("index") or 0)
        index = file.read(length)
    if len(index) != length or zlib.crc32(index) != head.get("crc"):
        raise ValueError("it is damaged")
    return IndexedCatalog(path, index, len(line) + length, bool(head.get("synced")))
