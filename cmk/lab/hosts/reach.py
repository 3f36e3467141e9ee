"""Ways to a host: where its libvirt is, and how its agent is started.

Two places can run an agent: this machine (a child process), and another one over ssh. ssh is the
user's own, with its keys and its config; one connection is kept for all that follows
(ControlMaster).
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from cmk.errors import Unreachable
from cmk.lab.directory import short_link
from cmk.lab.lab import Lab
from cmk.lab.processes import python

#: Seconds for a connection, and that an unused one is kept open.
CONNECT, KEEP = 10, 60

#: Where the agent is kept on a far host, in the account's state directory (XDG).
_STATE = "${XDG_STATE_HOME:-$HOME/.local/state}/cmk"


class Reach(Protocol):
    """How a host is reached."""

    @property
    def uri(self) -> str:
        """For libvirt."""
        ...

    def agent_command(self) -> list[str]:
        """The command that runs the host's agent. Raises Unreachable."""
        ...

    def run(self, script: str) -> str:
        """What a shell script says on the host. Raises Unreachable."""
        ...


class Local:
    """This machine."""

    def __init__(self, uri: str, disguise: list[str] | None = None) -> None:
        self._uri = uri
        self._disguise = disguise or []

    @property
    def uri(self) -> str:
        return self._uri

    def agent_command(self) -> list[str]:
        return [*self._disguise, *python("cmk.agent.protocol")]

    def run(self, script: str) -> str:
        run = subprocess.run(
            [*self._disguise, "sh", "-c", script],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if run.returncode:
            raise Unreachable(f"This machine: {_last_line(run.stderr)}")
        return run.stdout


class Ssh:
    """Another machine, by `qemu+ssh://[user@]host[:port]/session|system[?socket=…]`."""

    def __init__(self, url: str, directory: Path) -> None:
        parts = urlsplit(url)
        if not parts.hostname or parts.password or parts.path not in ("/session", "/system"):
            raise Unreachable(
                f"{url} is no host: it is qemu+ssh://user@host[:port]/session or /system.",
                "Keys and ~/.ssh/config are the ways in; passwords are not.",
            )
        self._directory = directory
        self._target = f"{parts.username}@{parts.hostname}" if parts.username else parts.hostname
        self._port = parts.port
        self._socket = parse_qs(parts.query).get("socket", [""])[0]
        self._url = url

    @property
    def uri(self) -> str:
        """For libvirt, which is given our way of calling ssh."""
        parts = urlsplit(self._url)
        more = f"&socket={self._socket}" if self._socket else ""
        query = f"command={self._wrapper()}&no_tty=1{more}"
        return parts._replace(query=query).geturl()

    def _options(self) -> list[str]:
        control = self._directory / "cm-%C"
        port = ["-p", str(self._port)] if self._port else []
        return [
            "-o", "BatchMode=yes",
            "-o", f"ConnectTimeout={CONNECT}",
            "-o", "ServerAliveInterval=5",
            "-o", "ServerAliveCountMax=2",
            "-o", "ControlMaster=auto",
            "-o", f"ControlPath={control}",
            "-o", f"ControlPersist={KEEP}",
            *port,
        ]  # fmt: skip

    def _wrapper(self) -> Path:
        """A script that is ssh with our options: libvirt can be given a program, no options."""
        path = self._directory / "ssh"
        options = [option for option in self._options() if option not in ("-p", str(self._port))]
        text = f'#!/bin/sh\nexec ssh {shlex.join(options)} "$@"\n'
        if not path.exists() or path.read_text() != text:
            fresh = path.with_name(f".ssh.{os.getpid()}")
            fresh.write_text(text)
            fresh.chmod(0o700)
            fresh.replace(path)
        return path

    def _ssh(self, script: str) -> list[str]:
        return ["ssh", *self._options(), "--", self._target, script]

    def agent_command(self) -> list[str]:
        """Its command, once the agent of this version lies there."""
        from cmk.lab.hosts.agent_file import packed

        body, digest = packed()
        place = f"{_STATE}/agent-{digest}.pyz"
        has = self._call(f'test -s "{place}" && echo yes || echo no', b"")
        if has.strip() != "yes":
            self._call(
                f'umask 077; mkdir -p "{_STATE}" && cat > "{place}.$$" && '
                f'mv "{place}.$$" "{place}" && '
                f'find "{_STATE}" -name "agent-*.pyz" ! -name "agent-{digest}.pyz" -delete',
                body,
            )
        return self._ssh(f'exec python3 -I "{place}"')

    def run(self, script: str) -> str:
        return self._call(script, b"")

    def _call(self, script: str, stdin: bytes) -> str:
        try:
            run = subprocess.run(
                self._ssh(script), input=stdin, capture_output=True, timeout=120, check=False
            )
        except FileNotFoundError:
            raise Unreachable(
                "This machine has no ssh.", "apt-get install openssh-client"
            ) from None
        except subprocess.TimeoutExpired:
            raise Unreachable(f"ssh to {self._target} did not end in 120 s.") from None
        if run.returncode:
            told = _last_line(run.stderr.decode(errors="replace"))
            raise Unreachable(
                f"ssh to {self._target} failed: {told}",
                f"Try: {shlex.join(self._ssh('true'))}" if run.returncode == 255 else "",
            )
        return run.stdout.decode(errors="replace")


def reach_of(lab: Lab, url: str) -> Reach:
    """The way to a host by its URL. Raises Unreachable for one that is none."""
    scheme = urlsplit(url).scheme
    if scheme == "qemu+ssh":
        return Ssh(url, _private(lab))
    if re.match(r"qemu:///(system|session)\b|qemu\+unix:///(system|session)\b", url):
        return Local(url)
    raise Unreachable(
        f"'{url}' is no host's URL.",
        "It is qemu:///system, qemu+unix:///session?socket=PATH, or qemu+ssh://user@host/session.",
    )


def _private(lab: Lab) -> Path:
    """A directory for this lab's ssh connections, short enough for a socket's path."""
    real = lab.directory.path / "ssh"
    real.mkdir(mode=0o700, exist_ok=True)
    return short_link(real, f"s{lab.id}", lab.variables)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
