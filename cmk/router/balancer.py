"""Connections shared among guests: one haproxy, which is told anew what changes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cmk.router.failure import Failed

#: Seconds that a haproxy may take to begin, and that an old one may take to end its connections.
PATIENCE = 5.0

_HEAD = """global
    maxconn 2000
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

    def serve(self, publics: list[dict[str, Any]]) -> None:
        """Share as these public addresses say. Raises Failed."""
        self._leaving = [process for process in self._leaving if process.poll() is None]
        wanted = config(publics)
        lives = self._process is not None and self._process.poll() is None
        if wanted == self._config and lives == bool(wanted):
            return
        old, self._process = self._process, None
        if wanted:
            self._process = self._started(wanted, old if lives else None)
        if old is not None:
            old.terminate()  # without a new one that does so
            self._leaving.append(old)
        self._config = wanted

    def _started(self, text: str, old: subprocess.Popen[bytes] | None) -> subprocess.Popen[bytes]:
        """A new haproxy, which takes the ports over from the old one; that ends its connections."""
        path, pid = self._directory / "haproxy.cfg", self._directory / "haproxy.pid"
        path.write_text(text)
        pid.unlink(missing_ok=True)
        command = ["setpriv", "--pdeathsig", "TERM", "haproxy", "-db", "-q", "-f", str(path)]
        if old is not None:
            command += ["-sf", str(old.pid)]
        log = self._directory / "haproxy.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*command, "-p", str(pid)], stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        deadline = time.monotonic() + PATIENCE
        while not pid.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                said = log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
                raise Failed(f"haproxy: {said[0]}")
            time.sleep(0.002)
        return process
