"""http and https URLs, as RFC 9110 has them: ranges (14), validators (13), redirects (15.4),
Retry-After (10.2.3)."""

from __future__ import annotations

import http.client
import re
import string
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from socket import SHUT_RDWR
from threading import Timer
from time import time
from typing import Optional
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from ..connection import connection_to
from ..failures import RangeFailure, TransportFailure
from ..image import is_html
from ..source import Source, reason_of, shown
from ..wish import Limits, Wish

USER_AGENT = "cmk-agent/1"
MAX_REDIRECTS = 10
#: All headers together may take so many times as long as one byte.
HEADERS = 3

#: Statuses that say "not this, whenever you ask"; 408, 425 and 429 ask to try again.
_PASSING = {408, 425, 429}

#: What servers that know no ranges answer to every request for one.
_RANGE_REFUSED = {400, 403, 405, 416, 501}

#: Labels that name a packing which the bytes tell of, too: the bytes decide.
_TOLD_BY_BYTES = {"", "identity", "gzip", "x-gzip", "zstd"}


def open_web(wish: Wish, limits: Limits) -> Source:
    """Open a URL, its redirects followed. Raises TransportFailure."""
    url, headers = wish.url, dict(wish.headers)
    told = _Told()
    for _ in range(MAX_REDIRECTS + 1):
        try:
            found = _step(url, wish, headers, limits, told)
        except TransportFailure as problem:
            if url != wish.url:
                problem.reason = f"{shown(url)}: {problem.reason}"
            problem.links, problem.digests = told.links, told.digests
            raise
        if isinstance(found, Source):
            found.links = found.links or told.links
            found.digests = found.digests or told.digests
            return found
        if _origin(urlsplit(found)) != _origin(urlsplit(url)):
            headers = {}  # they were given for the first origin only
        url = found
    raise TransportFailure(f"more than {MAX_REDIRECTS} redirects", final=True)


@dataclass
class _Told:
    """What a redirect itself tells of the file: MirrorBrain has digest and mirrors there."""

    links: str = ""
    digests: str = ""


def _step(
    url: str, wish: Wish, headers: Mapping[str, str], limits: Limits, told: _Told
) -> Source | str:
    """What a URL answers: the file, or the next URL. Raises TransportFailure."""
    parts = urlsplit(url)
    connection, response = _request(parts, wish, headers, limits)
    is_part = wish.start or wish.end is not None
    # Of what is missing of a file 416 may be true; else a server that answers no ranges is asked
    # again without.
    is_refused = response.status in _RANGE_REFUSED and not (wish.start and response.status == 416)
    # A 500 behind the beginning may be a passing one, and what is there already be gone on with.
    if is_part and (is_refused or (response.status == 500 and not wish.start)):
        connection.close()
        whole = replace(wish, start=0, end=None, validator="")
        connection, response = _request(parts, whole, headers, limits)
    try:
        if response.status in {301, 302, 303, 307, 308}:
            told.links = told.links or response.getheader("Link", "")
            told.digests = told.digests or response.getheader("Digest", "")
            connection.close()
            return _redirect(parts, response.getheader("Location", ""), limits)
        return _accept(url, wish, connection, response)
    except TransportFailure:
        connection.close()
        raise


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
    connection, prefix, more = connection_to(parts, limits)
    try:
        connection.connect()
        connection.sock.settimeout(limits.read)
        method = "HEAD" if wish.bare else "GET"
        with _deadline(connection, HEADERS * limits.read):
            connection.request(method, prefix + target, headers={**asked, **headers, **more})
            return connection, connection.getresponse()
    except (OSError, http.client.HTTPException, ValueError) as problem:
        is_proxys = connection.sock is None and (prefix or connection.host != parts.hostname)
        connection.close()
        # A refused certificate is an OSError and a ValueError; an impossible URL the latter only.
        if isinstance(problem, http.client.InvalidURL) or not isinstance(
            problem, (OSError, http.client.HTTPException)
        ):
            raise
        place = f"the proxy {connection.host}:{connection.port}: " if is_proxys else ""
        raise TransportFailure(f"{place}{reason_of(problem)}") from None


