"""HTTP to a management server: one request, its answer, and why there is none.

This is the seam to the network: `requests` behind it, a dictionary of parameters and an Answer
before it. Redirects are never followed, since a signed request is not sent on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from cmk.cloud.body import body_of, left, within
from cmk.errors import CmkError, Unreachable

if TYPE_CHECKING:
    from pathlib import Path

    import requests

#: Seconds to wait for a connection, and for the answer to begin or go on.
CONNECT, READ = 10.0, 300.0
#: Seconds for the whole of a call, however its answer drips.
WHOLE = 1800.0

#: A read that failed on its way is tried so often again, after such pauses in seconds.
PAUSES = (0.5, 1.0, 2.0)
LONGEST_PAUSE = 30.0
PASSING = (502, 503, 504)


@dataclass(frozen=True)
class Answer:
    """What a server said; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    reason: str = ""


class Transport(Protocol):
    """Sends one request to the one server that it is for; `cookies` are the session's."""

    cookies: Mapping[str, str]

    def send(self, params: Mapping[str, str], post: bool, deadline: float | None = None) -> Answer:
        """The answer, whatever its status. Raises Unreachable where there is none, also by the
        deadline (of time.monotonic())."""
        ...

    def upload(
        self, url: str, headers: Mapping[str, str], file: Path, tell: Callable[[int], None]
    ) -> Answer:
        """POST a file, as the field `file` of a form, to wherever the server says; `tell` is told
        how many bytes are sent. Raises Unreachable, OSError of the file."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass(frozen=True)
class Trust:
    """Whether a server's certificate is verified, and against which file besides the system's."""

    verify: bool = True
    cacert: str = ""


class RequestsTransport:
    """The transport over requests: one session, so connections and the CA bundle are kept."""

    def __init__(self, url: str, trust: Trust, variables: Mapping[str, str]) -> None:
        self._url = url
        self._trust = trust
        self._variables = variables
        self._session: requests.Session | None = None

    @property
    def cookies(self) -> Mapping[str, str]:
        if self._session is None:
            return {}
        return {cookie.name: cookie.value or "" for cookie in self._session.cookies}

    @cookies.setter
    def cookies(self, given: Mapping[str, str]) -> None:
        jar = self._opened().cookies
        jar.clear()
        jar.update(dict(given))

    def _opened(self) -> requests.Session:
        if self._session is None:
            self._session = self._made(self._url)
        return self._session

    def _made(self, url: str) -> requests.Session:
        from cmk.cloud.connection import opened

        return opened(url, self._trust.verify, self._trust.cacert, self._variables)

    def send(self, params: Mapping[str, str], post: bool, deadline: float | None = None) -> Answer:
        session = self._opened()
        given = {"data" if post else "params": dict(params)}
        seconds = left(deadline, WHOLE)
        told = f"{self._url.partition('?')[0]} did not answer in full within {seconds:.0f} s."
        try:
            return within(
                seconds, lambda: _asked(session, "POST" if post else "GET", self._url, given), told
            )
        except Unreachable:
            self._session = None  # it may still be in use
            raise

    def upload(
        self, url: str, headers: Mapping[str, str], file: Path, tell: Callable[[int], None]
    ) -> Answer:
        from requests_toolbelt import MultipartEncoder, MultipartEncoderMonitor

        with file.open("rb") as body, self._made(url) as session:
            form = MultipartEncoder({"file": (file.name, body, "application/octet-stream")})
            sent = MultipartEncoderMonitor(form, lambda monitor: tell(monitor.bytes_read))
            types = {**headers, "Content-Type": form.content_type}
            return _asked(session, "POST", url, {"data": sent, "headers": types})

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def _asked(session: requests.Session, method: str, url: str, given: dict[str, Any]) -> Answer:
    """One request and its answer. Raises Unreachable where there is none."""
    import requests
    from urllib3.exceptions import HTTPError

    try:
        with session.request(
            method, url, **given, timeout=(CONNECT, READ), allow_redirects=False, stream=True
        ) as answer:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status_code, headers, body_of(answer), answer.reason or "")
    except (requests.RequestException, HTTPError, ValueError) as problem:
        # Not its own words: they hold the URL, and with it key and signature.
        raise Unreachable(*_reason(url, problem)) from None


def send_patiently(
    transport: Transport,
    params: Mapping[str, str],
    post: bool,
    tell: Callable[[str], None],
    deadline: float | None = None,
) -> Answer:
    """For reads only: try again where the way to the server failed, or it says that it is busy.

    `tell` is told why somebody has to wait; by the deadline it ends as it stands.
    """
    for pause in (*PAUSES, None):
        wanted = 0.0
        try:
            answer = transport.send(params, post, deadline)
            if answer.status not in PASSING or pause is None or left(deadline, 1.0) <= 0:
                return answer
            after = answer.headers.get("retry-after", "")
            wanted = float(after) if after.isascii() and after.isdigit() else 0.0
            tell(f"The server is busy (HTTP {answer.status}). Trying again.")
        except Unreachable as problem:
            if pause is None or left(deadline, 1.0) <= 0:
                raise
            tell(f"{problem.message} Trying again.")
        time.sleep(max(0.0, left(deadline, min(max(pause or 0.0, wanted), LONGEST_PAUSE))))
    raise AssertionError("the last try returns or raises")


def _reason(url: str, problem: Exception) -> tuple[str, str]:
    """Why a server could not be asked, and what to do, without a word of the request."""
    import socket
    import ssl

    import requests
    import urllib3

    where = url.partition("?")[0]
    chain = list(_causes(problem))
    for cause in chain:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"The certificate of {where} is refused: {cause.verify_message}.",
                "Name the CA that has signed it: cacert = /path in the profile.",
            )
        if isinstance(cause, ssl.SSLError):
            return f"{where} does not speak TLS as it should: {cause.reason or cause}.", ""
        if isinstance(cause, socket.gaierror):
            return f"The host of {where} is not known: {cause.strerror}.", "Is the URL right?"
        if isinstance(cause, ConnectionRefusedError):
            return f"{where} refuses connections.", "Is the management server running there?"
        if isinstance(cause, ConnectionResetError):
            return f"{where} reset the connection.", ""
    if isinstance(problem, requests.exceptions.ConnectTimeout):
        return f"{where} did not answer within {CONNECT:.0f} s.", ""
    if isinstance(problem, (requests.exceptions.Timeout, urllib3.exceptions.ReadTimeoutError)):
        return f"{where} did not answer within {READ:.0f} s.", "What was asked may still happen."
    if isinstance(problem, requests.exceptions.ProxyError):
        return f"The proxy for {where} gives no connection.", "Look at https_proxy and no_proxy."
    if isinstance(problem, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)):
        return f"{where} is no URL of a server.", ""
    if isinstance(
        problem, (requests.exceptions.ChunkedEncodingError, urllib3.exceptions.ProtocolError)
    ):
        return f"The answer of {where} ended early.", "What was asked may still have happened."
    return f"{where} broke the connection off ({type(chain[-1]).__name__}).", ""


def _causes(problem: BaseException) -> list[BaseException]:
    """An exception and what it came from, also where urllib3 keeps that in its arguments."""
    found: list[BaseException] = []
    queue: list[object] = [problem]
    while queue and len(found) < 20:
        one = queue.pop(0)
        if not isinstance(one, BaseException) or one in found:
            continue
        found.append(one)
        queue += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return found


def redirected(answer: Answer) -> CmkError:
    """A redirect as the error that it is here."""
    told = answer.headers.get("location", "").partition("?")[0]
    target = told.encode("latin-1", "replace").decode("utf-8", "replace")  # as servers mean it
    return CmkError(
        f"The server redirects to {target or 'nowhere'} (HTTP {answer.status}); a signed request "
        "is not sent on.",
        "If that is the server you mean, put its URL into the profile.",
    )
