"""The process in the namespace: `main()` with its directory, which is short, as its one argument.

It answers requests on `control`, one JSON line a connection, with `{"done": …}` or
`{"failed": "why"}`: `apply` (makes what a `state` wants), `cable` (brings the end of a pipe that
slirp4netns watches: it ends with this process), `connect` (to a guest's `address` and `port`; the
socket comes with the answer), `status`. `alive` is locked as long as it lives; what it cannot mend
by itself it tells by the file `broken`. It ends on SIGTERM, when its directory is gone, and when
nothing has needed it for a while.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from cmk.lab.directory import is_held
from cmk.router import firewall, groups, links
from cmk.router.balancer import Balancer
from cmk.router.failure import Failed
from cmk.router.forwards import Uplink, UplinkError, ports_of
from cmk.router.metadata import Guests, Servers
from cmk.router.names import Names

#: Seconds without guests, a daemon and requests after which it ends by itself.
IDLE = 180.0

#: Seconds that a guest may take to accept a connection.
CONNECT = 5.0

#: Bytes that a request may have.
_MOST = 1 << 24

#: Where slirp4netns answers for names.
RESOLVER = "100.64.0.3"


def _run(command: list[str], text: str) -> None:
    run = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if run.returncode:
        told = [line for line in run.stderr.splitlines() if line.strip()]
        raise Failed(f"{command[0]}: {told[0] if told else f'status {run.returncode}'}")


class Holder:
    """What is now, and what makes it so."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._names = Names(directory, RESOLVER)
        self._balancer = Balancer(directory)
        self._guests = Guests()
        self._servers = Servers(self._guests)
        self._uplink = Uplink(directory / "slirp")
        self._cable = -1
        self._has_groups = False
        self._networks: list[dict[str, Any]] = []
        self._publics: list[dict[str, Any]] = []

    def begin(self) -> None:
        """What does not depend on any state."""
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n")
        # What guests of one network say to each other is not routed, and no rule is about it; some
        # kernels would take it through the routers' chains.
        for switch in Path("/proc/sys/net/bridge").glob("bridge-nf-call-*"):
            switch.write_text("0\n")
        _run(["ip", "link", "set", "lo", "up"], "")

    def answer(self, request: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        """What comes of a request. Raises Failed."""
        if request["do"] == "cable":
            if self._cable >= 0:
                os.close(self._cable)
            [self._cable] = descriptors
            (self._directory / "broken").unlink(missing_ok=True)
            return {}
        if request["do"] == "apply":
            return self._apply(request["state"])
        return {"uplink": self._uplink.answers}

    @property
    def has_guests(self) -> bool:
        """Whether it has any to serve."""
        return any(network["guests"] for network in self._networks)

    def look(self) -> None:
        """Mend what has died of what it needs, or tell that somebody else has to."""
        try:
            self._names.serve(self._networks)
            self._balancer.serve(self._publics)
        except Failed as problem:
            sys.stderr.write(f"router: {problem}\n")
            (self._directory / "broken").touch()
        if self._cable >= 0 and not self._uplink.answers:
            (self._directory / "broken").touch()

    def _apply(self, state: dict[str, Any]) -> dict[str, Any]:
        lines = links.commands(state, links.there())
        _run(["ip", "-batch", "-"], "\n".join([*lines, ""]))
        _run(["nft", "-f", "-"], firewall.table(state))
        if groups.guarded(state) or self._has_groups:  # a kernel may have no tables of bridges
            _run(["nft", "-f", "-"], groups.table(state))
            self._has_groups = True
        self._guests.replace(state["metadata"])
        self._servers.serve({each["address"] for each in state["networks"] if each["address"]})
        self._networks, self._publics = state["networks"], state["publics"]
        self._names.serve(self._networks)
        try:
            refused = self._uplink.open_exactly(ports_of(state))
        except UplinkError as problem:
            raise Failed(str(problem)) from None
        told: dict[str, Any] = {"refused": refused, "fetched": self._guests.fetched}
        try:
            self._balancer.serve(self._publics)
        except Failed as problem:  # the balancers are as before, and all else is as it was wanted
            told["balancers"] = str(problem)
        return told


def _request(client: socket.socket) -> tuple[dict[str, Any], list[int]]:
    body, descriptors = b"", []
    while not body.endswith(b"\n"):
        more, fds, _, _ = socket.recv_fds(client, 1 << 16, 1)
        descriptors += fds
        body += more
        if not more or len(body) > _MOST:
            break
    found: dict[str, Any] = json.loads(body)
    return found, descriptors


def _answer_one(listener: socket.socket, holder: Holder) -> None:
    client, _ = listener.accept()
    client.settimeout(10)
    try:
        request, descriptors = _request(client)
        if request["do"] == "connect":  # a guest may take its time
            threading.Thread(target=_connect, args=(client, request), daemon=True).start()
            return
        told: dict[str, Any] = {"done": holder.answer(request, descriptors)}
    except (Failed, OSError, ValueError, KeyError) as problem:
        told = {"failed": str(problem) or type(problem).__name__}
    _tell(client, told)


def _tell(client: socket.socket, told: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
    with client, suppress(OSError):  # whoever asked has left
        socket.send_fds(client, [json.dumps(told).encode() + b"\n"], fds)


def _connect(client: socket.socket, request: dict[str, Any]) -> None:
    try:
        address = (request["address"], request["port"])
        with socket.create_connection(address, timeout=CONNECT) as guest:
            guest.settimeout(None)
            _tell(client, {"done": {}}, (guest.fileno(),))
    except OSError as problem:
        _tell(client, {"failed": problem.strerror or str(problem)})


def _live(listener: socket.socket, holder: Holder, directory: Path) -> None:
    listener.settimeout(5)
    used = time.monotonic()
    while (directory / "control").exists():
        try:
            _answer_one(listener, holder)
            used = time.monotonic()
        except TimeoutError:
            holder.look()
            if holder.has_guests or is_held(directory.parent / "daemon.alive"):
                used = time.monotonic()
            if time.monotonic() - used > IDLE:
                return


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    path.unlink(missing_ok=True)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(16)
    return listener


def main() -> None:
    """Go to the background when everything is up, or say why not and leave with status 1."""
    directory = Path(sys.argv[1])
    os.umask(0o077)
    lock = os.open(directory / "alive", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    ready, tell = os.pipe()
    if os.fork():
        os.close(tell)
        sys.exit(0 if os.read(ready, 1) else 1)
    os.close(ready)
    os.setsid()
    fcntl.flock(lock, fcntl.LOCK_EX)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    holder = Holder(directory)
    try:
        holder.begin()
    except (Failed, OSError) as problem:
        sys.exit(f"router: {problem}")
    with _listen(directory / "control") as listener:
        (directory / "pid").write_text(str(os.getpid()))
        os.write(tell, b"1")
        os.close(tell)
        _live(listener, holder, directory)
