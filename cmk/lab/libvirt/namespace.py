"""The lab's own network namespace: whether there can be one, its holder, and the way in.

The holder (cmk.router) is the lab's virtual router. The lab's libvirt daemon runs in the namespace
too, so that its guests hang on the router's bridges. A namespace lives as long as any process in
it: after the holder's death a new one goes back to where the daemon and the guests are.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from cmk.errors import Unreachable
from cmk.lab.directory import held, is_held
from cmk.lab.processes import python

#: Of the ioctls on a namespace (ioctl_ns(2)): the user namespace that owns it.
NS_GET_USERNS = 0xB701

#: The network that slirp4netns makes inside; its gateway is .0.2, names are answered at .0.3.
INSIDE = "100.64.0.0/16"

#: Programs, and Debian's packages that have them.
PROGRAMS = {
    "ip": "iproute2",
    "nft": "nftables",
    "dnsmasq": "dnsmasq-base",
    "slirp4netns": "slirp4netns",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
}

TUN = "/dev/net/tun"

_PATIENCE = 10.0


class RouterFailure(Unreachable):
    """The router cannot do what it was told."""


def lack(variables: Mapping[str, str]) -> str:
    """Why this machine can have no router; "" where it can."""
    path = _path(variables)
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if missing:
        packages = " ".join(sorted({PROGRAMS[name] for name in missing}))
        return f"{', '.join(missing)} not installed (Debian: apt-get install {packages})"
    if not os.access(TUN, os.R_OK | os.W_OK):
        return f"{TUN} cannot be opened by this user"
    trial = [*_new(), "true"]
    if subprocess.run(trial, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode:
        return "user namespaces cannot be had here (unshare --user --net)"
    return ""


def _path(variables: Mapping[str, str]) -> str:
    return ":".join([variables.get("PATH") or os.defpath, "/usr/sbin", "/sbin"])


def _new() -> list[str]:
    return ["unshare", "--user", "--map-root-user", "--net"]


class Namespace:
    """One lab's; `base` is the directory of its daemon, `link` a short way to it."""

    def __init__(self, base: Path, link: Path, variables: Mapping[str, str]) -> None:
        self._directory = base / "router"
        self._daemon = base / "daemon.pid"
        self._link = link / "router"
        self._variables = variables

    @property
    def _environment(self) -> dict[str, str]:
        # What is none of the router's business, haproxy could be made to say.
        return {"PATH": _path(self._variables), "LC_ALL": "C.UTF-8"}

    @property
    def control(self) -> Path:
        """The socket that the router answers on."""
        return self._link / "control"

    @property
    def is_held(self) -> bool:
        """Whether the router's process lives."""
        return is_held(self._directory / "alive")

    @property
    def pid(self) -> int | None:
        """The router's process, while it lives."""
        return _number(self._directory / "pid") if self.is_held else None

    def ensure(self) -> None:
        """Have the router's process live, with its cable to the outside. Raises RouterFailure."""
        if self._is_whole():
            return
        self._directory.mkdir(mode=0o700, exist_ok=True)
        with held(self._directory / "starting"):
            if not self.is_held:
                self._start()
            if not self._ask("status")["uplink"]:
                self._plug_in()

    def _is_whole(self) -> bool:
        """Whether it lives and has its cable; not so while somebody starts it."""
        try:
            return self.is_held and bool(self._ask("status")["uplink"])
        except RouterFailure:
            return False

    def _start(self) -> None:
        with ExitStack() as stack, (self._directory / "log").open("ab") as log:
            inside = self._inhabitant()
            prefix, fds = stack.enter_context(_way(inside)) if inside else (_new(), ())
            run = subprocess.run(
                [*prefix, *python("cmk.router.holder"), str(self._link)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                pass_fds=fds,
                check=False,
            )
        if run.returncode:
            raise RouterFailure(f"The lab's router does not start: {self._complaint()}")

    def _inhabitant(self) -> int | None:
        """A process that is left in the namespace of a holder that has died."""
        own = Path("/proc/self/ns/net").stat().st_ino
        for pid in (_number(self._daemon), *_guests_under(self._directory.parent)):
            if pid is not None and _namespace(pid) not in (None, own):
                return pid
        return None

    def _plug_in(self) -> None:
        """Start slirp4netns: it leaves when the holder, which has the pipe's other end, does."""
        pid = self.pid
        watch, cable = os.pipe()
        ready, tell = os.pipe()
        (self._directory / "slirp").unlink(missing_ok=True)
        command = [
            "setsid", "--fork", "slirp4netns", "--configure", "--mtu=1500",
            "--disable-host-loopback", f"--cidr={INSIDE}", f"--exit-fd={watch}",
            f"--ready-fd={tell}", f"--api-socket={self._link / 'slirp'}", str(pid), "out0",
        ]  # fmt: skip
        try:
            with (self._directory / "log").open("ab") as log:
                subprocess.run(
                    command,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    pass_fds=(watch, tell),
                    check=False,
                )
            os.close(tell)
            tell = -1
            if not os.read(ready, 1):
                raise RouterFailure(f"slirp4netns does not start: {self._complaint()}")
            self._ask("cable", fds=(cable,))
        finally:
            for descriptor in (watch, cable, ready, tell):
                if descriptor >= 0:
                    os.close(descriptor)

    def apply(self, state: dict[str, Any]) -> dict[str, Any]:
        """Make the router what a state says (see cmk.router). Raises RouterFailure."""
        return self._ask("apply", state=state)

    def connect(self, address: str, port: int) -> socket.socket:
        """A connection to a guest, which this process can use. Raises RouterFailure."""
        _, fds = self._exchange({"do": "connect", "address": address, "port": port})
        if len(fds) != 1:
            raise RouterFailure("The lab's router gives no connection.")
        return socket.socket(fileno=fds[0])

    def _ask(self, what: str, fds: tuple[int, ...] = (), **more: Any) -> dict[str, Any]:
        return self._exchange({"do": what, **more}, fds)[0]

    def _exchange(
        self, request: dict[str, Any], fds: tuple[int, ...] = ()
    ) -> tuple[dict[str, Any], list[int]]:
        """What the router answers, and the descriptors that come with it. Raises RouterFailure."""
        answer, came = b"", []
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(_PATIENCE)
            try:
                client.connect(str(self.control))
                socket.send_fds(client, [json.dumps(request).encode() + b"\n"], fds)
                while not answer.endswith(b"\n"):
                    more, with_it, _, _ = socket.recv_fds(client, 1 << 16, 1)
                    came += with_it
                    answer += more
                    if not more:
                        break
                told = json.loads(answer)
            except (OSError, ValueError) as problem:
                raise RouterFailure(f"The lab's router does not answer: {problem}.") from None
        if "failed" in told:
            raise RouterFailure(f"The lab's router cannot do that: {told['failed']}.")
        return told["done"], came

    @contextmanager
    def inside(self) -> Iterator[tuple[list[str], tuple[int, ...]]]:
        """What a command is put behind to run in it, and the descriptors that it is given."""
        pid = self.pid
        if pid is None:
            raise RouterFailure(f"The lab's router has ended: {self._complaint()}")
        with _way(pid) as found:
            yield found

    def holds(self, pid: int) -> bool:
        """Whether a process is in it."""
        own = self.pid
        return own is not None and _namespace(pid) == _namespace(own)

    def stop(self) -> None:
        """End the router; guests that run lose their network until it is made anew."""
        end_router(self._directory.parent)

    def _complaint(self) -> str:
        try:
            lines = (self._directory / "log").read_text(errors="replace").strip().splitlines()
        except OSError:
            return "it left no log."
        return lines[-1] if lines else "it said nothing."


def end_router(base: Path) -> None:
    """End the router of the daemon whose directory this is, if it runs. Raises RouterFailure."""
    directory = base / "router"
    pid = _number(directory / "pid")
    (directory / "pid").unlink(missing_ok=True)  # it ends because it is told to
    if pid is None or not is_held(directory / "alive"):
        return
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE
    while is_held(directory / "alive"):
        if time.monotonic() > deadline:
            raise RouterFailure(f"The lab's router (pid {pid}) does not end.")
        time.sleep(0.005)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _namespace(pid: int) -> int | None:
    """The network namespace of a process; None where it has ended or is not ours."""
    try:
        return Path(f"/proc/{pid}/ns/net").stat().st_ino
    except OSError:
        return None


def _guests_under(base: Path) -> list[int]:
    """The QEMUs that libvirt has written down under a daemon's directory."""
    found = [_number(path) for path in (base / "run").glob("libvirt/qemu/run/*.pid")]
    return [pid for pid in found if pid is not None]


@contextmanager
def _way(pid: int) -> Iterator[tuple[list[str], tuple[int, ...]]]:
    """The way into the network namespace of a process, as the root of the user namespace that owns
    it: the process itself may be in one further in."""
    with ExitStack() as stack:
        network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        stack.callback(os.close, network)
        owner = fcntl.ioctl(network, NS_GET_USERNS)
        stack.callback(os.close, owner)
        command = [
            "nsenter",
            f"--user=/proc/self/fd/{owner}",
            f"--net=/proc/self/fd/{network}",
            "--preserve-credentials",
        ]
        yield command, (network, owner)
