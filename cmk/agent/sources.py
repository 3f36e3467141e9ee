"""Where bytes come from: http, https and file URLs, opened at an offset.

HTTP rules are RFC 9110's: ranges (14), validators (13), redirects (15.4), Retry-After (10.2.3).
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
import stat
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from time import time
from typing import Any, Optional, Protocol
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from .failures import TransportFailure

USER_AGENT = "cmk-agent/1"
MAX_REDIRECTS = 10

#: Statuses that say "not this, whenever you ask"; 408, 425 and 429 ask to try again.
_PASSING = {408, 425, 429}


@dataclass(frozen=True)
class Limits:
    """What is put up with: seconds to wait for a connection and for the next byte; redirects or
    not; and how slow a connection may be (bytes/s, over so many seconds)."""

    connect: float = 5.0
    read: float = 5.0
    redirects: bool = True
    low_speed: int = 1024
    low_speed_time: float = 30.0


@dataclass(frozen=True)
class Wish:
    """What is wanted of a URL: bytes from `start` (to `end`, exclusive), of one version only."""

    url: str
    start: int = 0
    end: Optional[int] = None
    validator: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Stream(Protocol):
    """Bytes on their way."""

    def readinto(self, buffer: Any, /) -> Optional[int]: ...
    def close(self) -> None: ...


@dataclass
class Source:
    """An open URL: bytes from `start` on, and what is known of the whole.

    `url` is the final one, without its query; `size` the whole file's, None where it is not told.
    """

    url: str
    stream: Stream
    start: int = 0
    size: Optional[int] = None
    etag: str = ""
    last_modified: str = ""
    media_type: str = ""
    #: The values of Link and of Repr-Digest or Digest (RFC 6249, RFC 9530).
    links: str = ""
    digests: str = ""

    @property
    def validator(self) -> str:
        """What If-Range takes: a strong ETag, else the date (RFC 9110, 13.1.5)."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.last_modified

    def readinto(self, buffer: Any) -> int:
        """Up to len(buffer) bytes; 0 at the end. Raises TransportFailure."""
        try:
            return self.stream.readinto(buffer) or 0
        except (OSError, http.client.HTTPException) as problem:
            raise TransportFailure(f"the transfer broke off: {_reason(problem)}") from None

    def close(self) -> None:
        self.stream.close()


