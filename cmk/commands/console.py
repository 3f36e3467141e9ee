"""`cmk console VM`: a VM's serial console in this terminal, or what it has shown so far."""

from __future__ import annotations

import base64
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from cmk.catalog import similar
from cmk.errors import CmkError, NotThere, UsageError
from cmk.lab.engine import LabBackend
from cmk.lab.hosts.agent import AgentFailure
from cmk.lab.hosts.guest import domain_of
from cmk.lab.hosts.host import OpenHost
from cmk.lab.lab import Lab
from cmk.lab.model.machine import LOADING, Machine, MachineState
from cmk.lab.model.pool import Pool
from cmk.line.arguments import UUID
from cmk.session.flags import Flags
from cmk.session.session import Session

#: Ctrl-], as in telnet and virsh.
LEAVE = b"\x1d"

#: Bytes of a far host's log that are fetched at the most.
LONGEST = 16 << 20


def run(session: Session, words: list[str], flags: Flags) -> None:
    """`console VM [--log|--follow|--wait REGEX]`."""
    if len(words) != 1 or "=" in words[0]:
        raise UsageError("console takes one VM, by name or id.", "For example: cmk console web1")
    backend = session.backend
    if not isinstance(backend, LabBackend):
        raise UsageError("console is for the VMs of a lab.")
    lab = backend.lab
    vm = find(lab, words[0])
    if flags.follow or flags.wait:
        from cmk.commands.console_log import follow

        follow(session, flags, lambda: _log(lab, vm) or b"", lambda: _state(lab, vm))
    elif flags.log:
        _print_log(session, lab, vm)
    elif not session.environment.input_is_terminal:
        raise UsageError(
            "console needs a terminal.", f"What it has shown so far: cmk console {words[0]} --log"
        )
    else:
        _attach(session, lab, vm)


def find(lab: Lab, wanted: str) -> Machine:
    """The VM with this name or id. Raises NotThere."""
    found = (
        Machine.known(lab.store, wanted)
        if UUID.match(wanted)
        else Machine.called(lab.store, wanted)
    )
    if found is None:
        near = similar(wanted, [vm.name for vm in Machine.there(lab.store)])
        raise NotThere(f"There is no VM '{wanted}'.", f"Did you mean {near}?" if near else "")
    return found


def _state(lab: Lab, vm: Machine) -> tuple[str, bool]:
    """How a VM is now, and whether its console may show more."""
    now = vm.again(lab.store)
    return f"{now.name} is {now.state}", now.state in LOADING


def _log(lab: Lab, vm: Machine) -> bytes | None:
    """What a VM's console has shown, from wherever its host keeps that; None for nothing."""
    path = lab.directory.console / f"{vm.instance_name}.log"
    if path.exists():
        return path.read_bytes()
    pools = [disk.pool_id for disk in vm.disks(lab.store) if disk.pool_id]
    id = vm.host_id or vm.last_host_id
    if not pools or not id:
        return None
    with OpenHost.of(lab, id) as host:
        pool = Pool.of(lab.store, pools[0])
        path = Path(host.console_log(pool.path, vm.instance_name))
        try:
            found = host.agent.ask("read", url=path.as_uri(), headers={}, limits={}, small=LONGEST)
        except AgentFailure:
            return None
    return base64.b64decode(found["document"])


def _print_log(session: Session, lab: Lab, vm: Machine) -> None:
    """The log as text; in a terminal without what would control it."""
    log = _log(lab, vm)
    if log is None:
        raise CmkError(f"{vm.name} has shown nothing yet; it is {vm.state}.")
    text = log.decode(errors="replace").replace("\r\n", "\n")
    session.environment.show(text if text.endswith("\n") or not text else text + "\n")


def _attach(session: Session, lab: Lab, vm: Machine) -> None:
    if vm.state != MachineState.RUNNING or vm.host_id is None:
        raise CmkError(
            f"{vm.name} is {vm.state}; a console is there while it runs.",
            f"What it has shown so far: cmk console {vm.name} --log",
        )
    with OpenHost.of(lab, vm.host_id) as host:
        from cmk.lab.libvirt.connection import errors

        known = domain_of(host, vm)
        if known is None:
            raise CmkError(f"{vm.name} is not on the host {host.name} any more.")
        with errors(f"The console of {vm.name} cannot be opened"):
            stream = host.connection.newStream(0)
            known.openConsole(None, stream, 0)
        session.environment.say(f"Connected to {vm.name}; Ctrl-] leaves.")
        _relay(stream, session.environment.stdin.fileno(), session.environment.stdout.fileno())
        session.environment.say("")


def _relay(stream: Any, keyboard: int, screen: int) -> None:
    """Keys to the guest and its words to the screen, until Ctrl-] or the guest's end."""
    import select
    import termios
    import tty

    ended, wake = os.pipe()
    reader = threading.Thread(target=_show, args=(stream, screen, wake), daemon=True)
    before = termios.tcgetattr(keyboard)
    try:
        tty.setraw(keyboard)
        reader.start()
        while True:
            ready, _, _ = select.select([keyboard, ended], [], [])
            if ended in ready:
                return
            keys, leave, _ = os.read(keyboard, 1024).partition(LEAVE)
            while keys:
                keys = keys[max(stream.send(keys), 0) :]
            if leave:
                return
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
        with suppress(_stream_error()):
            stream.abort()
        reader.join(1)
        os.close(ended)
        os.close(wake)


def _show(stream: Any, screen: int, wake: int) -> None:
    with suppress(_stream_error()):
        while data := stream.recv(1024):
            if isinstance(data, int):  # -2: nothing yet
                continue
            os.write(screen, data)
    with suppress(OSError):
        os.write(wake, b".")


def _stream_error() -> type[Exception]:
    error: type[Exception] = sys.modules["libvirt"].libvirtError
    return error
