"""`cmk ssh`, `cmk cp` and `cmk open`: into a lab's VM, without a word about addresses."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from cmk.commands.console import find
from cmk.errors import CmkError, Unreachable, UsageError, WaitTimeout
from cmk.lab.engine import LabBackend
from cmk.lab.hosts.door import Door, door_to
from cmk.lab.hosts.lab_key import private_key
from cmk.lab.lab import Lab
from cmk.lab.model.machine import Machine
from cmk.session.flags import Flags, port_of
from cmk.session.session import Session

SSH = 22

#: Seconds that a guest is waited for until it lets somebody in: software emulation is slow.
PATIENCE = 300

#: Whom images let in, by what their names or their OS types begin with.
USERS = {
    "alma": "almalinux",
    "alpine": "alpine",
    "amazon": "ec2-user",
    "arch": "arch",
    "centos": "cloud-user",
    "cirros": "cirros",
    "debian": "debian",
    "fedora": "fedora",
    "freebsd": "freebsd",
    "opensuse": "opensuse",
    "oracle": "cloud-user",
    "red hat": "cloud-user",
    "rhel": "cloud-user",
    "rocky": "rocky",
    "ubuntu": "ubuntu",
}


def ssh(session: Session, words: list[str], flags: Flags) -> None:
    """`ssh VM [-l USER] [-- COMMAND…]`; the exit status is the command's."""
    if not words or "=" in words[0]:
        raise UsageError("ssh takes a VM, by name or id.", "For example: cmk ssh web1 -- uname -a")
    lab = _lab(session, "ssh")
    vm = find(lab, words[0])
    with door_to(lab, vm, SSH) as door:
        _wait(session, vm, door, flags)
        target = f"{flags.login or user_of(lab, vm)}@{door.target}"
        command = ["ssh", *options(lab, vm), *door.ssh, "--", target, *words[1:]]
        _run(command)


def cp(session: Session, words: list[str], flags: Flags) -> None:
    """`cp FILE… VM:PATH` and `cp VM:PATH… FILE`."""
    if len(words) < 2:
        raise UsageError("cp takes files and where to: cmk cp FILE VM:PATH, or back.")
    if not all(words):
        raise UsageError("A word of cp is empty.")
    lab = _lab(session, "cp")
    names = {name for word in words if (name := _machine_in(word))}
    if len(names) != 1:
        raise UsageError("cp goes between this machine and one VM: cmk cp FILE VM:PATH, or back.")
    vm = find(lab, names.pop())
    with door_to(lab, vm, SSH) as door:
        _wait(session, vm, door, flags)
        user = flags.login or user_of(lab, vm)
        there = [
            f"{user}@{door.target}:{word.partition(':')[2]}" if _machine_in(word) else _here(word)
            for word in words
        ]
        ports = ["-P" if word == "-p" else word for word in door.ssh]
        _run(["scp", "-r", "-q", *options(lab, vm), *ports, "--", *there])


def _machine_in(word: str) -> str:
    """The VM that a word of `cp` names: what stands before a colon that no slash comes before."""
    name, colon, _ = word.partition(":")
    return name if colon and name and "/" not in name else ""


def _here(word: str) -> str:
    """A file of this machine, as scp never takes it for another one's, or an option."""
    return word if word.startswith("/") else f"./{word}"


def open_(session: Session, words: list[str], flags: Flags) -> None:
    """`open VM PORT`: a port of this machine that leads to the VM's, until Ctrl-C."""
    if len(words) != 2 or not words[1].isdecimal() or not 0 < int(words[1]) < 1 << 16:
        raise UsageError("open takes a VM and a port.", "For example: cmk open web1 80")
    lab = _lab(session, "open")
    vm, port = find(lab, words[0]), int(words[1])
    with door_to(lab, vm, port) as door, _listening(port_of(flags) or 0) as here:
        number = here.getsockname()[1]
        session.environment.stdout.write(f"127.0.0.1:{number}\n")
        session.environment.stdout.flush()
        session.environment.say(f"Port {port} of {vm.name} is at 127.0.0.1:{number}; Ctrl-C ends.")
        while True:
            client, _ = here.accept()
            threading.Thread(target=_relay, args=(client, door), daemon=True).start()


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as problem:
        raise CmkError(
            f"Cannot listen on 127.0.0.1, port {port}: {problem.strerror}.",
            "Without --port it is one that is free.",
        ) from None


