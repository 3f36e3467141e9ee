"""Addresses and names of guests: one dnsmasq a network, told again what changes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from cmk.router.failure import Failed
from cmk.router.links import bridge_of

#: Seconds that a dnsmasq may take to begin.
PATIENCE = 5.0


def dnsmasq(network: dict[str, Any], directory: Path, resolver: str) -> list[str]:
    """The command for a network; `resolver` answers for names outside."""
    services = network["services"]
    command = [
        "dnsmasq",
        "--no-daemon",  # else it gives up rights that it has not in a user namespace
        "--conf-file=/dev/null",
        "--no-hosts",
        "--no-resolv",
        "--bind-interfaces",
        f"--interface={bridge_of(network['id'])}",
        "--except-interface=lo",
        f"--addn-hosts={directory / 'names'}",
        "--user=root",
        "--quiet-dhcp",
        "--dhcp-authoritative",
        "--leasefile-ro",
    ]
    if "Dhcp" in services:
        command += [
            f"--dhcp-range={network['address']},static,infinite",
            f"--dhcp-hostsfile={directory / 'guests'}",
            f"--dhcp-option=option:netmask,{network['netmask']}",
        ]
    if "Dns" in services:
        command.append(f"--server={resolver}")
        if network["domain"]:
            command += [
                f"--domain={network['domain']}",
                f"--local=/{network['domain']}/",
                "--expand-hosts",
            ]
    else:
        command.append("--port=0")
    return command


def files(network: dict[str, Any]) -> dict[str, str]:
    """What dnsmasq reads of a network's guests."""
    addressed = [guest for guest in network["guests"] if guest["address"]]
    guests = [f"{guest['mac']},{guest['address']},{guest['name']}" for guest in addressed]
    names = [f"{guest['address']} {guest['name']}" for guest in addressed]
    return {"guests": "\n".join([*guests, ""]), "names": "\n".join([*names, ""])}


def _started(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """A dnsmasq that serves; the kernel ends it with this process. Raises Failed."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    deadline = time.monotonic() + PATIENCE
    while b": started" not in (told := log.read_bytes()):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            lines = told.decode(errors="replace").strip().splitlines() or ["it said nothing"]
            raise Failed(lines[-1])
        time.sleep(0.002)
    return process


class Names:
    """The running dnsmasqs."""

    def __init__(self, directory: Path, resolver: str) -> None:
        self._directory = directory
        self._resolver = resolver
        self._running: dict[int, tuple[list[str], subprocess.Popen[bytes]]] = {}

    def serve(self, networks: list[dict[str, Any]]) -> None:
        """Have exactly these networks served, as they are now."""
        wanted = {
            network["id"]: network
            for network in networks
            if network["address"] and {"Dhcp", "Dns"} & set(network["services"])
        }
        for number in self._running.keys() - wanted.keys():
            self._end(number)
        for number, network in wanted.items():
            self._serve(number, network)

    def _serve(self, number: int, network: dict[str, Any]) -> None:
        directory = self._directory / f"network-{number}"
        directory.mkdir(mode=0o700, exist_ok=True)
        changed = False
        for name, text in files(network).items():
            path = directory / name
            if not path.exists() or path.read_text() != text:
                fresh = path.with_name(f".{name}")
                fresh.write_text(text)
                fresh.replace(path)
                changed = True
        command = dnsmasq(network, directory, self._resolver)
        before, process = self._running.get(number, ([], None))
        if process is not None and (before != command or process.poll() is not None):
            self._end(number)
            process = None
        if process is None:
            self._running[number] = (command, _started(command, directory / "log"))
        elif changed:
            os.kill(process.pid, signal.SIGHUP)

    def _end(self, number: int) -> None:
        _, process = self._running.pop(number)
        process.terminate()
        process.wait()
