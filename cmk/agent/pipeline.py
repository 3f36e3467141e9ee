"""From a stream to a file and a digest, with the hashing beside the transfer.

hashlib frees the interpreter's lock, so one thread reads and writes while the other hashes the
same buffers: on two cores nearly twice the speed of doing both in turn. The buffers are pages of
their own, so full ones can go past the page cache (O_DIRECT) where the file system takes that.
"""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import time
from collections.abc import Iterator
from queue import Queue
from threading import Event, Thread
from typing import Any, Callable, Optional

BUFFER = 4 << 20
RING = 4
ALIGNMENT = 4096
#: Seconds that read bytes may wait for their buffer to fill.
LONGEST_HOLD = 1.0


class Digests:
    """Several digests over the same bytes, computed in a thread of its own, in order."""

    def __init__(self, algorithms: set[str]) -> None:
        self._hashes = {name: hashlib.new(name.replace("-", "")) for name in algorithms}
        self._work: Queue[Optional[tuple[memoryview, Event]]] = Queue(2 * RING)
        #: Bytes taken in so far.
        self.count = 0
        self._thread = Thread(target=self._run, name="digest", daemon=True)
        self._thread.start()

    def add(self, data: memoryview, done: Event) -> None:
        """Take in bytes, waiting while many are; `done` is set when they may be overwritten."""
        self.count += len(data)
        self._work.put((data, done))

    def finish(self) -> dict[str, str]:
        """Hex digests by algorithm, when all is hashed."""
        self._work.put(None)
        self._thread.join()
        return {name: found.hexdigest() for name, found in self._hashes.items()}

    def _run(self) -> None:
        for item in iter(self._work.get, None):
            data, done = item
            for found in self._hashes.values():
                found.update(data)
            done.set()


_BLOCK = 1 << 16
_ZEROS = bytearray(_BLOCK)


def solid(data: memoryview) -> Iterator[tuple[int, int]]:
    """The runs of `data`, as [start, end), that are not blocks of zeros only.

    A bytearray compares itself with a memoryview by memcmp; the other way round each byte is an
    object.
    """
    start = None
    for at in range(0, len(data), _BLOCK):
        block = data[at : at + _BLOCK]
        if (_ZEROS if len(block) == _BLOCK else _ZEROS[: len(block)]) == block:
            if start is not None:
                yield start, at
            start = None
        elif start is None:
            start = at
    if start is not None:
        yield start, len(data)


class Target:
    """A file written from front to back, past the page cache where that works; blocks of zeros
    become holes, so the file must be empty from `offset` on."""

    def __init__(self, descriptor: int, offset: int = 0) -> None:
        self._descriptor = descriptor
        self.offset = offset
        self._direct = self._open_direct()

    def _open_direct(self) -> Optional[int]:
        flag = getattr(os, "O_DIRECT", None)
        if flag is None:
            return None
        try:
            return os.open(f"/proc/self/fd/{self._descriptor}", os.O_WRONLY | flag | os.O_CLOEXEC)
        except OSError:
            return None

    def write(self, data: memoryview) -> None:
        """Write all of it at the current offset. Raises OSError."""
        for start, end in solid(data):
            self._write_run(data[start:end], self.offset + start)
        self.offset += len(data)

    def _write_run(self, data: memoryview, offset: int) -> None:
        aligned = len(data) & ~(ALIGNMENT - 1)
        if self._direct is not None and aligned and not offset % ALIGNMENT:
            try:
                write_all(self._direct, data[:aligned], offset)
                data, offset = data[aligned:], offset + aligned
            except OSError as problem:
                if problem.errno != errno.EINVAL:
                    raise
                self._close_direct()
        write_all(self._descriptor, data, offset)

    def settle(self) -> None:
        """Give the file the length that a hole at its end has not given it."""
        os.ftruncate(self._descriptor, self.offset)

    def _close_direct(self) -> None:
        if self._direct is not None:
            os.close(self._direct)
            self._direct = None

    def close(self) -> None:
        """Close what it opened itself; the caller's descriptor stays open."""
        self._close_direct()


def write_all(descriptor: int, data: memoryview, offset: int) -> None:
    """Write all of it at an offset. Raises OSError."""
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written


def pump(read: Callable[[memoryview], int], target: Target, digests: Digests) -> None:
    """Move bytes until `read` gives 0.

    A buffer is written when it is full, or after a second: a slow source's bytes must not hang in
    memory, where the end of this process would lose them. What was read before `read` raises is
    written and hashed too, so that it can be gone on from.
    """
    ring = [(memoryview(mmap.mmap(-1, BUFFER)), Event()) for _ in range(RING)]
    for _, free in ring:
        free.set()
    turn, going = 0, True
    while going:
        buffer, free = ring[turn % RING]
        turn += 1
        free.wait()
        # A first short buffer brings an odd offset back to where O_DIRECT can write.
        room = BUFFER - target.offset % ALIGNMENT
        filled = 0
        problem: Optional[BaseException] = None
        try:
            filled, going = _fill(read, buffer[:room])
        except _Broken as broken:
            filled, problem = broken.filled, broken.problem
        if filled:
            free.clear()
            digests.add(buffer[:filled], free)
            target.write(buffer[:filled])
        if problem is not None:
            target.settle()
            raise problem
    target.settle()


class _Broken(Exception):
    def __init__(self, filled: int, problem: BaseException) -> None:
        super().__init__()
        self.filled = filled
        self.problem = problem


def _fill(read: Callable[[memoryview], int], buffer: memoryview) -> tuple[int, bool]:
    """Fill a buffer: how much is in it, and whether there may be more."""
    filled, began = 0, time.monotonic()
    while filled < len(buffer) and time.monotonic() - began < LONGEST_HOLD:
        try:
            count = read(buffer[filled:])
        except BaseException as problem:
            raise _Broken(filled, problem) from problem
        if not count:
            return filled, False
        filled += count
    return filled, True


def digest_file(descriptor: int, size: int, digests: Digests) -> None:
    """Hash the first `size` bytes of a file into `digests`. Raises OSError when it is shorter."""
    ring = [(bytearray(BUFFER), Event()) for _ in range(2)]
    for _, free in ring:
        free.set()
    offset, turn = 0, 0
    while offset < size:
        buffer, free = ring[turn % 2]
        turn += 1
        free.wait()
        free.clear()
        view = memoryview(buffer)[: min(BUFFER, size - offset)]
        count = os.preadv(descriptor, [view], offset)
        if not count:
            raise OSError(errno.EIO, "the file is shorter than it was")
        digests.add(view[:count], free)
        offset += count


def sync_directory(path: str) -> None:
    """Make a rename in this directory last."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


Tell = Callable[[dict[str, Any]], None]
