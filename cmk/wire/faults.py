"""CloudStack's refusals (error code, exception number, a sentence) as exceptions and as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cmk.errors import ApiError, NoSuch, NotAuthorised

#: CloudStack's numbers of a parameter that is wrong, and of any other exception.
INVALID_PARAMETER, OTHER = 4350, 9999


def invalid(errortext: str) -> ApiError:
    """The refusal of a parameter's value."""
    return ApiError(431, errortext, INVALID_PARAMETER)


def no_such(kind: str, param: str, value: str) -> ApiError:
    """A value of `param` that is no id of this kind of thing, for whoever asks."""
    return NoSuch(431, f"There is no {kind} with id {value} ({param}).", INVALID_PARAMETER)


#: How CloudStack (4.22) says that an id is nobody's.
_NO_ENTITY = (
    r"(?i)\b(?:does not|doesn't) exist|unable to find|cannot find|could not find"
    r"|no .{1,40} with id"
)


def fault_of(content: Mapping[str, Any], status: int) -> ApiError:
    """The exception that a refusal's JSON stands for; `status` is HTTP's, where no code is told."""
    code = _whole(content.get("errorcode"), status)
    text = str(content.get("errortext") or "the server gave no reason")
    kind = NotAuthorised if code in (401, 531) else ApiError
    if code in (430, 431) and re.search(_NO_ENTITY, text):
        kind = NoSuch
    return kind(code, text, _whole(content.get("cserrorcode"), OTHER))


def fault_json(problem: ApiError) -> dict[str, Any]:
    """An exception as the JSON that a caller, or a job's result, tells of it."""
    return {
        "errorcode": problem.errorcode,
        "cserrorcode": problem.cserrorcode,
        "errortext": problem.errortext,
    }


def _whole(value: Any, otherwise: int) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return otherwise
