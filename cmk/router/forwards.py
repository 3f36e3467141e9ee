"""Ports of this machine's 127/8 addresses that lead into the namespace: slirp4netns opens them, by
one JSON object a connection on its socket."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

#: A port: protocol, address and port outside, address and port inside.
Port = tuple[str, str, int, str, int]

#: Bytes that an answer of slirp4netns may have: a list of some thousand ports.
_MOST = 1 << 22


class UplinkError(Exception):
    """slirp4netns does not answer, or refuses."""


def ports_of(state: dict[str, Any]) -> set[Port]:
    """The ports that a state wants open."""
    return {
        (forward["protocol"], public["address"], forward["port"], public["inside"], forward["port"])
        for public in state["publics"]
        for forward in [*public["forwards"], *public["balancers"]]
    }


class Uplink:
    """A running slirp4netns."""

    def __init__(self, path: Path) -> None:
        """`path` is its control socket's."""
        self._path = path

    def _call(self, execute: str, **arguments: Any) -> Any:
        request: dict[str, Any] = {"execute": execute}
        if arguments:
            request["arguments"] = arguments
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            try:
                client.connect(str(self._path))
                client.sendall(json.dumps(request).encode())
                client.shutdown(socket.SHUT_WR)
                answer = b""
                while (more := client.recv(1 << 16)) and len(answer) < _MOST:
                    answer += more
                told = json.loads(answer)
            except (OSError, ValueError) as problem:
                raise UplinkError(f"slirp4netns does not answer: {problem}") from None
        if "error" in told:
            raise UplinkError(str(told["error"].get("desc", "it refuses")))
        return told.get("return", told)

    @property
    def answers(self) -> bool:
        """Whether it runs."""
        try:
            self._call("list_hostfwd")
        except UplinkError:
            return False
        return True

    def open_exactly(self, wanted: set[Port]) -> dict[str, str]:
        """Open these ports and close all others; those that could not be opened, as
        `tcp 127.0.0.5:80`, with the reason. Raises UplinkError."""
        found: dict[Port, int] = {}
        for entry in self._call("list_hostfwd")["entries"]:
            port = (
                entry["proto"],
                entry["host_addr"],
                entry["host_port"],
                entry["guest_addr"],
                entry["guest_port"],
            )
            found[port] = entry["id"]
        for port in found.keys() - wanted:
            self._call("remove_hostfwd", id=found[port])
        refused = {}
        for port in sorted(wanted - found.keys()):
            protocol, address, number, inside, at = port
            try:
                self._call(
                    "add_hostfwd",
                    proto=protocol,
                    host_addr=address,
                    host_port=number,
                    guest_addr=inside,
                    guest_port=at,
                )
            except UplinkError:
                refused[f"{protocol} {address}:{number}"] = _why(protocol, address, number)
        return refused


def _why(protocol: str, address: str, port: int) -> str:
    """Why a port cannot be opened, since slirp4netns does not tell."""
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((address, port))
        except OSError as problem:
            return (problem.strerror or "it cannot be bound").lower()
    return "slirp4netns refuses it"
