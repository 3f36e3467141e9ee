"""The download: attempts, then unpacking, checking and the final name.

A *transfer* (`cmk.agent.transfer`) ends with the file's last byte; that is an *attempt*: size and
digest are compared. A mismatch throws the bytes away and marks the mirror that gave them; where
several had, nobody knows which one, and each next attempt takes one mirror alone.
"""

from __future__ import annotations

import os
from typing import Any

from .compression import packing_of
from .failures import ChecksumFailure, Failure
from .image import validate
from .meter import Meter
from .order import Order
from .part import Part, failure_of
from .pipeline import Tell
from .source import shown
from .transfer import SERVED, Transfer
from .unpacker import HEAD, unpack

ATTEMPTS = 3


class Fetch:
    """One download; `run` gives what the protocol calls its result."""

    def __init__(self, order: Order, tell: Tell) -> None:
        self.order = order
        self.story: list[dict[str, Any]] = []
        self._meter = Meter(tell)
        self._attempt = 1

    def run(self) -> dict[str, Any]:
        """Download, check, unpack, validate. Raises a Failure, which carries the story."""
        order = self.order
        waiting = "Waiting for the pool's copy"
        try:
            with Part(order.pool, order.name, lambda: self._meter.phase(waiting)) as part:
                if os.path.exists(part.final):
                    os.unlink(part.final)  # the lab asks for it only when it is not to be trusted
                if part.state.digest != order.digest:
                    part.restart()
                return self._bring(part)
        except OSError as problem:
            raise failure_of(problem, order.pool) from None

    def _bring(self, part: Part) -> dict[str, Any]:
        try:
            transfer, digests = self._served(part)
            result = self._stored(part, digests)
        except Failure as problem:
            problem.story = self.story
            raise
        source = transfer.source
        assert source is not None  # an attempt was good
        return {
            **result,
            "url": source.url,
            "etag": source.etag,
            "last_modified": source.last_modified,
            "mirrors": sorted(shown(mirror) for mirror in transfer.contributors),
            "served_digest": digests[SERVED],
            "story": self.story,
        }

    def _served(self, part: Part) -> tuple[Transfer, dict[str, str]]:
        """The bytes as served, right by the digest if there is one; raises ChecksumFailure."""
        order, bad, digest = self.order, set[str](), ""
        mirrors = list(order.mirrors)
        for self._attempt in range(1, ATTEMPTS + 1):
            transfer = Transfer(order, part, self._meter, self._note)
            digests = transfer.run(mirrors)
            digest = digests[order.algorithm or SERVED]
            if not order.digest or digest == order.digest:
                return transfer, digests
            self._note(
                " and ".join(sorted(shown(mirror) for mirror in transfer.contributors)),
                f"the {order.algorithm} of what it served ({part.size} bytes) is {digest}, "
                f"expected {order.digest}",
            )
            part.restart()
            alone = len(transfer.contributors) > 1 or len(mirrors) == 1 < len(order.mirrors)
            bad |= transfer.contributors if len(transfer.contributors) == 1 else set()
            rest = [mirror for mirror in order.mirrors if mirror not in bad] or list(order.mirrors)
            start = self._attempt % len(rest) if alone else 0
            mirrors = rest[start : start + 1] if alone else rest
        raise ChecksumFailure(
            f"the checksum was wrong {ATTEMPTS} times: expected {order.algorithm} {order.digest}, "
            f"got {digest}",
            digest=digest,
        )

    def _stored(self, part: Part, digests: dict[str, str]) -> dict[str, Any]:
        """Unpack where it is packed, check the image, give it its final name."""
        order = self.order
        packing = packing_of(os.pread(part.descriptor, HEAD, 0))
        path, stored = part.path, digests[SERVED]
        if packing:
            path = part.inside
            stored = unpack(order, part, packing, self._meter)
        self._meter.phase("Checking")
        image = validate(path, order.format, order.most)
        facts = part.finish(path)
        return {
            "size": facts.st_size,
            "virtual_size": image.virtual_size,
            "inode": facts.st_ino,
            "mtime": facts.st_mtime_ns,
            "packing": packing,
            "stored_digest": stored,
            "warnings": list(image.warnings),
        }

    def _note(self, mirror: str, reason: str) -> None:
        self.story.append({"attempt": self._attempt, "mirror": shown(mirror), "reason": reason})
