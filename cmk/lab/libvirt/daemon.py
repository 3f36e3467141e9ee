"""The lab's own libvirt daemon: a session one, with private directories, started when needed.

Its state lives in `<lab>/host`; since socket paths must stay short, all of its paths go through a
short symlink to it. As root it runs behind `unshare --user`, so that it is a session daemon and
never the machine's; where user namespaces are forbidden, as uid 65534. QEMU goes on when the
daemon ends, and the next daemon on the same directories takes it up again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from uuid import uuid4

from cmk.errors import ConfigurationError, Unreachable
from cmk.files import make_directory
from cmk.lab.directory import LabDirectory, held, is_held, short_link
from cmk.lab.libvirt.namespace import Namespace, lack

#: Seconds without VMs and clients after which the daemon ends by itself.
IDLE = 120
#: Seconds that a daemon may take to answer on its socket.
START = 15.0
NOBODY = 65534
#: The longest base path under which every socket of a VM with a long name still fits.
LONGEST = 36

#: The daemons that will do, in this order, and their sockets.
PROGRAMS = {"libvirtd": "libvirt-sock", "virtqemud": "virtqemud-sock"}

#: Makes of root a plain user, who owns what is root's.
USER = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]

REAPER = Path(__file__).with_name("reaper.py")
_INSTALL = "On Debian: apt-get install libvirt-daemon qemu-system-x86 qemu-utils"


class EmbeddedDaemon:
    """One lab's daemon; it may run or not, and `ensure` makes it run."""

    def __init__(
        self,
        directory: LabDirectory,
        lab_id: str,
        variables: Mapping[str, str],
        wants_router: bool = False,
    ) -> None:
        self.base = directory.host
        self._directory = directory
        self._lab_id = lab_id
        self._variables = variables
        self._alive = self.base / "daemon.alive"
        self._wants_router = wants_router

    @cached_property
    def router_lack(self) -> str:
        """Why there is no router for its guests; "" where there is, or can be."""
        if not self._wants_router:
            return "the lab's settings say so (lab.network.mode, lab.guests)"
        return (
            ""
            if Namespace(self.base, self.link, self._variables).is_held
            else lack(self._variables)
        )

    @cached_property
    def namespace(self) -> Namespace | None:
        """Where it runs, and its guests have the lab's router; None: they have user mode."""
        return None if self.router_lack else Namespace(self.base, self.link, self._variables)

    @property
    def link(self) -> Path:
        """The short way to `base`, made again where it has vanished."""
        if len(str(self.base)) <= LONGEST:
            return self.base
        return short_link(self.base, self._lab_id, self._variables)

    @property
    def socket(self) -> Path:
        name, _ = daemon_program(self._variables)
        return self.link / "run" / "libvirt" / name

    @property
    def uri(self) -> str:
        return f"qemu+unix:///session?socket={self.socket}"

    @property
    def is_running(self) -> bool:
        return is_held(self._alive)

    @property
    def pid(self) -> int | None:
        """The daemon's process id while it runs."""
        try:
            return int((self.base / "daemon.pid").read_text()) if self.is_running else None
        except (OSError, ValueError):
            return None

    def go_inside(self) -> None:
        """Have it run in the router's namespace, also where it has run outside; VMs go on."""
        if self.namespace is None:
            return
        self.namespace.ensure()
        pid = self.pid
        if pid is not None and not self.namespace.holds(pid):
            with held(self.base / "daemon.lock"):
                self.stop()

    def ensure(self) -> str:
        """The URI of a running daemon. Raises Unreachable, ConfigurationError with the way out."""
        if not self._answers():
            with held(self.base / "daemon.lock"):
                if not self.is_running:
                    self.start()
                self._wait()
        return self.uri

    def start(self) -> None:
        """Start it without waiting for it."""
        program = usable_program(self._variables)
        self._prepare()
        command = [program, "--timeout", str(IDLE)]
        if self.namespace is None:
            spawn(self.link, self._variables, disguise(), command)
            return
        self.namespace.ensure()
        with self.namespace.inside() as (way, fds):
            spawn(self.link, self._variables, [*way, *USER], command, fds)

    def _prepare(self) -> None:
        prepare(self.base)
        if disguise()[:1] == ["setpriv"]:
            self._give_to_nobody()

    def _give_to_nobody(self) -> None:
        directory = self._directory
        for path in (directory.path, *directory.path.parents):
            if path == directory.path:
                path.chmod(0o711)
            elif not path.stat().st_mode & 0o001:
                raise ConfigurationError(
                    f"User namespaces are forbidden here, so QEMU runs as uid {NOBODY}, which "
                    f"cannot enter {path}.",
                    "Keep the lab where everybody may enter: cmk -u lab:/var/lib/cmk …",
                )
        for top in (directory.host, directory.pool, directory.console):
            for place, _, files in os.walk(top):
                for name in (".", *files):
                    os.chown(Path(place) / name, NOBODY, NOBODY, follow_symlinks=False)

    def _answers(self) -> bool:
        import socket

        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.socket))
            except OSError:
                return False
        return True

    def _wait(self) -> None:
        deadline, grace = time.monotonic() + START, time.monotonic() + 1.0
        while not self._answers():
            if time.monotonic() > deadline or (time.monotonic() > grace and not self.is_running):
                raise Unreachable(
                    f"The lab's libvirt daemon does not start: {self._complaint()}",
                    f"Its log is {self.base / 'daemon.log'}",
                )
            time.sleep(0.01)

    def _complaint(self) -> str:
        try:
            lines = (self.base / "daemon.log").read_text(errors="replace").splitlines()
        except OSError:
            return "it left no log."
        errors = [line for line in lines if "error" in line.lower()] or lines
        return errors[-1].rpartition(": ")[2] if errors else "it said nothing."

    def stop(self) -> bool:
        """End it; its VMs go on. False where it did not run."""
        pid = self.pid
        if pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + START
        while self.is_running:
            if time.monotonic() > deadline:
                raise Unreachable(f"The lab's libvirt daemon (pid {pid}) does not end.")
            time.sleep(0.01)
        return True


