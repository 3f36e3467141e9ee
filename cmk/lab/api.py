"""How an API of the lab is declared: one decorated function, from which all else follows.

    @api("listZones", "Lists zones", optional("id", "uuid", "…"), *PAGING, fields=ZONE)
    def list_zones(lab: Lab, args: Args) -> Json: ...

An asynchronous API's function checks everything that can be known at once and submits a job; the
job's `work` names the function that a worker runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cmk.catalog import Api, Field, Param
from cmk.errors import ApiError
from cmk.lab.deviations import DEVIATIONS
from cmk.line.language import base_of, normal_key

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

Json = dict[str, Any]
Args = dict[str, Any]
Run = Callable[["Lab", Args], Json]


@dataclass(frozen=True)
class Handler:
    """An API and what runs it; `work` is `module:function` for a job."""

    api: Api
    run: Run
    work: str = ""


HANDLERS: dict[str, Handler] = {}


def api(
    name: str,
    description: str,
    *params: Param,
    fields: tuple[Field, ...] = (),
    work: str = "",
    aftermath: str = "",
) -> Callable[[Run], Run]:
    """Declare an API; with `work` it is asynchronous. `aftermath` is the work of a job that it may
    leave behind although it answers at once."""

    def declare(run: Run) -> Run:
        note = DEVIATIONS.get(name, "")
        described = Api(name, description, params, fields, isasync=bool(work), note=note)
        HANDLERS[name.lower()] = Handler(described, run, work or aftermath)
        return run

    return declare


def optional(name: str, type: str, description: str, values: tuple[str, ...] = ()) -> Param:
    """A parameter that may be left out."""
    return Param(name, type, description, values=values)


def required(name: str, type: str, description: str, values: tuple[str, ...] = ()) -> Param:
    """A parameter that must be given."""
    return Param(name, type, description, required=True, values=values)


PAGING = (
    optional("page", "integer", "the page to show, from 1; needs pagesize"),
    optional("pagesize", "integer", "how many rows make a page"),
    optional("keyword", "string", "only rows whose name contains this"),
)


def invalid(errortext: str) -> ApiError:
    """CloudStack's refusal of a parameter's value: 431, exception 4350."""
    return ApiError(431, errortext, 4350)


def no_such(kind: str, param: str, value: str) -> ApiError:
    """A value of `param` that is no id of this kind of thing."""
    return invalid(f"There is no {kind} with id {value} ({param}).")


def typed(declared: Api, params: Mapping[str, str]) -> Args:
    """Parameters as they travel -> values of their types, maps put together again.

    Raises ApiError 431 for what the catalog says cannot be: over the wire nobody has checked.
    """
    args: Args = {}
    for key, value in params.items():
        param = declared.param(base_of(normal_key(key)))
        if param is None:
            raise invalid(f"{declared.name} has no parameter {base_of(key)}.")
        if param.type == "map":
            args.setdefault(param.name, {})[key] = value
        else:
            args[param.name] = _value(declared, param, value)
    for param in declared.params:
        if param.type == "map" and param.name in args:
            args[param.name] = _map(args[param.name])
        if param.required and args.get(param.name) in (None, ""):
            raise invalid(f"{declared.name} needs {param.name}.")
    return args


def _value(declared: Api, param: Param, value: str) -> Any:
    try:
        if param.type in {"integer", "int", "long", "short"}:
            return int(value)
        if param.type == "boolean":
            return {"true": True, "false": False}[value.lower()]
    except (ValueError, KeyError):
        raise invalid(f"{param.name}={value} of {declared.name} is not {param.type}.") from None
    if param.type == "list":
        return [item.strip() for item in value.split(",") if item.strip()]
    if param.type == "uuid":
        return value.lower()
    return value


_ENTRY = re.compile(r"[^\[]+\[(\d+)\]\.(.+)", re.DOTALL)


def _map(entries: Mapping[str, str]) -> dict[str, str]:
    """`details[0].a=1` -> {a: 1}; `tags[0].key=a tags[0].value=1` -> {a: 1}."""
    plain: dict[str, str] = {}
    pairs: dict[str, dict[str, str]] = {}
    for key, value in entries.items():
        parts = _ENTRY.match(key)
        if parts is None:
            raise invalid(f"{key} is no entry of a map; write {base_of(key)}[0].KEY=VALUE.")
        index, name = parts.groups()
        if name in {"key", "value"}:
            pairs.setdefault(index, {})[name] = value
        else:
            plain[name] = value
    plain.update({pair["key"]: pair.get("value", "") for pair in pairs.values() if "key" in pair})
    return plain


def response_name(declared: Api) -> str:
    """CloudStack's envelope: `listzonesresponse`."""
    return f"{declared.name.lower()}response"
