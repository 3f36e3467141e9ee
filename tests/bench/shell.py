"""The shell's start and its keys, in a real terminal: `python -m tests.bench.shell`.

From the start to the first prompt beside `python -c pass`, and from a key to the popup on the
screen, with the whole catalog of CloudStack 4.22. A server is not needed: none is asked.
"""

from __future__ import annotations

import os
import pty
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from tests.bench.cloud import BIN, median_of_turns

PROMPT = "🐵 >".encode()

#: What is typed, the key that is timed, and what stands in the popup only then.
KEYS = (("list ", "z", b"zonesmetrics"), ("deploy virtualmachine ", "u", b"userdataid="))


class Shell:
    """cmk at the other end of a pty."""

    def __init__(self, home: str) -> None:
        self.pid, self._descriptor = pty.fork()
        if not self.pid:
            surroundings = {
                **os.environ,
                "HOME": home,
                "TERM": "xterm",
                "LC_ALL": "C.UTF-8",
                "CMK_URL": "http://127.0.0.1:9/client/api",
                "PROMPT_TOOLKIT_NO_CPR": "1",
            }
            os.execve(str(BIN / "cmk"), ["cmk"], surroundings)  # noqa: S606

    def until(self, wanted: bytes) -> None:
        shown = b""
        while wanted not in shown:
            shown += os.read(self._descriptor, 65536)

    def settle(self) -> None:
        """Read until nothing more comes."""
        while select.select([self._descriptor], [], [], 0.3)[0]:
            os.read(self._descriptor, 65536)

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def end(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._descriptor)


def first_prompt(home: str) -> None:
    shells: list[Shell] = []

    def start() -> None:
        shells.append(Shell(home))
        shells[-1].until(PROMPT)

    def nothing() -> None:
        subprocess.run([sys.executable, "-c", "pass"], check=True)

    shell, python = median_of_turns(15, start, nothing)
    for each in shells:
        each.end()
    print(f"first prompt {shell * 1000:.0f} ms: {shell / python:.1f} of python -c pass")


def popup(home: str) -> None:
    for typed, key, shown in KEYS:
        times = []
        for _ in range(10):
            shell = Shell(home)
            shell.until(PROMPT)
            shell.type(typed)
            shell.settle()
            began = time.perf_counter()
            shell.type(key)
            shell.until(shown)
            times.append(time.perf_counter() - began)
            shell.end()
        print(
            f"{typed + key!r}: {statistics.median(times) * 1000:.0f} ms from the key to the popup"
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        first_prompt(home)
        popup(home)


if __name__ == "__main__":
    main()
