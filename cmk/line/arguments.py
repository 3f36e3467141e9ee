"""A Command's parameters against the catalog: names, types, and the form they travel in.

Everything that can be said before anything is sent is said here, with exit status 2.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from errno import EFBIG
from pathlib import Path
from typing import TextIO

from cmk.catalog import Api, Param, similar
from cmk.errors import Unknown, UsageError
from cmk.files import LONGEST, read
from cmk.line.language import base_of

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")

#: Maps that CloudStack reads as key/value pairs; all others as `name[0].key=value`.
PAIRED_MAPS = frozenset({"tags"})

_PLACE = re.compile(r"\[\d+\]\.\S")


def attached(params: Mapping[str, str], stdin: TextIO) -> dict[str, str]:
    """`key=@path` -> the file's text, `key=@-` standard input's, `key=@@x` -> a literal `@x`.

    `userdata` is any bytes, which CloudStack wants in base64. Raises UsageError for a file that
    cannot be read or is no UTF-8 text.
    """
    return {key: _attached(key, value, stdin) for key, value in params.items()}


def _attached(key: str, value: str, stdin: TextIO) -> str:
    if not value.startswith("@"):
        return value
    if value.startswith("@@"):
        return value[1:]
    try:
        content = _bytes_of(value[1:], stdin)
        if key == "userdata":
            return _in_base64(content)
        return content.decode("utf-8")
    except OSError as problem:
        raise UsageError(
            f"{key}={value}: cannot read the file: {problem.strerror}.",
            f"A value that begins with @ is written {key}=@{value}.",
        ) from None
    except ValueError:
        raise UsageError(f"{key}={value}: it is no text in UTF-8.") from None


#: How user data begins that cloud-init knows: base64 of that is no user data itself.
_USER_DATA = (b"#", b"Content-Type:", b"MIME-Version:", b"\x1f\x8b")


def _in_base64(content: bytes) -> str:
    """User data in base64, once."""
    joined = b"".join(content.split())
    try:
        is_packed = base64.b64decode(joined, validate=True).startswith(_USER_DATA)
    except ValueError:
        is_packed = False
    return (joined if is_packed else base64.b64encode(content)).decode()


def _bytes_of(path: str, stdin: TextIO) -> bytes:
    if path != "-":
        return read(Path(path).expanduser())
    raw = getattr(stdin, "buffer", None)
    content: bytes = raw.read(LONGEST + 1) if raw is not None else stdin.read(LONGEST + 1).encode()
    if len(content) > LONGEST:
        raise OSError(EFBIG, f"it is longer than {LONGEST >> 20} MiB")
    return content


def wire(
    api: Api,
    given: Mapping[str, str],
    force: bool = False,
    described: Callable[[], Api | None] = lambda: None,
) -> dict[str, str]:
    """The parameters as they are sent: checked, maps flattened as CloudStack reads them.

    `described` gives the API with its words, where somebody must be told of what is missing.

    Raises Unknown for names that the API has not, unless `force` lets them through, UsageError for
    missing required ones (all of them) and wrong types.
    """
    sent: dict[str, str] = {}
    for key, value in given.items():
        if force and api.param(base_of(key)) is None:
            sent[key] = value
            continue
        param = _known(api, key)
        if param.type == "map":
            _put_entries(sent, param, key, value)
        else:
            if base_of(key) != key:
                raise UsageError(f"{param.name} of {api.name} is not a map: '{key}' has no place.")
            check(api, param, value)
            sent[param.name] = value
    present = {base_of(key) for key in sent}
    if any(p.required and p.name.lower() not in present for p in api.params):
        raise _incomplete(described() or api, present)
    return sent


def _incomplete(api: Api, present: set[str]) -> UsageError:
    missing = [p for p in api.params if p.required and p.name.lower() not in present]
    return UsageError(
        f"{api.verb} {api.noun} needs {', '.join(p.name for p in missing)}.",
        "\n".join(f"  {p.name}= ({p.type}) {p.description}".rstrip() for p in missing),
    )


def _known(api: Api, key: str) -> Param:
    base = base_of(key)
    param = api.param(base)
    if param is not None:
        return param
    if not api.params:
        raise Unknown(f"{api.verb} {api.noun} takes no parameters, but was given {base}.")
    near = similar(base, [p.name for p in api.params])
    raise Unknown(
        f"{api.verb} {api.noun} has no parameter '{base}'.",
        f"Did you mean {near}=?" if near else f"All of them: cmk {api.verb} {api.noun} -h",
    )


def check(api: Api, param: Param, value: str) -> None:
    """Raise UsageError unless the value can be of the parameter's type."""
    test, wanted = _TYPES.get(param.type, (None, ""))
    if test is not None and not test(value):
        what = f"{param.name}={value} of {api.verb} {api.noun}"
        if not value:
            raise UsageError(f"{what} is empty; it is {wanted}.")
        name = param.type == "uuid" and not UUID.match(value)
        hint = f"By name: {param.name}=name:{value}" if name else ""
        raise UsageError(f"{what} is not {wanted}.", hint)
    if param.values and value.lower() not in {v.lower() for v in param.values}:
        near, known = similar(value.lower(), param.values), ", ".join(param.values)
        raise UsageError(
            f"{param.name}={value} of {api.verb} {api.noun} is not one of {known}.",
            f"Did you mean {near}?" if near else "",
        )