@contextmanager
def _deadline(connection: http.client.HTTPConnection, seconds: float) -> Iterator[None]:
    """End a connection whose headers drip: each byte of them comes in time, and the whole never."""
    socket = connection.sock
    timer = Timer(seconds, lambda: socket.shutdown(SHUT_RDWR))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _redirect(parts: SplitResult, location: str, limits: Limits) -> str:
    if not limits.redirects:
        raise TransportFailure(
            "it redirects, and store.download.follow.redirects is false", final=True
        )
    # A blank in it is a mistake that browsers mend too (WHATWG URL, percent-encode).
    # Other letters came as bytes, which http.client takes for Latin-1.
    raw = location.encode("latin-1")
    target = urljoin(parts.geturl(), quote(raw, safe=string.punctuation))
    scheme = urlsplit(target).scheme.lower()
    if not location or scheme not in {"http", "https"}:
        raise TransportFailure(f"it redirects to '{scheme}:', which is never followed", final=True)
    if parts.scheme.lower() == "https" and scheme == "http" and not limits.downgrade:
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
    encoding = response.getheader("Content-Encoding", "").strip().lower()
    if encoding not in _TOLD_BY_BYTES:
        raise TransportFailure(
            f"it answers with Content-Encoding {encoding[:40]}, asked for identity"
        )
    media_type = response.getheader("Content-Type", "").partition(";")[0].strip().lower()
    body = _Body(connection, response)
    is_labelled = media_type in {"text/html", "application/xhtml+xml"}
    if is_labelled and not wish.page and is_html(body.peeked()):
        raise TransportFailure("it answers with a page of HTML, not an image")
    source = Source(
        shown(url),
        body,
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
    if wish.validator and not source.validator:
        raise RangeFailure("it does not say of which version its part is")
    if wish.validator and wish.validator not in (source.etag, source.last_modified):
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
        self._first = b""

    def peeked(self) -> bytes:
        """The first bytes, which are read again afterwards. Raises TransportFailure."""
        buffer = bytearray(512)
        view, count = memoryview(buffer), 0
        try:
            while count < len(buffer) and (more := self.readinto(view[count:])):
                count += more
        except (OSError, http.client.HTTPException) as problem:
            raise TransportFailure(f"the transfer broke off: {reason_of(problem)}") from None
        self._first = bytes(view[:count])
        return self._first

    def readinto(self, buffer: memoryview) -> int:
        if self._first:
            count = min(len(buffer), len(self._first))
            buffer[:count] = self._first[:count]
            self._first = self._first[count:]
            return count
        if self._response.chunked:
            data = self._response.read1(len(buffer))
            buffer[: len(data)] = data
            return len(data)
        if self._left is not None:
            buffer = buffer[: self._left]
        if not len(buffer) or self._response.fp is None:
            return 0
        count = self._response.fp.readinto1(buffer)
        if self._left is not None:
            self._left -= count
        return count

    def close(self) -> None:
        self._response.close()
        self._connection.close()


def _refusal(response: http.client.HTTPResponse) -> TransportFailure:
    status = response.status
    if status == 416:
        return RangeFailure("HTTP 416: its file ends before the bytes that are missing", status=416)
    return TransportFailure(
        f"HTTP {status} {response.reason}".rstrip(),
        final=400 <= status < 500 and status not in _PASSING,
        retry_after=_seconds(response.getheader("Retry-After", "")),
        status=status,
    )


def _seconds(retry_after: str) -> float:
    """Retry-After as seconds from now: it is a number or a date."""
    if re.fullmatch(r"[0-9]{1,9}", retry_after):
        return float(retry_after)
    try:
        return max(parsedate_to_datetime(retry_after).timestamp() - time(), 0.0)
    except (TypeError, ValueError, IndexError, OverflowError):
        return 0.0
