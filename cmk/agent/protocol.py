"""How the agent is spoken to: one JSON object a line, requests on stdin, answers on stdout.

On start it says  {"hello": 1, "agent": VERSION, "python": "3.11.7"}
A request is      {"id": 7, "do": "fetch", …}
Its answers are   {"id": 7, "progress": {"phase": "Downloading", "bytes": …, "total": …, "rate": …}}
and at last       {"id": 7, "done": {…}}
or                {"id": 7, "failed": {"kind": "transport", "reason": "…", "story": […], …}}

do      takes                                             done holds
probe   url format headers limits small                   url size etag last_modified packing
                                                          format virtual_size links digests;
                                                          of XML: url media_type document
read    url headers limits small                          url media_type document (base64)
head    url headers limits                                url size etag last_modified digests
fetch   pool name format mirrors headers origin           size virtual_size inode mtime packing
        algorithm digest size pieces most                 served_digest stored_digest url etag
        connections limits                                last_modified mirrors warnings story
facts   pool name                                         size inode mtime, or null
link    pool name known other                             size inode mtime, or null
remove  pool name                                         null
space   pool                                              total free (bytes)
guests                                                    pid by guest UUID

Sizes are bytes, `mtime` nanoseconds, digests lower-case hex; `limits` is connect and read (s),
redirects and downgrade (true or false), low_speed (bytes/s), low_speed_time (seconds) and trust
(certificates in PEM); `pieces` is algorithm, length and digests; `known` is what facts holds; a
`story` is a list of {attempt, mirror, reason}; a failure may have the digest of wrong bytes and the
HTTP status of a server. Requests run one after another. Words that are not
here are refused (kind "request"), so that a newer caller learns at once that this agent is too old.
When stdin closes the agent leaves, whatever it does.
Headers and other secrets come on stdin only.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import traceback
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Callable, Optional

from . import keeping
from .failures import Failure, RequestFailure
from .fetch import Fetch
from .order import Order, Pieces
from .probe import head, probe, read
from .wish import Limits

PROTOCOL = 1
VERSION = "0.1.0"

Request = dict[str, Any]


def main() -> None:
    """Answer requests until stdin closes."""
    _Agent(sys.stdin.buffer, sys.stdout.buffer).run()


class _Agent:
    def __init__(self, requests: Any, answers: Any) -> None:
        self._requests = requests
        self._answers = answers
        self._lock = Lock()
        self._queue: SimpleQueue[bytes] = SimpleQueue()

    def run(self) -> None:
        self._say({"hello": PROTOCOL, "agent": VERSION, "python": platform.python_version()})
        Thread(target=self._listen, name="requests", daemon=True).start()
        while True:
            self._answer(self._queue.get())

    def _listen(self) -> None:
        """Take requests; the end of stdin ends all, and the kernel frees what was locked."""
        for line in self._requests:
            self._queue.put(line)
        os._exit(0)

    def _answer(self, line: bytes) -> None:
        id: Any = None
        try:
            request = _request(line)
            id = request.pop("id", None)
            done = _do(request, lambda event: self._say({"id": id, "progress": event}))
            self._say({"id": id, "done": done})
        except Failure as problem:
            told = {"kind": problem.kind, "reason": problem.reason, "story": problem.story}
            more = {name: getattr(problem, name, None) for name in ("digest", "status")}
            self._say({"id": id, "failed": {**told, **more}})
        except Exception as problem:
            traceback.print_exc()
            reason = f"this is a bug in the agent: {type(problem).__name__}: {problem}"
            self._say({"id": id, "failed": {"kind": "agent", "reason": reason}})

    def _say(self, message: dict[str, Any]) -> None:
        line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        try:
            with self._lock:
                self._answers.write(line)
                self._answers.flush()
        except BrokenPipeError:
            os._exit(0)


def _request(line: bytes) -> Request:
    try:
        request = json.loads(line)
    except ValueError:
        raise RequestFailure("a request is one JSON object a line") from None
    if not isinstance(request, dict):
        raise RequestFailure("a request is one JSON object a line")
    return request


def _do(request: Request, tell: Callable[[dict[str, Any]], None]) -> Any:
    what = request.pop("do", None)
    action = _ACTIONS.get(what)
    if action is None:
        raise RequestFailure(f"this agent (protocol {PROTOCOL}) cannot do '{what}'")
    try:
        if "limits" in request:
            limits = _object("limits", request["limits"])
            request["limits"] = Limits(**{**limits, "trust": tuple(limits.get("trust", ()))})
        return action(tell, **request)
    except TypeError as problem:
        raise RequestFailure(f"{what}: {problem}") from problem


def _fetch(tell: Callable[[dict[str, Any]], None], **request: Any) -> dict[str, Any]:
    pieces = request.pop("pieces", None)
    if pieces is not None:
        digests = _texts("digests", _object("pieces", pieces).get("digests"))
        request["pieces"] = Pieces(**{**pieces, "digests": digests})
    mirrors = _texts("mirrors", request.get("mirrors"))
    return Fetch(Order(**{**request, "mirrors": mirrors}), tell).run()


def _object(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RequestFailure(f"{name} is an object")
    return value


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise RequestFailure(f"{name} is a list of strings that is not empty")
    return tuple(value)


def _quiet(action: Callable[..., Any]) -> Callable[..., Any]:
    """For what is done before there would be progress to tell."""

    def run(_: Callable[[dict[str, Any]], None], **request: Any) -> Optional[Any]:
        return action(**request)

    return run


_ACTIONS: dict[Any, Callable[..., Any]] = {
    "probe": _quiet(probe),
    "read": _quiet(read),
    "head": _quiet(head),
    "fetch": _fetch,
    "facts": _quiet(keeping.facts),
    "link": _quiet(keeping.link),
    "remove": _quiet(keeping.remove),
    "space": _quiet(keeping.space),
    "guests": _quiet(keeping.guests),
}
