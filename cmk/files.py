"""Files that are there whole or not at all, and the directories of one's own that they are in."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from errno import EFBIG, EINVAL, ENOTDIR, ENXIO
from typing import BinaryIO

#: Bytes of the longest file that is read at once: a user's data, a config file.
LONGEST = 64 << 20

_PIECE = 1 << 16


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
            file.write(
                content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
            )
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, target)
    except BaseException:
        os.unlink(fresh)
        raise


def read(path: str | os.PathLike[str], most: int = LONGEST) -> bytes:
    """All bytes of a file that somebody has named: also of a pipe or a device, but no more than
    `most`, and without waiting for a writer where there is none. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with open(descriptor, "rb", buffering=0) as file:
        content = bytearray()
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            with suppress(BlockingIOError):  # there is a writer
                content += os.read(descriptor, _PIECE)
                if not content:
                    raise OSError(ENXIO, "nobody writes into this pipe")
        os.set_blocking(descriptor, True)
        while piece := file.read(_PIECE):
            content += piece
            if len(content) > most:
                raise OSError(EFBIG, f"it is longer than {most >> 20} MiB")
    return bytes(content)


def opened(path: str | os.PathLike[str]) -> BinaryIO:
    """A file to read, which has to be one: no pipe that nobody writes, no device without an end.
    Raises OSError."""
    file = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")  # noqa: SIM115 - the caller's
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(EINVAL, "it is no file", os.fspath(path))
    return file


def name_of(*parts: str) -> str:
    """A name for what is kept of these parts, which no others have."""
    try:  # as the random module does: hashlib loads OpenSSL, 3 ms at every Tab
        from _sha2 import sha256  # Python 3.12
    except ImportError:
        try:
            from _sha256 import sha256
        except ImportError:
            from hashlib import sha256

    digest: str = sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    return digest[:16]


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
