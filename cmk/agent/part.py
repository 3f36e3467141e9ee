"""A file in the making: `.<name>.part` in the pool, held by an exclusive lock until it is done.

The lock is the kernel's (flock): it ends with its process, however that ends. The final name
appears by an atomic rename, after the bytes are on the disk; nothing else ever stands under it.
Beside it `.<name>.state` says which version of the file the bytes belong to, so that whoever gets
the lock next goes on from there.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Callable, Optional

from .failures import Failure, PoolFailure, RequestFailure, SpaceFailure, TransportFailure
from .pipeline import sync_directory

#: Seconds between two looks at a lock that another process has.
_PATIENCE = 0.1


def path_in(pool: str, name: str) -> str:
    """The path of a plain name in a pool. Raises RequestFailure for a name that leads elsewhere."""
    if not os.path.isabs(pool) or not name or "/" in name or name.startswith("."):
        raise RequestFailure(f"'{name}' is no name of a file in the pool {pool}")
    return os.path.join(pool, name)


def leftovers(pool: str, name: str) -> tuple[str, str, str, str]:
    """The names that a file in the making uses: its bytes, what is unpacked of them, its state, and
    that while it is written."""
    hidden = os.path.join(pool, f".{name}")
    return f"{hidden}.part", f"{hidden}.image", f"{hidden}.state", f"{hidden}.state.new"


@dataclass
class State:
    """What the bytes of a part are: of which size and versions, and where they are.

    `validators` are by URL without query. `ranges` are the bytes that are there, as [start, end)
    in order; None: from the beginning to the file's end.
    """

    size: Optional[int] = None
    digest: str = ""
    validators: dict[str, str] = field(default_factory=dict)
    ranges: Optional[list[list[int]]] = None

    @property
    def is_resumable(self) -> bool:
        """Whether what is there can be told from another version of the file."""
        return bool(self.validators)


class Part:
    """The unfinished copy of `name`; a context in which this process alone may write it."""

    def __init__(self, pool: str, name: str, waiting: Callable[[], None]) -> None:
        self.final = path_in(pool, name)
        #: `inside` is where what was packed goes, until it is checked.
        self.path, self.inside, self._state, self._fresh = leftovers(pool, name)
        self.pool = pool
        self.descriptor = -1
        self.state = State()
        self._waiting = waiting
        self._finished = False

    def __enter__(self) -> Part:
        try:
            while not self._lock():
                self._waiting()
                time.sleep(_PATIENCE)
        except OSError as problem:
            raise failure_of(problem, self.pool) from None
        self.state = self._remembered()
        return self

    def _lock(self) -> bool:
        """Open and lock the file; a file that was renamed or removed meanwhile is not it."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine, there = os.fstat(descriptor), os.stat(self.path)
        except (BlockingIOError, FileNotFoundError):
            os.close(descriptor)
            return False
        if mine.st_ino != there.st_ino:
            os.close(descriptor)
            return False
        self.descriptor = descriptor
        return True

    def _remembered(self) -> State:
        """The state as it was last written; an empty one where it is missing or no use."""
        try:
            with open(self._state, encoding="utf-8") as file:
                state = State(**json.load(file))
            ranges = state.ranges
            fits = ranges is None or all(0 <= s <= e <= (state.size or 0) for s, e in ranges)
        except (OSError, ValueError, TypeError):
            return State()
        return state if fits and state.is_resumable else State()

    def remember(self, lasting: bool = False) -> None:
        """Write the state; `lasting`: what it speaks of is to survive the machine too."""
        if lasting:
            os.fdatasync(self.descriptor)
        with open(self._fresh, "w", encoding="utf-8") as file:
            json.dump(asdict(self.state), file)
        os.replace(self._fresh, self._state)

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        problem: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        """Leave what the next one can go on with, and nothing else; then let go of the lock."""
        keep = isinstance(problem, TransportFailure) and self.state.is_resumable and self.size
        if self._finished:
            os.close(self.descriptor)
            return
        try:
            for path in (self.inside, self._fresh):
                _remove(path)
            if not keep:
                _remove(self._state)
                _remove(self.path)
        finally:
            os.close(self.descriptor)

    @property
    def size(self) -> int:
        return os.fstat(self.descriptor).st_size

    def restart(self) -> None:
        """Throw away the bytes, and what is known of them."""
        os.ftruncate(self.descriptor, 0)
        self.state = State()
        _remove(self._state)

    @property
    def room(self) -> int:
        """Bytes that the pool has free."""
        found = os.statvfs(self.pool)
        return found.f_bavail * found.f_frsize

    def reserve(self, count: int) -> None:
        """Raise SpaceFailure unless the pool has room for so many bytes more."""
        free = self.room
        if count > free:
            raise SpaceFailure(f"the pool {self.pool} has {free} bytes free; {count} are needed")

    def finish(self, path: str) -> os.stat_result:
        """Make the checked file at `path` (the part, or its inside) last under the final name."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fchmod(descriptor, 0o644)  # QEMU may run as another user
            os.fsync(descriptor)
            facts = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        if path == self.path:  # from the rename on, what stands under that name is the next one's
            _remove(self._state)
            self._finished = True
        os.rename(path, self.final)
        sync_directory(self.pool)
        return facts


def _remove(path: str) -> None:
    if os.path.lexists(path):
        os.unlink(path)


def failure_of(problem: OSError, pool: str) -> Failure:
    """An error of the file system as a reason: no room, or no usable pool."""
    if problem.errno in {errno.ENOSPC, errno.EDQUOT}:
        return SpaceFailure(f"the pool {pool} is full")
    return PoolFailure(f"the pool {pool} cannot be used: {problem.strerror}")
