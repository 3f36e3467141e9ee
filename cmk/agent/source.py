"""An open URL: bytes on their way, and what is known of the whole file."""

from __future__ import annotations

import hashlib
import http.client
import socket
import ssl
from dataclasses import dataclass
from typing import Any, Optional, Protocol
from urllib.parse import urlsplit

from .failures import TransportFailure


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
