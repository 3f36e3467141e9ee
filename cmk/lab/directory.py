"""The files of one lab: where each thing is, and who may see it.

lab.db           the store            jobs/<id>.log, jobs/<id>.lock   workers
host/            the lab's own libvirt daemon: its state, its sockets, its log
hosts/, ssh/     pools of added hosts on this machine; connections to those on others
pool/            the primary storage of the lab's own host
console/         what each VM's serial console has shown
uploads/         templates that are being uploaded, until their image store has them
keys/            the lab's own key, for its guests, and whose keys these have
tour.raw         the template that the shell's tour registers
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cmk.errors import ConfigurationError
from cmk.files import make_directory

#: Everything that a lab makes in its directory; `lab destroy` removes these and nothing else.
CONTENT = (
    "lab.db",
    "lab.db-wal",
    "lab.db-shm",
    "lab.lock",
    "jobs",
    "host",
    "pool",
    "console",
    "ssh",
    "keys",
    "hosts",
    "tour.raw",
    "uploads",
)


class LabDirectory:
    """Paths of a lab; nothing is made before `make`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = path / "lab.db"
        self.lock = path / "lab.lock"
        self.jobs = path / "jobs"
        self.host = path / "host"
        self.pool = path / "pool"
        self.console = path / "console"
        self.uploads = path / "uploads"
        self.keys = path / "keys"

    @property
    def router_is_broken(self) -> bool:
        """Whether the router has died, or cannot mend what it needs."""
        router = self.host / "router"
        return (router / "pid").exists() and (
            not is_held(router / "alive") or (router / "broken").exists()
        )

    @classmethod
    def at(cls, place: str | Path) -> LabDirectory:
        """The lab in a directory; raises ConfigurationError for a relative one."""
        path = Path(place)
        if any(0xD800 <= ord(c) < 0xE000 for c in str(path)):
            raise ConfigurationError(f"{str(path)!r} is no path that this locale can write.")
        if not path.is_absolute():
            raise ConfigurationError(
                f"'lab:{place}' is not a lab: the path after lab: must be absolute.",
                "For example: lab:/var/tmp/mylab",
            )
        return cls(path)

    def make(self) -> None:
        """Make the directories, for this user only, unless there is a lab in them."""
        try:
            if self.store.exists():
                return
            for directory in (self.path, self.jobs, self.host, self.pool, self.console):
                make_directory(directory)
        except OSError as problem:
            raise ConfigurationError(
                f"Cannot make the lab's directory {self.path}: {problem.strerror} "
                f"({problem.filename}).",
                "Name another place: -u lab:/path, or XDG_STATE_HOME.",
            ) from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone with this lab's files, for as long as it takes to make or upgrade them."""
        with held(self.lock):
            yield


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, waiting for whoever has it; the kernel frees it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def try_hold(path: Path) -> int | None:
    """An exclusive lock as an open descriptor, or None where somebody else has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for pause in (0.002, 0.005, 0.01, 0):  # `is_held` takes the lock for a moment, to look
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            time.sleep(pause)
    os.close(descriptor)
    return None


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock on a file."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def short_link(target: Path, lab_id: str, variables: Mapping[str, str]) -> Path:
    """A short symlink to a directory, since a UNIX socket's path has room for 107 bytes only.

    It is `$XDG_RUNTIME_DIR/cmk/<8 hex>`, else the same in a private directory under the temporary
    directory. Only the link may vanish; it is made again. Raises ConfigurationError when the
    place belongs to somebody else. `variables` are the environment's.
    """
    runtime = variables.get("XDG_RUNTIME_DIR", "")
    if runtime and len(runtime) <= 20 and os.access(runtime, os.W_OK):
        parent = Path(runtime) / "cmk"
    else:
        import tempfile

        parent = Path(tempfile.gettempdir()) / f"cmk-{os.geteuid()}"
    parent.mkdir(mode=0o700, exist_ok=True)
    found = parent.lstat()
    private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    if found.st_uid != os.geteuid() or not private:
        raise ConfigurationError(
            f"{parent} is not a private directory of this user; the lab's sockets go there.",
            f"Remove it, or set XDG_RUNTIME_DIR: rm -r {parent}",
        )
    link = parent / lab_id[:8]
    if link.is_symlink() and link.readlink() == target:
        return link
    fresh = parent / f".{lab_id[:8]}.{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)
    return link