def _relay(client: socket.socket, door: Door) -> None:
    with client:
        try:
            guest = door.connect()
        except Unreachable:
            return  # the client sees a closed connection, as if it had come to the guest itself
        with guest:
            back = threading.Thread(target=_pour, args=(guest, client), daemon=True)
            back.start()
            _pour(client, guest)
            back.join()


def _pour(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):  # either of them has left
        while body := source.recv(1 << 16):
            sink.sendall(body)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _lab(session: Session, what: str) -> Lab:
    backend = session.backend
    if not isinstance(backend, LabBackend):
        raise UsageError(f"{what} is for the VMs of a lab.")
    return backend.lab


def user_of(lab: Lab, vm: Machine) -> str:
    """Whom a VM lets in: what its template's details say, else what images like it have."""
    template = vm.template(lab.store)
    told = template.details(lab.store).get("user", "")
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", told):
        return told
    for text in (template.name, template.display_text, template.os_name(lab.store)):
        for beginning, user in USERS.items():
            if text.lower().startswith(beginning):
                return user
    return "root"


def options(lab: Lab, vm: Machine) -> list[str]:
    """How ssh and scp know a VM, and are known to it: by what the lab keeps beside ~/.ssh."""
    return [
        "-i", str(private_key(lab.directory)),
        "-o", f"UserKnownHostsFile={lab.directory.keys / 'known_hosts'}",
        # A reinstalled VM has another disk, and other keys on it.
        "-o", f"HostKeyAlias={vm.root(lab.store).uuid}",
        "-o", "StrictHostKeyChecking=accept-new",
        "-o", "LogLevel=ERROR",
        "-o", "ConnectTimeout=30",
    ]  # fmt: skip


def _wait(session: Session, vm: Machine, door: Door, flags: Flags) -> None:
    """Until the guest's ssh says who it is, which is told once. Raises WaitTimeout."""
    environment = session.environment
    patience = PATIENCE if flags.timeout is None else flags.timeout
    is_told = environment.is_quiet

    def tell() -> None:
        nonlocal is_told
        if not is_told:
            environment.say(f"Waiting for {vm.name} to let somebody in …")
        is_told = True

    wait_for_banner(vm, door, patience, tell)


def wait_for_banner(vm: Machine, door: Door, patience: int, tell: Callable[[], None]) -> None:
    """Until a guest's ssh says who it is, so many seconds at the most (0: for ever); `tell` is
    called again and again. Raises WaitTimeout."""
    deadline = time.monotonic() + patience
    while not _greets(door):
        tell()
        if patience and time.monotonic() > deadline:
            raise WaitTimeout(
                f"{vm.name} lets nobody in yet.", f"What it shows: cmk console {vm.name} --log"
            )
        time.sleep(0.1)


def _greets(door: Door) -> bool:
    """Whether a guest's ssh says who it is."""
    try:
        with door.connect() as guest:
            guest.settimeout(10)
            return guest.recv(4) == b"SSH-"
    except (OSError, Unreachable):
        return False


def _run(command: list[str]) -> None:
    """Run it in this terminal; its exit status is ours."""
    try:
        status = subprocess.run(command, check=False).returncode
    except FileNotFoundError:
        raise CmkError(
            f"This machine has no {command[0]}.", "apt-get install openssh-client"
        ) from None
    if status:
        raise SystemExit(status)
