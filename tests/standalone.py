"""A libvirt session daemon with directories of its own: a host like any other, on this machine.

For demos and tests of many hosts. Its state is all in one directory; QEMUs end with it.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from cmk.lab.directory import is_held
from cmk.lab.libvirt.daemon import START, daemon_program, disguise, prepare, spawn


class Standalone:
    """One such daemon; `base` is a short path."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self._alive = base / "daemon.alive"

    @property
    def uri(self) -> str:
        name, _ = daemon_program(os.environ)
        return f"qemu+unix:///session?socket={self.base}/run/libvirt/{name}"

    def start(self) -> str:
        """Start it, unless it runs; its URI, which answers."""
        _, program = daemon_program(os.environ)
        self.base.mkdir(parents=True, exist_ok=True, mode=0o700)
        prepare(self.base)
        if not is_held(self._alive):
            spawn(self.base, os.environ, disguise(), [program])
        deadline = time.monotonic() + START
        while not Path(self.uri.partition("=")[2]).exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"no daemon in {self.base}; see {self.base}/daemon.log")
            time.sleep(0.01)
        return self.uri

    def kill(self) -> None:
        """kill -9 of the daemon; its QEMUs go on."""
        with suppress(OSError, ValueError):
            os.kill(int((self.base / "daemon.pid").read_text()), signal.SIGKILL)
        while is_held(self._alive):
            time.sleep(0.01)
        Path(self.uri.partition("=")[2]).unlink(missing_ok=True)

    def stop(self) -> None:
        """End the daemon and whatever runs under it."""
        mine = str(self.base).encode() + b"/"
        with suppress(OSError, ValueError):
            os.kill(int((self.base / "daemon.pid").read_text()), signal.SIGTERM)
        for entry in Path("/proc").glob("[1-9]*"):
            with suppress(OSError):
                words = (entry / "cmdline").read_bytes()
                if b"qemu-system" in words.partition(b"\0")[0] and mine in words:
                    os.kill(int(entry.name), signal.SIGKILL)
        deadline = time.monotonic() + START
        while is_held(self._alive) and time.monotonic() < deadline:
            time.sleep(0.01)
