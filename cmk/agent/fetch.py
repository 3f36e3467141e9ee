"""The download: attempts, then unpacking, checking and the final name.

A *transfer* (`cmk.agent.transfer`) ends with the file's last byte; that is an *attempt*: size and
digest are compared. A mismatch throws the bytes away and marks the mirror that gave them; where
several had, nobody knows which one, and each next attempt takes one mirror alone.
"""

from __future__ import annotations

import os
from contextlib import closing
from threading import Event
from typing import Any, Callable

from .compression import DAMAGED, packing_of, unpacked
from .failures import ChecksumFailure, Failure, ImageFailure, SpaceFailure
from .image import check_format, validate
from .meter import Meter
from .order import Order
from .part import Part, failure_of
from .pipeline import RING, Digests, Tell, solid, write_all
from .sources import shown
from .transfer import SERVED, Transfer

ATTEMPTS = 3

_HEAD = 64
_CHUNK = 1 << 20


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
        packing = packing_of(os.pread(part.descriptor, _HEAD, 0))
        path, stored = part.path, digests[SERVED]
        if packing:
            path = part.inside
            stored = self._unpack(part, packing)
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

    def _unpack(self, part: Part, packing: str) -> str:
        """Write what is inside beside the part, holes where it is zero; its sha-256."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(part.path, "rb") as packed, closing(unpacked(packing, packed)) as inside:
            descriptor = os.open(part.inside, flags, 0o600)
            digests = Digests({SERVED})
            try:
                self._copy(inside, descriptor, digests, packed.tell, part)
            except DAMAGED as problem:
                if isinstance(problem, OSError) and problem.errno:
                    raise  # the disk's, not the data's
                raise ImageFailure(f"its {packing} packing is damaged: {problem}") from None
            finally:
                found = digests.finish()
                os.close(descriptor)
        return found[SERVED]

    def _copy(
        self, inside: Any, descriptor: int, digests: Digests, tell: Callable[[], int], part: Part
    ) -> None:
        ring = [(bytearray(_CHUNK), Event()) for _ in range(RING)]
        for _, free in ring:
            free.set()
        offset, turn, room = 0, 0, part.room
        while True:
            chunk, free = ring[turn % RING]
            turn += 1
            free.wait()
            count = _read_full(inside, chunk)
            if not count:
                break
            if not offset:
                check_format(self.order.format, bytes(chunk[:_HEAD]))
            self._check_size(offset + count, room)
            free.clear()
            data = memoryview(chunk)[:count]
            digests.add(data, free)
            for start, end in solid(data):
                write_all(descriptor, data[start:end], offset + start)
            offset += count
            self._meter.unpacked(tell())
        if not offset:
            raise EOFError("nothing is in it")
        os.ftruncate(descriptor, offset)

    def _check_size(self, size: int, room: int) -> None:
        """What is unpacked has its limits, and holes count: a guest may fill them."""
        if size > self.order.most + (64 << 20):
            raise ImageFailure(f"it unpacks to more than the limit of {self.order.most} bytes")
        if size > room:
            raise SpaceFailure(
                f"it unpacks to more than the {room} bytes that the pool {self.order.pool} has free"
            )

    def _note(self, mirror: str, reason: str) -> None:
        self.story.append({"attempt": self._attempt, "mirror": shown(mirror), "reason": reason})


def _read_full(stream: Any, buffer: bytearray) -> int:
    view, filled = memoryview(buffer), 0
    while filled < len(buffer):
        count = stream.readinto(view[filled:])
        if not count:
            break
        filled += count
    return filled
