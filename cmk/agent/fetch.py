"""The download: mirrors, rounds and attempts, then unpacking, checking and the final name.

A *transfer* goes through the mirrors until one gives the file's last byte; what a broken one gave
is kept where the next one has the same version. A transfer's end is an *attempt*: size and digest
are compared. A mismatch throws the bytes away and marks the mirror that gave the last of them.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from .compression import DAMAGED, packing_of, unpacked
from .failures import ChecksumFailure, ImageFailure, TransportFailure
from .image import check_format, validate
from .part import Part, failure_of
from .pipeline import Digests, Target, Tell, digest_file, pump
from .sources import Limits, Source, Wish, open_source, shown

ATTEMPTS = 3
ROUNDS = 3
#: A round that brought less than this was in vain.
GAIN = 1 << 20
PAUSES = (0.5, 2.0)
LONGEST_PAUSE = 30.0
SERVED = "sha-256"

_HEAD = 64
_CHUNK = 1 << 20
_ZEROS = bytes(_CHUNK)


@dataclass(frozen=True)
class Order:
    """What is to be in the pool: its name there, its format, and where it comes from.

    `digest` is lower-case hex by `algorithm` (sha-256, md5 …), of the bytes as served; both are
    empty where none is known. `most` is the largest virtual size, in bytes.
    """

    pool: str
    name: str
    format: str
    mirrors: tuple[str, ...]
    headers: dict[str, str] = field(default_factory=dict)
    algorithm: str = ""
    digest: str = ""
    size: Optional[int] = None
    most: int = 1 << 50
    limits: Limits = field(default_factory=Limits)


class Fetch:
    """One download; `run` gives what the protocol calls its result."""

    def __init__(self, order: Order, tell: Tell) -> None:
        self.order = order
        self.story: list[dict[str, Any]] = []
        self._tell = tell
        self._told = 0.0
        self._bad: set[str] = set()
        self._dead: set[str] = set()
        self._validator = ""
        self._total: Optional[int] = order.size
        self._source: Optional[Source] = None
        self._meter = _Meter()
        self._mirror = ""

    def run(self) -> dict[str, Any]:
        """Download, check, unpack, validate. Raises a Failure, which carries the story."""
        order = self.order
        part = Part(
            order.pool, order.name, lambda: self._tell({"phase": "Waiting for the pool's copy"})
        )
        try:
            with part:
                if os.path.exists(part.final):
                    os.unlink(part.final)  # the lab asks for it only when it is not to be trusted
                digests = self._served(part)
                result = self._stored(part, digests)
        except OSError as problem:
            raise failure_of(problem, order.pool) from None
        assert self._source is not None  # an attempt was good
        return {
            **result,
            "url": self._source.url,
            "etag": self._source.etag,
            "last_modified": self._source.last_modified,
            "served_digest": digests[SERVED],
            "story": self.story,
        }

    def _served(self, part: Part) -> dict[str, str]:
        """The bytes as served, with the digest that was asked for, in the part file."""
        digest = ""
        for attempt in range(1, ATTEMPTS + 1):
            part.restart()
            self._validator, self._total = "", self.order.size
            digests = self._transfer(part, attempt)
            assert self._source is not None
            digest = digests[self.order.algorithm or SERVED]
            if not self.order.digest or digest == self.order.digest:
                return digests
            self._bad.add(self._mirror)
            self._note(
                attempt,
                f"the {self.order.algorithm} of what it served ({part.size} bytes) is {digest}, "
                f"expected {self.order.digest}",
            )
        raise ChecksumFailure(
            f"the checksum was wrong {ATTEMPTS} times: expected {self.order.algorithm} "
            f"{self.order.digest}, got {digest}",
            self.story,
            digest,
        )

    def _transfer(self, part: Part, attempt: int) -> dict[str, str]:
        """Bytes up to the file's end, from whichever mirrors give them; their digests."""
        vain, best = 0, 0
        while True:
            before, wait = best, 0.0
            for mirror in self._mirrors():
                self._mirror = mirror
                try:
                    return self._pull(part, mirror)
                except TransportFailure as problem:
                    self._note(attempt, problem.reason)
                    wait = max(wait, problem.retry_after)
                    if problem.final:
                        self._dead.add(mirror)
                best = max(best, part.size)
            vain = vain + 1 if best - before < GAIN else vain
            if vain >= ROUNDS or not self._mirrors():
                last = self.story[-1]["reason"]
                raise TransportFailure(f"no mirror gave the file: {last}", self.story)
            pause = PAUSES[min(vain, len(PAUSES)) - 1] if vain else 0.0
            time.sleep(min(max(pause, wait), LONGEST_PAUSE))

    def _mirrors(self) -> list[str]:
        """Those worth asking: the ones that lied only where no other is left."""
        alive = [mirror for mirror in self.order.mirrors if mirror not in self._dead]
        return [mirror for mirror in alive if mirror not in self._bad] or alive

    def _pull(self, part: Part, mirror: str) -> dict[str, str]:
        """One request: go on where the part ends, or begin anew; digests when it is complete."""
        held = part.size if self._validator else 0
        wish = Wish(mirror, held, validator=self._validator, headers=self.order.headers)
        source = open_source(wish, self.order.limits)
        try:
            self._check_size(source)
            self._source, self._validator, self._total = source, source.validator, source.size
            if source.size is not None:
                part.reserve(source.size - source.start)
            os.ftruncate(part.descriptor, source.start)
            return self._pump(part, source)
        finally:
            source.close()

    def _check_size(self, source: Source) -> None:
        wanted = self.order.size
        if wanted is not None and source.size is not None and source.size != wanted:
            raise TransportFailure(
                f"it offers {source.size} bytes where {wanted} are expected", final=True
            )

    def _pump(self, part: Part, source: Source) -> dict[str, str]:
        digests = Digests({SERVED, self.order.algorithm or SERVED})
        digest_file(part.descriptor, source.start, digests)
        target = Target(part.descriptor, source.start)
        try:
            self._meter.begin(source.start)
            pump(source.readinto, target, digests, lambda at: self._progress("Downloading", at))
        finally:
            target.close()
            found = digests.finish()
        if source.size is not None and target.offset != source.size:
            raise TransportFailure(f"the body ended after {target.offset} of {source.size} bytes")
        if not target.offset:
            raise TransportFailure("it answers with nothing", final=True)
        self._progress("Downloading", target.offset, force=True)
        return found

    def _stored(self, part: Part, digests: dict[str, str]) -> dict[str, Any]:
        """Unpack where it is packed, check the image, give it its final name."""
        order = self.order
        packing = packing_of(os.pread(part.descriptor, _HEAD, 0))
        path, stored = part.path, digests[SERVED]
        try:
            if packing:
                path = part.inside
                stored = self._unpack(part, packing)
            self._tell({"phase": "Checking"})
            image = validate(path, order.format, order.most)
        except ImageFailure as problem:
            raise ImageFailure(problem.reason, self.story) from None
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
        digests = Digests({SERVED})
        with open(part.path, "rb") as packed:
            inside = unpacked(packing, packed)
            descriptor = os.open(
                part.inside,
                os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC,
                0o600,
            )
            try:
                self._copy(inside, descriptor, digests, packed.tell, part)
            except DAMAGED as problem:
                if isinstance(problem, OSError) and problem.errno:
                    raise  # the disk's, not the data's
                raise ImageFailure(f"its {packing} packing is damaged: {problem}") from None
            finally:
                found = digests.finish()
                os.close(descriptor)
                inside.close()
        return found[SERVED]

    def _copy(
        self, inside: Any, descriptor: int, digests: Digests, tell: Callable[[], int], part: Part
    ) -> None:
        from threading import Event

        offset = 0
        while True:
            chunk = bytearray(_CHUNK)
            count = _read_full(inside, chunk)
            if not count:
                break
            if not offset:
                check_format(self.order.format, bytes(chunk[:_HEAD]))
            digests.add(memoryview(chunk)[:count], Event())
            if offset + count > self.order.most + (64 << 20):
                raise ImageFailure(f"it unpacks to more than the limit of {self.order.most} bytes")
            if count < _CHUNK or chunk != _ZEROS:
                os.pwrite(descriptor, memoryview(chunk)[:count], offset)
            offset += count
            if not offset % (64 << 20):
                part.reserve(64 << 20)
            self._progress("Unpacking", tell(), self._total)
        os.ftruncate(descriptor, offset)

    def _progress(
        self, phase: str, at: int, total: Optional[int] = None, force: bool = False
    ) -> None:
        now = time.monotonic()
        if not force and now - self._told < 0.1:
            return
        self._told = now
        total = self._total if total is None else total
        event: dict[str, Any] = {"phase": phase, "bytes": at}
        if total:
            event["total"] = total
        if phase == "Downloading":
            event["rate"] = self._meter.rate(at)
        self._tell(event)

    def _note(self, attempt: int, reason: str) -> None:
        self.story.append({"attempt": attempt, "mirror": shown(self._mirror), "reason": reason})


class _Meter:
    """Bytes a second of the running transfer, what was there before not counted."""

    def begin(self, at: int) -> None:
        self._start, self._since = at, time.monotonic()

    def rate(self, at: int) -> int:
        return int((at - self._start) / max(time.monotonic() - self._since, 0.001))


def _read_full(stream: Any, buffer: bytearray) -> int:
    view, filled = memoryview(buffer), 0
    while filled < len(buffer):
        count = stream.readinto(view[filled:])
        if not count:
            break
        filled += count
    return filled
