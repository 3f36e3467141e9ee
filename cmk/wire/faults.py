"""CloudStack's refusals (error code, exception number, a sentence) as exceptions and as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cmk.errors import ApiError, NoSuch, NotAuthorised

#: CloudStack's numbers of exceptions (4.22): what a service says of a value, what fails in it, who
#: may not, a limit that is reached, and what is known before any service is asked.
INVALID_PARAMETER, RUNTIME, PERMISSION_DENIED, ALLOCATION, OTHER = 4350, 4250, 4365, 4370, 9999


def invalid(errortext: str) -> ApiError:
    """The refusal of a parameter's value by what it means."""
    return ApiError(431, errortext, INVALID_PARAMETER)


def malformed(errortext: str) -> ApiError:
    """The refusal of a parameter that is missing, or that no value of its type could be."""
    return ApiError(431, errortext, OTHER)


def failed(errortext: str) -> ApiError:
    """What cannot be done as things are."""
    return ApiError(530, errortext, RUNTIME)


def no_such(kind: str, param: str, value: str) -> ApiError:
    """A value of `param` that is no id of this kind of thing."""
    return NoSuch(431, f"There is no {kind} with id {value} ({param}).", OTHER)


def nobody(errortext: str) -> ApiError:
    """A name that nothing has: CloudStack's number for a value, and a status of its own."""
    return NoSuch(431, errortext, INVALID_PARAMETER)


@contextmanager
def of_extra(what: str, package: str, extra: str = "lab") -> Iterator[None]:
    """Around the import of what an extra of cmk's brings. Raises ApiError 530 where it is not
    there."""
    try:
        yield
    except ImportError:
        raise ApiError(
            530, f"{what} need Python's {package}: pip install 'pycmk[{extra}]'."
        ) from None


def not_yours(kind: str) -> ApiError:
    """What somebody asks to touch and may not."""
    return NotAuthorised(531, f"You may not use this {kind}.", PERMISSION_DENIED)


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
    """An exception as the JSON that a caller is told of it."""
    return {
        "errorcode": problem.errorcode,
        "cserrorcode": problem.cserrorcode,
        "errortext": problem.errortext,
    }


def job_fault_json(problem: ApiError) -> dict[str, Any]:
    """An exception as the result of a failed job: CloudStack (4.22) leaves the exception's number
    out there."""
    return {"errorcode": problem.errorcode, "errortext": problem.errortext}


def _whole(value: Any, otherwise: int) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return otherwise
