"""Files that are there whole or not at all, and the directories of one's own that they are in."""

from __future__ import annotations

import os
from contextlib import suppress
from errno import ENOTDIR


def put(path: str | os.PathLike[str], content: str | bytes, mode: int = 0o600) -> None:
    """Replace a file atomically, by one that its owner alone can read unless `mode` says more.

    A file behind a link of one's own stays where it is; directories that are missing are made.
    Raises OSError.
    """
    target = _target(os.fspath(path))
    directory, name = os.path.split(target)
    make_directory(directory)
    fresh = os.path.join(directory, f".{name[:200]}.{os.urandom(6).hex()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, target)
    except BaseException:
        os.unlink(fresh)
        raise


def make_directory(path: str | os.PathLike[str]) -> None:
    """Make a directory, and the ones above it that are missing, for their owner alone whatever the
    umask says. Raises OSError."""
    directory = os.path.abspath(path)
    if os.path.isdir(directory):
        return
    make_directory(os.path.dirname(directory))
    try:
        os.mkdir(directory, 0o700)
    except FileExistsError:  # made in between, or a file
        if not os.path.isdir(directory):
            raise NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR), directory) from None


def _target(path: str) -> str:
    """The file that is to be replaced: the one behind a link, unless others may have put that."""
    directory, name = os.path.split(path)
    real = os.path.join(os.path.realpath(directory), name)
    if not os.path.islink(real):
        return real
    with suppress(FileNotFoundError):
        os.stat(real)  # links that lead nowhere lead nowhere here too
    is_shared = os.stat(os.path.dirname(real)).st_mode & 0o002
    if is_shared or os.lstat(real).st_uid not in (os.geteuid(), 0):
        return real  # the link itself is replaced
    return _target(os.path.join(os.path.dirname(real), os.readlink(real)))