def _is_number(most: int) -> Callable[[str], bool]:
    def test(value: str) -> bool:
        return bool(re.fullmatch(r"[+-]?[0-9]{1,19}", value)) and -most <= int(value) < most

    return test


_TYPES: dict[str, tuple[Callable[[str], bool], str]] = {
    # -1 stands for "all zones" in registerIso; nothing else takes it, and the API says so.
    "uuid": (lambda v: bool(UUID.match(v)) or v == "-1", "an id (a UUID)"),
    "boolean": (lambda v: v.lower() in {"true", "false"}, "true or false"),
    "integer": (_is_number(1 << 31), "a whole number"),
    "int": (_is_number(1 << 31), "a whole number"),
    "short": (_is_number(1 << 15), "a whole number"),
    "long": (_is_number(1 << 63), "a whole number"),
}


def _put_entries(sent: dict[str, str], param: Param, key: str, value: str) -> None:
    """Add what is written about a map, in the form that CloudStack reads."""
    place = key[len(param.name) :]
    if _PLACE.match(place):
        sent[key] = value
    elif place.startswith(".") and len(place) > 1:
        _put_entry(sent, param.name, place[1:], value)
    elif place:
        raise UsageError(f"'{key}' is no way to write an entry of the map {param.name}.")
    else:
        for name, entry in _json_map(param, value).items():
            _put_entry(sent, param.name, name, entry)


def _json_map(param: Param, value: str) -> dict[str, str]:
    try:
        entries = json.loads(value)
    except (ValueError, RecursionError):
        entries = None
    if not isinstance(entries, dict):
        raise UsageError(
            f"{param.name}= is not a map.",
            f"Write {param.name}.KEY=VALUE, {param.name}[0].KEY=VALUE or "
            f'{param.name}=\'{{"KEY": "VALUE"}}\'.',
        )
    return {name: e if isinstance(e, str) else json.dumps(e) for name, e in entries.items()}


def _put_entry(sent: dict[str, str], name: str, key: str, value: str) -> None:
    if name not in PAIRED_MAPS:
        sent[f"{name}[0].{key}"] = value
        return
    taken = [int(m[1]) for k in sent if (m := re.match(re.escape(name) + r"\[(\d+)\]", k))]
    index = max(taken, default=-1) + 1
    sent[f"{name}[{index}].key"] = key
    sent[f"{name}[{index}].value"] = value
