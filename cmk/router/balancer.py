"""Connections shared among guests: one haproxy, which is told anew what changes."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cmk.router.failure import Failed

#: Seconds that a haproxy may take to begin, and that an old one may take to end its connections.
PATIENCE = 5.0

_HEAD = """    maxconn 2000
defaults
    timeout connect 5s
    timeout client 5m
    timeout server 5m
    option redispatch
    retries 2
    default-server inter 2s fall 2 rise 1
"""


def config(publics: list[dict[str, Any]]) -> str:
    """What haproxy reads; "" where there is nothing to share."""
    parts = [
        "".join(f"{line}\n" for line in _balancer(public["inside"], balancer))
        for public in publics
        for balancer in public["balancers"]
    ]
    return _HEAD + "".join(parts) if parts else ""


def _balancer(inside: str, balancer: dict[str, Any]) -> Iterator[str]:
    sticky, check = balancer.get("sticky") or {}, balancer.get("check") or {}
    method = sticky.get("method", "")
    is_http = method in ("LbCookie", "AppCookie") or bool(check.get("path"))
    yield f"listen lb{balancer['id']}"
    yield f"    bind {inside}:{balancer['port']}"
    yield f"    mode {'http' if is_http else 'tcp'}"
    yield f"    balance {balancer['algorithm']}"
    if method == "SourceBased":
        yield f"    stick-table type ip size {sticky['size']} expire {sticky['expire']}"
        yield "    stick on src"
    elif method == "LbCookie":
        yield f"    cookie {sticky['name']} insert indirect nocache"
    elif method == "AppCookie":
        name, length, expire = sticky["name"], sticky["length"], sticky["expire"]
        yield f"    stick-table type string len {length} size 200k expire {expire}"
        yield f"    stick store-response res.cook({name})"
        yield f"    stick match req.cook({name})"
    if check.get("path"):
        yield f"    option httpchk GET {check['path']}"
    times = "".join(f" {word} {check[word]}" for word in ("inter", "rise", "fall") if word in check)
    for server in balancer["servers"]:
        cookie = f" cookie {server['name']}" if method == "LbCookie" else ""
        yield f"    server {server['name']} {server['address']} check{times}{cookie}"


class Balancer:
    """The running haproxy, if there is anything to share."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._leaving: list[subprocess.Popen[bytes]] = []
        self._config = ""
        self._number = 0

    def serve(self, publics: list[dict[str, Any]]) -> None:
        """Share as these public addresses say. Raises Failed."""
        self._leaving = [process for process in self._leaving if process.poll() is None]
        wanted = config(publics)
        lives = self._process is not None and self._process.poll() is None
        if wanted == self._config and lives == bool(wanted):
            return
        old, new = self._process, None
        if wanted:
            new = self._started(wanted, old if lives else None)
        self._process = new
        if old is not None:
            old.terminate()  # without a new one that does so
            self._leaving.append(old)
        self._config = wanted

    def wait(self) -> None:
        """Until those that have been told to go are gone."""
        for process in self._leaving:
            process.wait(PATIENCE)
        self._leaving = []

    def _started(self, text: str, old: subprocess.Popen[bytes] | None) -> subprocess.Popen[bytes]:
        """A new haproxy, which takes the ports over from the old one; that ends its connections."""
        path = self._directory / "haproxy.cfg"
        control = self._directory / f"haproxy.{self._number % 2}"  # the old one has the other
        self._number += 1
        control.unlink(missing_ok=True)
        path.write_text(f"global\n    stats socket {control} mode 600\n{text}")
        command = ["haproxy", "-db", "-q", "-f", str(path)]
        checked = subprocess.run(
            ["haproxy", "-c", "-f", str(path)], capture_output=True, text=True, check=False
        )
        if checked.returncode:
            told = [line for line in checked.stderr.splitlines() if "config" in line.lower()]
            raise Failed(f"haproxy: {told[0].strip() if told else 'it said nothing'}")
        take_over = ["-sf", str(old.pid)] if old is not None else []
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command, *take_over],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + PATIENCE
        while not _answers(control):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise Failed("haproxy does not start; the router's log tells why")
            time.sleep(0.005)
        return process


def _answers(control: Path) -> bool:
    """Whether a haproxy works: then it has its ports, and the one before it has been told to go."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(control))
            client.sendall(b"show info\n")
            return bool(client.recv(1))
        except OSError:
            return False
