"""Runs a libvirt daemon in the background, and reaps the QEMUs it starts.

    reaper.py LOCK COMMAND …

libvirt waits for a QEMU's process id to vanish, and a daemonised QEMU whose parent is gone is a
zombie until somebody waits for it: 1.2-2.0 s for a destroy with PID 1 as that somebody, 0.2 s
with this. The lock is held as long as the daemon lives; this process stays for the last QEMU.
It is run by itself (`python -I -S`), so it imports nothing of cmk.
"""

import ctypes
import fcntl
import os
import signal
import sys

PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    """Go to the background, start the daemon, wait for it and for all that it leaves behind."""
    if os.fork():
        return  # whoever started us goes on at once
    os.setsid()
    lock = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    daemon = os.fork()
    if not daemon:
        try:
            os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell, and none is wanted
        except OSError as problem:
            sys.stderr.write(f"{sys.argv[2]}: {problem.strerror}\n")
            os._exit(127)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(daemon, signal.SIGTERM))
    while True:
        try:
            ended, _ = os.wait()
        except ChildProcessError:
            return
        if ended == daemon:
            os.close(lock)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


if __name__ == "__main__":
    main()