def _works(command: list[str]) -> bool:
    try:
        run = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    except FileNotFoundError:
        return False
    return run.returncode == 0


def daemon_program(variables: Mapping[str, str]) -> tuple[str, str]:
    """The name of the daemon's socket and its path; no path where none is installed."""
    for name, socket in PROGRAMS.items():
        path = shutil.which(name, path=variables.get("PATH", "") + ":/usr/sbin:/sbin")
        if path:
            return socket, path
    return PROGRAMS["libvirtd"], ""


def usable_program(variables: Mapping[str, str]) -> str:
    """The daemon's path. Raises Unreachable, with what to install, where this machine lacks what a
    lab's host needs."""
    _, program = daemon_program(variables)
    if not program:
        raise Unreachable("This machine has no libvirt daemon (libvirtd, virtqemud).", _INSTALL)
    if shutil.which("qemu-system-x86_64", path=variables.get("PATH")) is None:
        raise Unreachable("This machine has no QEMU (qemu-system-x86_64).", _INSTALL)
    return program


def spawn(
    base: Path,
    variables: Mapping[str, str],
    behind: list[str],
    command: list[str],
    fds: tuple[int, ...] = (),
) -> None:
    """Start a daemon whose directories are all under this short path, without waiting for it;
    `behind` is what it is put behind, with these descriptors."""
    reaper = [sys.executable, "-I", "-S", str(REAPER), str(base / "daemon.alive")]
    with (base / "daemon.log").open("ab") as log:
        subprocess.run(
            [*behind, *reaper, *command, "-p", str(base / "daemon.pid")],
            env=_environment(base, variables),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            pass_fds=fds,
            check=False,
        )


def _environment(base: Path, variables: Mapping[str, str]) -> dict[str, str]:
    return {
        **variables,
        "XDG_RUNTIME_DIR": f"{base}/run",
        "XDG_CONFIG_HOME": f"{base}/config",
        "XDG_CACHE_HOME": f"{base}/cache",
        "XDG_DATA_HOME": f"{base}/data",
    }


def prepare(base: Path) -> None:
    """Make a daemon's directories and its configuration."""
    for name in ("run", "config/libvirt", "cache", "data"):
        make_directory(base / name)
    config = base / "config" / "libvirt"
    for name in ("libvirtd.conf", "virtqemud.conf"):
        if not (config / name).exists():
            (config / name).write_text(f'host_uuid = "{uuid4()}"\n')
    # Else each session starts a virtlogd that outlives it.
    (config / "qemu.conf").write_text('stdio_handler = "file"\n')


def disguise() -> list[str]:
    """What a root's command is put behind so that libvirt takes it for a plain user's."""
    if os.geteuid() != 0:
        return []
    if _works([*USER, "true"]):
        return [*USER]
    other = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    if _works([*other, "true"]):
        return other
    raise Unreachable(
        "libvirt's session mode does not run as root, and neither user namespaces (unshare) "
        f"nor another user id (setpriv) can be had here; this is {os.uname().nodename}.",
        "Run cmk as a plain user, or add a host with a system libvirt: "
        "LIBVIRT_DEFAULT_URI=qemu:///system cmk -u lab:/new/path list hosts",
    )
