"""Replies as a management server gives them: envelope, JSON or XML, status, headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cmk.document import dumps
from cmk.errors import ApiError
from cmk.wire.envelope import VERSION
from cmk.wire.faults import fault_json
from cmk.wire.xml import as_xml

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-XSS-Protection": "1;mode=block",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


@dataclass
class Reply:
    """What is sent back; `who` and `api` are for the log."""

    status: int
    body: bytes
    type: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    who: str = "-"
    api: str = "-"


def reply_of(
    envelope: str, content: Mapping[str, Any], response: str, status: int = 200, told: str = ""
) -> Reply:
    """A reply in the form that the request's `response` names: json in any case, else XML."""
    headers = list(_HEADERS.items())
    if told:
        line = "".join(c if c.isprintable() and c.isascii() else "?" for c in told[:500])
        headers.append(("X-Description", line))
    if response.lower() == "json":
        body = dumps({envelope: dict(content)}).encode("utf-8", "replace")
        return Reply(status, body, "application/json;charset=utf-8", headers)
    body = as_xml(envelope, dict(content), "" if status == 401 else VERSION)  # as the real one
    return Reply(status, body, "text/xml;charset=utf-8", headers)


def refusal(envelope: str, problem: ApiError, response: str) -> Reply:
    """An ApiError as CloudStack tells it: uuidList, codes and text, the code as HTTP's status; 401
    and a failed login have no number of an exception."""
    told = fault_json(problem)
    if problem.errorcode == 401 or envelope == "loginresponse":
        del told["cserrorcode"]
    is_json = response.lower() == "json"
    content = {"uuidList": [], **told} if is_json else told
    status = problem.errorcode if 400 <= problem.errorcode < 600 else 530
    return reply_of(envelope, content, response, status, problem.errortext)
