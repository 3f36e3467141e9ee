"""A real sshd on 127.0.0.1, and an account that only a key opens."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.nginx import free_port, listens
from tests.waiting import until

#: A namespace with nothing in it but loopback, and a web server on its port 80.
ISLAND = """
import fcntl, http.server, os, socket, struct, sys
with socket.socket() as s:
    request = struct.pack("16sh", b"lo", 0x1 | 0x40)  # IFF_UP, IFF_RUNNING
    fcntl.ioctl(s, 0x8914, request)  # SIOCSIFFLAGS
os.chdir(sys.argv[1])
with http.server.ThreadingHTTPServer(("127.0.0.1", 80), http.server.SimpleHTTPRequestHandler) as w:
    print("serving", flush=True)
    sys.stderr = open("log", "a", buffering=1)
    w.serve_forever()
"""

#: Runs a command for each connection to 127.0.0.1, which is its stdin and stdout.
INETD = """
import socket, subprocess, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        client, _ = server.accept()
        subprocess.Popen(sys.argv[2:], stdin=client, stdout=client)
        client.close()
"""


class Sshd:
    """A context: `url` reaches the account, `path` is a PATH whose ssh has the keys.

    With `island`, each session is in a network namespace of its own, from which nothing of this
    machine's network is seen, and into which nobody else sees: there a web server has `www`.
    """

    ACCOUNT = f"cmk-test-{os.getpid()}"

    def __init__(self, home: Path, www: Path | None = None) -> None:
        self.home = home
        self._www = www
        self._island: subprocess.Popen[str] | None = None
        self.port = free_port()
        self._work = Path(tempfile.mkdtemp(prefix="cmk-sshd-", dir="/tmp"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"qemu+ssh://{self.ACCOUNT}@127.0.0.1:{self.port}/session"

    @property
    def remote_home(self) -> Path:
        return Path(pwd.getpwnam(self.ACCOUNT).pw_dir)

    def __enter__(self) -> Sshd:
        self._make_account()
        for name in ("host", "user"):
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self._work / name))
        keys = self.remote_home / ".ssh" / "authorized_keys"
        keys.parent.mkdir(mode=0o700, exist_ok=True)
        keys.write_text((self._work / "user.pub").read_text())
        for path in (keys.parent, keys):
            shutil.chown(path, self.ACCOUNT, self.ACCOUNT)
        Path("/run/sshd").mkdir(exist_ok=True)
        (self._work / "config").write_text(
            f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {self._work}/host\n"
            f"PidFile {self._work}/pid\nUsePAM no\nAuthenticationMethods publickey\n"
            "StrictModes no\n"
        )
        self._configure_client()
        command = [
            "/usr/sbin/sshd",
            "-f",
            str(self._work / "config"),
            "-E",
            str(self._work / "log"),
        ]
        if self._www is None:
            self._process = subprocess.Popen([*command, "-D"])
        else:
            self._island = subprocess.Popen(
                ["unshare", "--net", sys.executable, "-c", ISLAND, str(self._www)],
                stdout=subprocess.PIPE,
                text=True,
            )
            assert self._island.stdout is not None
            self._island.stdout.readline()  # it serves
            enter = ["nsenter", f"--net=/proc/{self._island.pid}/ns/net", *command, "-i"]
            self._process = subprocess.Popen([sys.executable, "-c", INETD, str(self.port), *enter])
        until(lambda: listens(self.port), f"sshd, whose log is {self._work}/log")
        return self

    def _make_account(self) -> None:
        try:
            pwd.getpwnam(self.ACCOUNT)
        except KeyError:
            _run("useradd", "-m", "-s", "/bin/sh", self.ACCOUNT)
            _run("usermod", "-p", "*", self.ACCOUNT)

    def _configure_client(self) -> None:
        """ssh reads the account's own home, not $HOME: one before it on the PATH says more."""
        known = self._work / "known_hosts"
        key = (self._work / "host.pub").read_text()
        known.write_text(f"[127.0.0.1]:{self.port} {key}")
        options = (
            f"-F none -i {self._work}/user -o IdentitiesOnly=yes "
            f"-o UserKnownHostsFile={known} -o StrictHostKeyChecking=yes"
        )
        bin = self.home / "bin"
        bin.mkdir(exist_ok=True)
        (bin / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} {options} "$@"\n')
        (bin / "ssh").chmod(0o755)

    @property
    def path(self) -> str:
        """A PATH on which ssh is ours."""
        return f"{self.home}/bin:{os.environ['PATH']}"

    def __exit__(self, *_: object) -> None:
        for process in (self._process, self._island):
            if process is not None:
                process.terminate()
                process.wait()
                if process.stdout is not None:
                    process.stdout.close()
        subprocess.run(["pkill", "-KILL", "-u", self.ACCOUNT], check=False)
        time.sleep(0.2)
        _run("userdel", "-r", self.ACCOUNT)
        shutil.rmtree(self._work)


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)
