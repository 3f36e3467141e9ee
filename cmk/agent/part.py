"""A file in the making: `.<name>.part` in the pool, held by an exclusive lock until it is done.

The lock is the kernel's (flock): it ends with its process, however that ends. The final name
appears by an atomic rename, after the bytes are on the disk; nothing else ever stands under it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from types import TracebackType
from typing import Callable, Optional

from .failures import PoolFailure, RequestFailure, SpaceFailure
from .pipeline import sync_directory

#: Seconds between two looks at a lock that another process has.
_PATIENCE = 0.1


def path_in(pool: str, name: str) -> str:
    """The path of a plain name in a pool. Raises RequestFailure for a name that leads elsewhere."""
    if not os.path.isabs(pool) or not name or "/" in name or name.startswith("."):
        raise RequestFailure(f"'{name}' is no name of a file in the pool {pool}")
    return os.path.join(pool, name)


class Part:
    """The unfinished copy of `name`; a context in which this process alone may write it."""

    def __init__(self, pool: str, name: str, waiting: Callable[[], None]) -> None:
        self.final = path_in(pool, name)
        self.path = os.path.join(pool, f".{name}.part")
        #: Where what was packed inside goes, until it is checked.
        self.inside = os.path.join(pool, f".{name}.image")
        self.pool = pool
        self.descriptor = -1
        self._waiting = waiting

    def __enter__(self) -> Part:
        try:
            while not self._lock():
                self._waiting()
                time.sleep(_PATIENCE)
        except OSError as problem:
            raise failure_of(problem, self.pool) from None
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

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        problem: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        """Leave nothing behind that is of no further use, then let go of the lock."""
        try:
            for path in (self.inside, self.path):
                if os.path.lexists(path):
                    os.unlink(path)
        finally:
            os.close(self.descriptor)

    @property
    def size(self) -> int:
        return os.fstat(self.descriptor).st_size

    def restart(self) -> None:
        """Throw away the bytes."""
        os.ftruncate(self.descriptor, 0)

    def reserve(self, count: int) -> None:
        """Raise SpaceFailure unless the pool has room for so many bytes more."""
        found = os.statvfs(self.pool)
        free = found.f_bavail * found.f_frsize
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
        os.rename(path, self.final)
        sync_directory(self.pool)
        return facts


def failure_of(problem: OSError, pool: str) -> Exception:
    """An error of the file system as a reason: no room, or no usable pool."""
    if problem.errno in {errno.ENOSPC, errno.EDQUOT}:
        return SpaceFailure(f"the pool {pool} is full")
    return PoolFailure(f"the pool {pool} cannot be used: {problem.strerror}")
