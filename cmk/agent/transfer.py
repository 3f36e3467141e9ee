"""Getting a file's last byte: from one mirror after another, or from several at once.

A transfer begins with one connection, written past the page cache. When after a second the rest
would still take seconds and there are more mirrors, they all take part (`cmk.agent.segments`).
"""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Optional

from .failures import ImageFailure, RangeFailure, TransportFailure
from .meter import Meter
from .order import Order
from .pace import Pace
from .part import Part
from .pipeline import Digests, Target, digest_file, pump
from .segments import Segments
from .source import Source, known_as
from .sources import open_source
from .wish import Wish

ROUNDS = 3
#: A round that brought less than this was in vain.
GAIN = 1 << 20
PAUSES = (0.5, 2.0)
LONGEST_PAUSE = 30.0
SERVED = "sha-256"
#: What a file may have over the virtual size inside it: tables, and what was deleted there.
SLACK = 64 << 20

#: Seconds of one connection alone, and how many more it must need before others are called in.
ALONE, WORTHWHILE = 1.0, 2.0


class _CallOthersError(Exception):
    """One connection is too slow for what is left."""


class Transfer:
    """One attempt's bytes; `story` is added to, `bad` and `dead` mirrors are remembered."""

    def __init__(
        self, order: Order, part: Part, meter: Meter, note: Callable[[str, str], None]
    ) -> None:
        self.order = order
        self.source: Optional[Source] = None
        #: Mirrors whose bytes are in the part.
        self.contributors: set[str] = set()
        self._part = part
        self._meter = meter
        self._note = note
        self._dead: set[str] = set()
        self._restarted = False

    def run(self, mirrors: list[str]) -> dict[str, str]:
        """Bytes up to the file's end; their digests. Raises TransportFailure."""
        vain, best = 0, 0
        while True:
            before, wait = best, 0.0
            for mirror in self._alive(mirrors):
                try:
                    return self._pull(mirror, mirrors)
                except TransportFailure as problem:
                    self._note(mirror, problem.reason)
                    last = problem.reason
                    wait = max(wait, problem.retry_after)
                    if problem.final:
                        self._dead.add(mirror)
                best = max(best, self._part.size)
            vain = vain + 1 if best - before < GAIN else vain
            if vain >= ROUNDS or not self._alive(mirrors):
                raise TransportFailure(f"no mirror gave the file: {last}")
            pause = PAUSES[min(vain, len(PAUSES)) - 1] if vain else 0.0
            time.sleep(min(max(pause, wait), LONGEST_PAUSE))

    def _alive(self, mirrors: list[str]) -> list[str]:
        return [mirror for mirror in mirrors if mirror not in self._dead]

    def _pull(self, mirror: str, mirrors: list[str]) -> dict[str, str]:
        """One request: go on where the part ends, or begin anew; digests when it is complete."""
        part, order = self._part, self.order
        if part.state.ranges is not None or self._needs_pieces():
            return self._go_on_in_ranges(mirrors)
        start, validator = self._beginning(mirror)
        wish = Wish(mirror, start, validator=validator, headers=order.headers_for(mirror))
        try:
            source = open_source(wish, order.limits)
        except RangeFailure:
            part.restart()
            raise
        try:
            self._accept(source, mirror)
            part.reserve(max((source.size or 0) - source.start, 0))
            self._check_size(source.size or 0)
            os.ftruncate(part.descriptor, source.start)
            return self._pump(source, mirror, mirrors)
        finally:
            source.close()

    def _needs_pieces(self) -> bool:
        """Whether only the pieces can tell right bytes from wrong ones."""
        order = self.order
        return bool(order.pieces and not order.digest and order.size)

    def _go_on_in_ranges(self, mirrors: list[str]) -> dict[str, str]:
        """The gaps of a part that several had begun; from scratch, once, if that leads nowhere."""
        try:
            return self._segments(mirrors, None)
        except TransportFailure:
            if not self._restarted:
                self._restarted = True
                self._part.restart()
            raise

    def _beginning(self, mirror: str) -> tuple[int, str]:
        """Where to go on with this mirror, and the validator that its file must still have."""
        state = self._part.state
        if state.size is None:
            return 0, ""
        # Of a part that is complete the last byte is asked for again: a range must not be empty.
        held = max(min(self._part.size, state.size - 1), 0)
        validator = state.validators.get(known_as(mirror), "")
        if validator:
            return held, validator
        # Another mirror's bytes fit when a digest will tell, and the size is the same.
        return (held if state.is_resumable and self.order.is_verifiable else 0), ""

    def _accept(self, source: Source, mirror: str) -> None:
        """Check a source against the order and the part, and note its version."""
        wanted, state = self.order.size, self._part.state
        if wanted is not None and source.size is not None and source.size != wanted:
            raise TransportFailure(
                f"it offers {source.size} bytes where {wanted} are expected", final=True
            )
        if source.start and (state.size is None or source.size != state.size):
            self._part.restart()
            raise TransportFailure("it has another version of the file than the bytes so far")
        if not source.start:
            self._part.restart()
            self.contributors.clear()
            state = self._part.state
        self.source, state.size = source, source.size
        self._meter.total = source.size
        self.contributors.add(mirror)
        if source.validator and source.size is not None:
            state.validators[known_as(mirror)] = source.validator
            state.digest = self.order.digest
            self._part.remember()

    def _pump(self, source: Source, mirror: str, mirrors: list[str]) -> dict[str, str]:
        part, digests = self._part, self._digests()
        digest_file(part.descriptor, source.start, digests)
        target = Target(part.descriptor, source.start)
        others = len(self._alive(mirrors)) * self.order.connections > 1
        read = self._reader(source, mirror, others)
        try:
            pump(read, target, digests)
        except _CallOthersError:
            target.close()
            source.close()
            part.state.ranges = [[0, target.offset]]
            return self._segments(mirrors, digests)
        except BaseException:
            digests.finish()
            raise
        finally:
            target.close()
        found = digests.finish()
        size = source.size if source.size is not None else self.order.size
        if size is not None and target.offset != size:
            raise TransportFailure(f"the body ended after {target.offset} of {size} bytes")
        if not target.offset:
            raise TransportFailure("it answers with nothing", final=True)
        self._meter.complete(target.offset)
        return found

    def _reader(self, source: Source, mirror: str, others: bool) -> Callable[[Any], int]:
        """`source.readinto`, counted, and left when it is too slow."""
        at, began, fresh = source.start, time.monotonic(), 0
        pace = Pace(self.order.limits.low_speed, self.order.limits.low_speed_time)
        can_split = others and source.size is not None and self.order.is_verifiable

        def read(buffer: Any) -> int:
            nonlocal at, fresh
            pace.check()  # before reading: what was read must reach the file
            passed = time.monotonic() - began
            if can_split and passed > ALONE and fresh:
                left = (source.size or 0) - at
                if left * passed / fresh > WORTHWHILE:
                    raise _CallOthersError
            count = source.readinto(buffer)
            at, fresh = at + count, fresh + count
            self._check_size(at)
            pace.count += count
            self._meter.received(mirror, count, at)
            return count

        return read

    def _check_size(self, size: int) -> None:
        """Nothing that is served is larger than what may be inside: a pool must not be filled."""
        if size > self.order.most + SLACK:
            raise ImageFailure(f"it is larger than the limit of {self.order.most} bytes")

    def _segments(self, mirrors: list[str], digests: Optional[Digests]) -> dict[str, str]:
        """The rest from all mirrors at once."""
        work = Segments(self.order, self._part, self._meter, self._note)
        found, sources = work.run(self._alive(mirrors), digests or self._digests())
        self.contributors |= set(sources)
        for source in sources.values():
            self.source = source
        self._part.state.ranges = None
        return found

    def _digests(self) -> Digests:
        return Digests({SERVED, self.order.algorithm or SERVED})
