"""Where bytes come from: http, https and file URLs, opened at an offset."""

from __future__ import annotations

import hashlib
import http.client
import os
import socket
import ssl
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional, Protocol
from urllib.parse import unquote, urlsplit

from .failures import TransportFailure


@dataclass(frozen=True)
class Limits:
    """What is put up with: seconds to wait for a connection and for the next byte; redirects or
    not, and from https to plain http; how slow a connection may be (bytes/s, over so many
    seconds); and whose certificates are trusted besides the system's (PEM)."""

    connect: float = 5.0
    read: float = 5.0
    redirects: bool = True
    downgrade: bool = False
    low_speed: int = 1024
    low_speed_time: float = 30.0
    trust: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wish:
    """What is wanted of a URL: bytes from `start` (to `end`, exclusive), of one version only.

    `bare`: no bytes at all, only what is known of the file (HEAD).
    """

    url: str
    start: int = 0
    end: Optional[int] = None
    validator: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    bare: bool = False


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
            raise TransportFailure(f"the transfer broke off: {reason_of(problem)}") from None

    def close(self) -> None:
        self.stream.close()


def shown(url: str) -> str:
    """A URL without its query, fragment and user: these may hold secrets."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()


def known_as(url: str) -> str:
    """What a URL is called where it is written down: without its query, but told apart by it."""
    plain = shown(url)
    if plain == url:
        return plain
    return f"{plain}#{hashlib.sha256(url.encode()).hexdigest()[:12]}"


def open_source(wish: Wish, limits: Limits) -> Source:
    """Open a URL. Raises TransportFailure with the reason, for every way in which it can fail."""
    try:
        scheme = urlsplit(wish.url).scheme.lower()
        if scheme == "file":
            return _open_file(wish)
        if scheme in {"http", "https"}:
            from .web import open_web

            return open_web(wish, limits)
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


def reason_of(problem: Exception) -> str:
    """Why the network or a file gave no more, in a few words."""
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