def shown(url: str) -> str:
    """A URL without its query, fragment and user: these may hold secrets."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()


def open_source(wish: Wish, limits: Limits) -> Source:
    """Open a URL. Raises TransportFailure with the reason, for every way in which it can fail."""
    try:
        scheme = urlsplit(wish.url).scheme.lower()
        if scheme == "file":
            return _open_file(wish)
        if scheme in {"http", "https"}:
            return _open_http(wish, limits)
    except (ValueError, http.client.HTTPException):
        # Not their own words: they quote the URL, whose query may be a secret.
        raise TransportFailure(
            "its URL, or one it redirects to, cannot be read", final=True
        ) from None
    raise TransportFailure(
        f"'{scheme}:' URLs are not supported (http, https and file are)", final=True
    )


def _open_file(wish: Wish) -> Source:
    path = unquote(urlsplit(wish.url).path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as problem:
        raise TransportFailure(f"cannot open the file: {problem.strerror}", final=True) from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise TransportFailure("it is not a regular file", final=True)
    tag = f'"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}"'
    start = wish.start if wish.validator in ("", tag) else 0
    stream = open(descriptor, "rb", buffering=0)  # noqa: SIM115 - closed by its Source
    stream.seek(start)
    return Source(shown(wish.url), stream, start, found.st_size, etag=tag)


def _open_http(wish: Wish, limits: Limits) -> Source:
    url, headers = wish.url, dict(wish.headers)
    for _ in range(MAX_REDIRECTS + 1):
        parts = urlsplit(url)
        connection, response = _request(parts, wish, headers, limits)
        if response.status in {301, 302, 303, 307, 308}:
            connection.close()
            target = _redirect(parts, response.getheader("Location", ""), limits)
            if _origin(urlsplit(target)) != _origin(parts):
                headers = {}  # they were given for the first origin only
            url = target
            continue
        try:
            return _accept(url, wish, connection, response)
        except TransportFailure:
            connection.close()
            raise
    raise TransportFailure(f"more than {MAX_REDIRECTS} redirects", final=True)


def _request(
    parts: SplitResult, wish: Wish, headers: Mapping[str, str], limits: Limits
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    asked = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
    if wish.start or wish.end is not None:
        last = "" if wish.end is None else str(wish.end - 1)
        asked["Range"] = f"bytes={wish.start}-{last}"
        if wish.validator:
            asked["If-Range"] = wish.validator
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = _connection(parts, limits)
    try:
        connection.connect()
        connection.sock.settimeout(limits.read)
        connection.request("GET", target, headers={**asked, **headers})
        return connection, connection.getresponse()
    except (http.client.InvalidURL, ValueError):
        connection.close()
        raise
    except (OSError, http.client.HTTPException) as problem:
        connection.close()
        raise TransportFailure(_reason(problem)) from None


def _connection(parts: SplitResult, limits: Limits) -> http.client.HTTPConnection:
    host, port = parts.hostname or "", parts.port
    if parts.scheme.lower() == "http":
        return http.client.HTTPConnection(host, port, timeout=limits.connect)
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return http.client.HTTPSConnection(host, port, timeout=limits.connect, context=context)


def _redirect(parts: SplitResult, location: str, limits: Limits) -> str:
    if not limits.redirects:
        raise TransportFailure(
            "it redirects, and store.download.follow.redirects is false", final=True
        )
    # A blank in it is a mistake that browsers mend too (WHATWG URL, percent-encode).
    target = urljoin(parts.geturl(), quote(location, safe=string.punctuation))
    scheme = urlsplit(target).scheme.lower()
    if not location or scheme not in {"http", "https"}:
        raise TransportFailure(f"it redirects to '{scheme}:', which is never followed", final=True)
    if parts.scheme.lower() == "https" and scheme == "http":
        raise TransportFailure("it redirects from https to plain http", final=True)
    return target


def _origin(parts: SplitResult) -> tuple[str, str, Optional[int]]:
    scheme = parts.scheme.lower()
    return scheme, parts.hostname or "", parts.port or (443 if scheme == "https" else 80)


_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)\Z")


def _accept(
    url: str, wish: Wish, connection: http.client.HTTPConnection, response: http.client.HTTPResponse
) -> Source:
    """Check what a server answered against what was wished for."""
    if response.status not in {200, 206}:
        raise _refusal(response)
    encoding = response.getheader("Content-Encoding", "identity").lower()
    if encoding not in {"identity", ""}:
        raise TransportFailure(f"it answers with Content-Encoding {encoding}, asked for identity")
    media_type = response.getheader("Content-Type", "").partition(";")[0].strip().lower()
    if media_type in {"text/html", "application/xhtml+xml"}:
        raise TransportFailure("it answers with a page of HTML, not an image")
    source = Source(
        shown(url),
        _Body(connection, response),
        media_type=media_type,
        etag=response.getheader("ETag", ""),
        last_modified=response.getheader("Last-Modified", ""),
        links=response.getheader("Link", ""),
        digests=response.getheader("Repr-Digest", "") or response.getheader("Digest", ""),
    )
    length = _length(response)
    if response.status == 200:
        source.size = length
        return source
    _accept_part(source, wish, response, length)
    return source


def _accept_part(
    source: Source, wish: Wish, response: http.client.HTTPResponse, length: Optional[int]
) -> None:
    """A 206 must be the part that was asked for, of the version that was asked for."""
    told = response.getheader("Content-Range", "")
    found = _CONTENT_RANGE.match(told)
    asked = wish.start or wish.end is not None
    if not asked or found is None or int(found[1]) != wish.start:
        raise TransportFailure(
            f"it answers a request for bytes from {wish.start} with Content-Range '{told[:80]}'"
        )
    first, last = int(found[1]), int(found[2])
    source.start = first
    source.size = None if found[3] == "*" else int(found[3])
    whole = source.size is None or last < source.size
    # Asked to the end, a part that stops before it would pass for the whole.
    to_the_end = wish.end is not None or source.size is None or last == source.size - 1
    if last < first or not whole or not to_the_end or length not in (None, last - first + 1):
        raise TransportFailure(f"its Content-Range '{told[:80]}' makes no sense")
    if (
        wish.validator
        and source.validator
        and wish.validator not in (source.etag, source.last_modified)
    ):
        raise TransportFailure("its file has changed since the first bytes came")


def _length(response: http.client.HTTPResponse) -> Optional[int]:
    """Content-Length, None where the body is chunked or ends by closing (RFC 9112, 6.3)."""
    codings = ", ".join(response.headers.get_all("Transfer-Encoding", [])).strip().lower()
    if codings:
        if codings != "chunked":
            raise TransportFailure(f"it answers with Transfer-Encoding {codings[:40]}")
        return None
    lengths = set(response.headers.get_all("Content-Length", []))
    if not lengths:
        return None
    if len(lengths) > 1 or not re.fullmatch(r"[0-9]{1,18}", text := lengths.pop().strip()):
        raise TransportFailure("it gives no clear Content-Length")
    return int(text)


class _Body:
    """A body as it arrives: HTTPResponse.readinto would wait until the buffer is full."""

    def __init__(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse
    ) -> None:
        self._connection = connection
        self._response = response
        self._left = response.length  # None for a chunked body, and for one that ends by closing

    def readinto(self, buffer: memoryview) -> int:
        if self._response.chunked:
            data = self._response.read1(len(buffer))
            buffer[: len(data)] = data
            return len(data)
        if self._left is not None:
            buffer = buffer[: self._left]
        if not len(buffer) or self._response.fp is None:
            return 0
        count: int = self._response.fp.readinto1(buffer)
        if self._left is not None:
            self._left -= count
        return count

    def close(self) -> None:
        self._response.close()
        self._connection.close()


def _refusal(response: http.client.HTTPResponse) -> TransportFailure:
    status = response.status
    return TransportFailure(
        f"HTTP {status} {response.reason}".rstrip(),
        final=400 <= status < 500 and status not in _PASSING,
        retry_after=_seconds(response.getheader("Retry-After", "")),
    )


def _seconds(retry_after: str) -> float:
    """Retry-After as seconds from now: it is a number or a date."""
    if re.fullmatch(r"[0-9]{1,9}", retry_after):
        return float(retry_after)
    try:
        return max(parsedate_to_datetime(retry_after).timestamp() - time(), 0.0)
    except (TypeError, ValueError, IndexError, OverflowError):
        return 0.0


def _reason(problem: Exception) -> str:
    if isinstance(problem, (socket.timeout, TimeoutError)):
        return "timed out"
    if isinstance(problem, socket.gaierror):
        return "its host name cannot be resolved"
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {problem.verify_message}"
    if isinstance(problem, http.client.RemoteDisconnected):
        return "it closed the connection without an answer"
    if isinstance(problem, http.client.IncompleteRead):
        return "the body ended early"
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror.lower()
    return f"{type(problem).__name__}: {problem}" if str(problem) else type(problem).__name__
