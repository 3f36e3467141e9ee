"""Why a request to the agent failed, in kinds that the other side can act on.

Failure            kind       what it means for the next try
├── TransportFailure  transport  another mirror, another time or another host may do better
│   └── RangeFailure             … and what is held of the file is of no use
├── ChecksumFailure   checksum   the bytes are not the ones that were promised
├── ImageFailure      image      these bytes must never reach a guest
├── SpaceFailure      space      this pool has no room
├── PoolFailure       pool       this pool cannot be used
└── RequestFailure    request    the agent was asked for something it does not know
"""

from __future__ import annotations

from typing import Any, Optional


class Failure(Exception):
    """One reason, in a sentence, and the story of the attempts that led to it."""

    kind = "failure"

    def __init__(self, reason: str, story: Optional[list[dict[str, Any]]] = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.story = story or []


class TransportFailure(Failure):
    """No bytes, or not all: refused, reset, timed out, an HTTP error, a page instead of an image.

    `final` says that asking the same mirror again is of no use; `retry_after` is the server's
    own wish, in seconds; `status` what a server answered with (HTTP), 0 where none did. `links` and
    `digests` are what a redirect on the way told of the file, as headers.
    """

    kind = "transport"

    def __init__(
        self,
        reason: str,
        story: Optional[list[dict[str, Any]]] = None,
        final: bool = False,
        retry_after: float = 0.0,
        status: int = 0,
    ) -> None:
        super().__init__(reason, story)
        self.final = final
        self.retry_after = retry_after
        self.status = status
        self.links = self.digests = ""


class RangeFailure(TransportFailure):
    """The file has no such bytes (any more): what is held belongs to another version of it."""


class ChecksumFailure(Failure):
    """The digest or the size is not the promised one; `digest` is what the bytes have."""

    kind = "checksum"

    def __init__(
        self, reason: str, story: Optional[list[dict[str, Any]]] = None, digest: str = ""
    ) -> None:
        super().__init__(reason, story)
        self.digest = digest


class ImageFailure(Failure):
    """The file is not what it was declared to be, or would reach out of the pool."""

    kind = "image"


class SpaceFailure(Failure):
    """No room for what must be written."""

    kind = "space"


class PoolFailure(Failure):
    """The pool's directory is not there, or cannot be read or written."""

    kind = "pool"


class RequestFailure(Failure):
    """A request that is not in the protocol."""

    kind = "request"
