"""Files that are there whole or not at all."""

from __future__ import annotations

import os


def put(path: str | os.PathLike[str], content: str | bytes, mode: int = 0o600) -> None:
    """Replace a file atomically, by one that its owner alone can read unless `mode` says more.

    A file behind a link stays where it is; directories that are missing are made. Raises OSError.
    """
    target = os.path.realpath(path)
    directory, name = os.path.split(target)
    os.makedirs(directory, 0o700, exist_ok=True)
    fresh = os.path.join(directory, f".{name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, target)
    except BaseException:
        os.unlink(fresh)
        raise
