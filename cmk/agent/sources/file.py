"""file: URLs: regular files of the host, no links."""

from __future__ import annotations

import os
import stat
from errno import ELOOP
from urllib.parse import unquote, urlsplit

from ..failures import TransportFailure
from ..source import Source, shown
from ..wish import Limits, Wish


def open_file(wish: Wish, limits: Limits) -> Source:
    """Open a file of the host. Raises TransportFailure."""
    path = unquote(urlsplit(wish.url).path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as problem:
        if problem.errno == ELOOP:
            told = "it is a symbolic link, which is not followed"
            raise TransportFailure(told, final=True) from None
        raise TransportFailure(f"cannot open the file: {problem.strerror}", final=True) from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise TransportFailure("it is not a regular file", final=True)
    tag = f'"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}"'
    start = wish.start if wish.validator in ("", tag) else 0
    stream = open(descriptor, "rb", buffering=0)  # noqa: SIM115 - closed by its Source
    stream.seek(start)
    return Source(shown(wish.url), stream, start, found.st_size, etag=tag)
