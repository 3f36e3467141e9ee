"""Several mirrors at once: each fetches blocks of the file, in order, and the front follows.

The front reads the finished beginning of the file back from the page cache, checks the pieces
where there are any, and feeds the digests. A mirror with nothing left to take robs the slowest one
of the half of its block. A piece that is wrong is fetched again, and when one mirror alone gave
it, that mirror is dropped.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass, field
from threading import Condition, Event, Thread
from typing import Callable, Optional

from .failures import TransportFailure
from .meter import Meter
from .order import Order
from .pace import Pace
from .part import Part
from .pipeline import Digests, solid, write_all
from .source import Source, known_as
from .sources import open_source
from .wish import Wish

BLOCK = 16 << 20
SMALLEST = 1 << 20
READ = 1 << 20
WORKERS = 8
#: A mirror that failed so often in a row, without bringing a block's worth, is given up.
STRIKES = 3
REMEMBER_EVERY = 2.0
#: How often one piece may be wrong before it is the digest that must be.
WRONG = 10


@dataclass
class Block:
    """Bytes [start, end) of the file: fetched up to `at`, by `mirror` ("" while nobody does).

    `fresh`: the file has only zeros here, since nobody has written it before. `claimed`: up to
    here its worker may be writing at this moment, so nobody else must. `whole`: one mirror alone
    must give it, so that it is known who did.
    """

    start: int
    end: int
    at: int
    mirror: str = ""
    avoid: frozenset[str] = frozenset()
    fresh: bool = False
    claimed: int = 0
    whole: bool = False
    rate: float = 0.0
    busy: bool = field(default=False, compare=False)

    @property
    def left(self) -> int:
        return self.end - self.at


class Segments:
    """One download by several workers, a thread each; the caller's thread is the front."""

    def __init__(
        self, order: Order, part: Part, meter: Meter, note: Callable[[str, str], None]
    ) -> None:
        self._order = order
        self._part = part
        self._meter = meter
        self._note = note
        self._size = int(order.size or part.state.size or 0)
        self._blocks: list[Block] = []
        self._changed = Condition()
        self._sources: dict[str, Source] = {}
        self._dropped: set[str] = set()
        self._running = 0
        self._stopped = False
        #: How often each piece was wrong.
        self._wrong: dict[int, int] = {}
        self._problem: Optional[BaseException] = None
        self._remembered = time.monotonic()

    def run(self, mirrors: list[str], digests: Digests) -> tuple[dict[str, str], dict[str, Source]]:
        """Fetch what is missing; the digests and, by mirror, the sources that gave bytes.

        `digests` has taken in the bytes up to the first gap, if this call continues a transfer;
        otherwise none. Raises TransportFailure when no mirror is left.
        """
        held = self._part.state.ranges or []
        front = digests.count
        fresh = os.fstat(self._part.descriptor).st_size <= front
        self._blocks = _blocks(self._size, held, self._block_size(len(mirrors)), fresh)
        self._part.reserve(sum(block.left for block in self._blocks))
        self._remember(force=True)  # the file's length will tell nothing from here on
        os.ftruncate(self._part.descriptor, self._size)
        count = min(len(mirrors) * self._order.connections, WORKERS)
        threads = [
            Thread(target=self._work, args=(mirrors[n % len(mirrors)],), daemon=True)
            for n in range(count)
        ]
        self._running = len(threads)
        try:
            for thread in threads:
                thread.start()
            self._follow(front, digests)
        finally:
            with self._changed:
                self._stopped = True
                self._changed.notify_all()
            for thread in threads:
                thread.join()
            self._remember(force=True)
            found = digests.finish()
        self._meter.complete(self._size)
        return found, self._sources

    def _block_size(self, mirrors: int) -> int:
        size = max(SMALLEST, min(BLOCK, self._size // (8 * max(mirrors, 1))))
        if self._order.pieces:
            length = self._order.pieces.length
            size = max(size // length, 1) * length
        return size

    # the workers

    def _work(self, mirror: str) -> None:
        """Fetch blocks from one mirror until none is left, or the mirror is no good."""
        strikes = 0
        try:
            while strikes < STRIKES:
                block = self._take(mirror)
                if block is None:
                    return
                before = block.at
                try:
                    self._fetch(block, mirror)
                    strikes = 0
                except TransportFailure as problem:
                    strikes = STRIKES if problem.final else strikes + 1
                    if block.at - before >= SMALLEST:
                        strikes = min(strikes, 1)
                    self._note(mirror, problem.reason)
                    self._pause(max(0.5 * strikes, min(problem.retry_after, 30.0)))
                finally:
                    self._give_back(block)
        except BaseException as problem:
            self._problem = problem
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped, timeout=seconds)

    def _take(self, mirror: str) -> Optional[Block]:
        """The next block that nobody fetches, or half of the slowest one's; None at the end."""
        with self._changed:
            while not self._stopped and mirror not in self._dropped:
                free = [b for b in self._blocks if b.left and not b.busy and mirror not in b.avoid]
                block = free[0] if free else self._rob(mirror)
                if block is not None:
                    if block.whole and block.mirror != mirror:
                        block.at = block.start
                    elif block.at > block.start and block.mirror != mirror:
                        block = self._split(block, block.at)
                    block.busy, block.mirror, block.rate = True, mirror, 0.0
                    return block
                if not any(b.left for b in self._blocks) and self._front_done():
                    return None
                self._changed.wait(0.2)
        return None

    def _front_done(self) -> bool:
        return self._stopped or self._order.pieces is None

    def _rob(self, mirror: str) -> Optional[Block]:
        """Half of what is left of the block that would be done last, if it is worth a request."""
        busy = [
            b
            for b in self._blocks
            if b.busy and not b.whole and b.left >= 2 * SMALLEST and b.mirror != mirror
        ]
        if not busy:
            return None
        slowest = max(busy, key=lambda b: b.left / max(b.rate, 1.0))
        at = max(slowest.at + slowest.left // 2, slowest.claimed)
        return self._split(slowest, at) if at < slowest.end else None

    def _split(self, block: Block, at: int) -> Block:
        rest = Block(at, block.end, at, avoid=block.avoid, fresh=block.fresh)
        block.end = at
        self._blocks.insert(self._blocks.index(block) + 1, rest)
        return rest

    def _fetch(self, block: Block, mirror: str) -> None:
        validator = self._part.state.validators.get(known_as(mirror), "")
        wish = Wish(mirror, block.at, block.end, validator, self._order.headers_for(mirror))
        source = open_source(wish, self._order.limits)
        try:
            self._accept(source, mirror, block)
            buffer, began, first = memoryview(bytearray(READ)), time.monotonic(), block.at
            limits = self._order.limits
            pace = Pace(limits.low_speed, limits.low_speed_time)
            while block.left and not self._stopped and mirror not in self._dropped:
                pace.check()
                with self._changed:
                    room = min(block.left, READ)
                    block.claimed = block.at + room
                count = source.readinto(buffer[:room])
                if not count:
                    raise TransportFailure(
                        f"the body ended at {block.at}, {block.left} bytes early"
                    )
                self._write(buffer[:count], block)
                with self._changed:
                    block.at += count
                    block.rate = (block.at - first) / max(time.monotonic() - began, 0.001)
                    self._changed.notify_all()
                pace.count += count
                self._meter.received(mirror, count, self._held())
                self._remember()
        finally:
            source.close()

    def _write(self, data: memoryview, block: Block) -> None:
        """Zeros become holes, where nothing was written before."""
        runs = solid(data) if block.fresh else [(0, len(data))]
        for start, end in runs:
            write_all(self._part.descriptor, data[start:end], block.at + start)

    def _accept(self, source: Source, mirror: str, block: Block) -> None:
        if source.size is not None and source.size != self._size:
            raise TransportFailure(
                f"it offers {source.size} bytes where {self._size} are expected", final=True
            )
        if source.start != block.at:
            raise TransportFailure("it gives no ranges, or its file has changed", final=True)
        with self._changed:
            self._sources[mirror] = source
            if source.validator:
                self._part.state.validators.setdefault(known_as(mirror), source.validator)

    def _give_back(self, block: Block) -> None:
        with self._changed:
            block.busy = False
            self._changed.notify_all()
        self._remember()

    def _held(self) -> int:
        return self._size - sum(block.left for block in self._blocks)

    def _remember(self, force: bool = False) -> None:
        """Write down which ranges are there, now and then."""
        with self._changed:
            if not force and time.monotonic() - self._remembered < REMEMBER_EVERY:
                return
            self._remembered = time.monotonic()
            state = self._part.state
            state.size, state.digest = self._size, self._order.digest
            state.ranges = _merged([[b.start, b.at] for b in self._blocks if b.at > b.start])
            if state.is_resumable:
                self._part.remember(lasting=not self._order.digest)

    # the front

    def _follow(self, front: int, digests: Digests) -> None:
        """Check and hash the file from `front` on, as its beginning grows."""
        pieces = self._order.pieces
        while front < self._size:
            step = BLOCK // 4
            end = min(front + step, self._size)
            if pieces:
                end = min((front // pieces.length + 1) * pieces.length, self._size)
            self._await(front, end)
            if pieces and not self._is_right(front, end):
                if front % pieces.length:
                    # A part of this piece is in the digests already: they must begin again.
                    raise TransportFailure("the beginning of the file was wrong")
                continue
            _feed(self._part.descriptor, front, end, digests)
            front = end

    def _await(self, start: int, end: int) -> None:
        """Until the bytes [start, end) are there. Raises TransportFailure when nobody is left."""

        def there() -> bool:
            return all(
                b.at >= min(b.end, end) for b in self._blocks if b.end > start and b.start < end
            )

        with self._changed:
            while not there():
                if self._problem is not None:
                    raise self._problem
                if not self._running:
                    raise TransportFailure("no mirror is left that gives the rest of the file")
                self._changed.wait(0.5)

    def _is_right(self, start: int, end: int) -> bool:
        """Compare a piece; a wrong one is marked as missing, and its giver perhaps as a liar."""
        pieces = self._order.pieces
        assert pieces is not None  # called with pieces only
        number = start // pieces.length
        found = hashlib.new(pieces.algorithm.replace("-", ""))
        # An offset inside a piece is possible after a resumed beginning: hash from its start.
        begin = number * pieces.length
        _feed_hash(self._part.descriptor, begin, end, found.update)
        if found.hexdigest() == pieces.digests[number]:
            return True
        with self._changed:
            givers = self._forget(begin, end)
            self._wrong[number] = self._wrong.get(number, 0) + 1
            if self._wrong[number] > WRONG:
                raise TransportFailure(f"piece {number} is wrong from every mirror")
            if len(givers) == 1:
                liar = next(iter(givers))
                self._dropped.add(liar)
                self._note(
                    liar, f"piece {number} of what it served is wrong; it is not asked again"
                )
            self._changed.notify_all()
        return False

    def _forget(self, start: int, end: int) -> set[str]:
        """Mark [start, end) as missing; the mirrors that gave it.

        A block that goes on behind `end` stays the same object: its worker may be writing there,
        and must be the only one that does.
        """
        givers: set[str] = set()
        blocks: list[Block] = []
        for block in self._blocks:
            if block.end <= start or block.start >= end:
                blocks.append(block)
                continue
            givers.add(block.mirror)
            if block.start < start:
                at = min(block.at, start)
                blocks.append(Block(block.start, start, at, block.mirror, fresh=block.fresh))
            if block.end > end:
                block.start, block.at = end, max(block.at, end)
                blocks.append(block)
        givers.discard("")
        avoid = frozenset(givers) if len(givers) == 1 else frozenset()
        blocks.append(Block(start, end, start, avoid=avoid, whole=True))
        self._blocks = sorted(blocks, key=lambda block: block.start)
        return givers


def _blocks(size: int, held: list[list[int]], length: int, fresh: bool = False) -> list[Block]:
    """The whole file as blocks: what is held is done, the gaps are cut into `length` bytes."""
    blocks, at = [], 0
    for start, end in [*_merged(held), [size, size]]:
        while at < start:
            stop = min((at // length + 1) * length, start)
            blocks.append(Block(at, stop, at, fresh=fresh))
            at = stop
        if end > start:
            blocks.append(Block(start, end, end))
        at = max(at, end)
    return blocks


def _merged(ranges: list[list[int]]) -> list[list[int]]:
    """Ranges in order, touching ones made one."""
    out: list[list[int]] = []
    for start, end in sorted(ranges):
        if out and start <= out[-1][1]:
            out[-1][1] = max(out[-1][1], end)
        else:
            out.append([start, end])
    return out


def _feed(descriptor: int, start: int, end: int, digests: Digests) -> None:
    """Hash bytes of the file, reading the next while the last are hashed."""
    for offset in range(start, end, READ):
        data = os.pread(descriptor, min(READ, end - offset), offset)
        digests.add(memoryview(data), Event())


def _feed_hash(descriptor: int, start: int, end: int, update: Callable[[bytes], None]) -> None:
    for offset in range(start, end, READ):
        update(os.pread(descriptor, min(READ, end - offset), offset))
