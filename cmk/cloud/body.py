"""The body of an answer, within bounds: of memory, whatever it unpacks to, and of time."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

from cmk.errors import CmkError, Unreachable

if TYPE_CHECKING:
    import requests

T = TypeVar("T")

#: Bytes of one answer, unpacked. The largest known one, 4.22's listApis, has 8 million.
LONGEST = 256 << 20

#: Bytes that are read, and unpacked, at a time.
_PIECE = 1 << 16

#: What is asked for, and so what may come.
ACCEPTED = "gzip"


def body_of(answer: requests.Response, most: int = LONGEST) -> bytes:
    """All bytes, unpacked. Raises CmkError for more than `most`, and for an encoding that was not
    asked for: urllib3 would unpack each of several, without a bound (RFC 9110, 8.4)."""
    unpacker = _unpacker(answer.headers.get("Content-Encoding", "").strip().lower())
    body = bytearray()
    for piece in answer.raw.stream(_PIECE, decode_content=False):
        while piece:
            some, piece = unpacker.unpack(piece)
            body += some
            if len(body) > most:
                raise CmkError(
                    f"The server's answer is longer than {most >> 20} MiB; the rest was not read.",
                    "Ask for less: page= and pagesize=, or fewer things at once.",
                )
    if unpacker.is_within:
        raise CmkError("The server's answer ended early: its packing is cut off.")
    return bytes(body)


def _unpacker(encoding: str) -> _Plain:
    if encoding in ("", "identity"):
        return _Plain()
    if encoding in ("gzip", "x-gzip"):
        return _Gzip()
    raise CmkError(f"The server's answer is packed as '{encoding[:40]}'; gzip was asked for.")


class _Plain:
    """What is not packed."""

    #: Whether what was packed has not come to its end.
    is_within = False

    def unpack(self, packed: bytes) -> tuple[bytes, bytes]:
        """Some bytes, and what is still packed of the piece."""
        return packed, b""


class _Gzip(_Plain):
    """Unpacks a stream of gzip members piece by piece."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)

    def unpack(self, packed: bytes) -> tuple[bytes, bytes]:
        """The same."""
        self.is_within = True
        try:
            some = self._member.decompress(packed, _PIECE)
        except zlib.error:
            raise CmkError("The server's answer says that it is gzip, and is not.") from None
        if self._member.eof:
            rest = self._member.unused_data
            self.is_within = False
            self._member = zlib.decompressobj(wbits=31)
            return some, rest
        return some, self._member.unconsumed_tail


def within(seconds: float, work: Callable[[], T], told: str) -> T:
    """What the work gives. Raises what it raises, Unreachable (with `told`) after so many seconds.

    It runs in a thread of its own, which is left alone then: no time-out of a socket ends a name
    that is looked up for ever, or an answer that drips.
    """
    results: list[T] = []
    problems: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as problem:  # told to whoever waits
            problems.append(problem)

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(max(seconds, 0.0))
    if problems:
        raise problems[0]
    if not results:
        raise Unreachable(told, "What was asked may still happen.")
    return results[0]


def left(deadline: float | None, most: float) -> float:
    """Seconds until a deadline of time.monotonic(), no more than `most`."""
    return most if deadline is None else min(most, deadline - time.monotonic())
