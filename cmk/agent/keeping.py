"""What is in a pool, and which guests run: small questions about a host."""

from __future__ import annotations

import os
import re
from typing import Any, Optional

from .failures import PoolFailure
from .part import leftovers, path_in
from .pipeline import sync_directory


def facts(pool: str, name: str) -> Optional[dict[str, Any]]:
    """Size, inode and modification time (ns) of a file in a pool; None where there is none."""
    try:
        found = os.stat(path_in(pool, name), follow_symlinks=False)
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise PoolFailure(f"the pool {pool} cannot be used: {problem.strerror}") from None
    return {"size": found.st_size, "inode": found.st_ino, "mtime": found.st_mtime_ns}


def remove(pool: str, name: str) -> None:
    """Remove a file from a pool, and what an unfinished download left of it."""
    for path in (path_in(pool, name), *leftovers(pool, name)):
        try:
            os.unlink(path)
        except FileNotFoundError:
            continue
        except OSError as problem:
            raise PoolFailure(f"cannot remove {path}: {problem.strerror}") from None


def space(pool: str) -> dict[str, int]:
    """Bytes of the file system that a pool is on, and the bytes free."""
    try:
        found = os.statvfs(pool)
    except OSError as problem:
        raise PoolFailure(f"the pool {pool} cannot be used: {problem.strerror}") from None
    return {"total": found.f_blocks * found.f_frsize, "free": found.f_bavail * found.f_frsize}


def link(pool: str, name: str, known: dict[str, Any], other: str) -> Optional[dict[str, Any]]:
    """Give the file `other` of a pool the name `name` too, where its facts are the `known` ones.

    Its facts; None where it is not as it is known, or the file system has no second names.
    """
    found = facts(pool, other)
    if found is None or found != known:
        return None
    try:
        os.link(path_in(pool, other), path_in(pool, name), follow_symlinks=False)
        sync_directory(pool)
    except OSError:
        return None
    return found


_UUID = re.compile(rb"\0-uuid\0([0-9a-f-]{36})\0")


def guests() -> dict[str, int]:
    """The process ids of this host's QEMUs by the UUID of their guest, whoever started them."""
    found: dict[str, int] = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read()
        except OSError:  # it ended, or is not ours to see
            continue
        uuid = _UUID.search(words)
        if uuid and b"qemu" in words.partition(b"\0")[0]:
            found[uuid[1].decode()] = int(entry)
    return found
