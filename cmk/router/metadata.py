"""What guests ask the router over HTTP: metadata and user data (port 80), and a new password (port
8080), each guest by its own address. Paths and words are those of CloudStack's virtual router.
"""

from __future__ import annotations

import base64
import binascii
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: By a guest's address, what it may be told.
Told = dict[str, dict[str, Any]]


class Guests:
    """What the guests are told; the lab changes it while they ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: Told = {}
        self._fetched: set[str] = set()

    def replace(self, told: Told) -> None:
        """Tell this from now on."""
        with self._lock:
            self._fetched &= {address for address, each in told.items() if each.get("password")}
            self._told = told

    def of(self, address: str) -> dict[str, Any]:
        """What a guest is told; {} for nobody's address."""
        with self._lock:
            return self._told.get(address, {})

    def password(self, address: str) -> str:
        """A guest's new password, or what CloudStack's router says instead."""
        with self._lock:
            if address not in self._told:
                return "bad_request"
            new = str(self._told[address].get("password") or "")
            return new if new and address not in self._fetched else "saved_password"

    def has_saved(self, address: str) -> None:
        """A guest has its new password: it is not told again."""
        with self._lock:
            self._fetched.add(address)

    @property
    def fetched(self) -> list[str]:
        """The addresses of those that have."""
        with self._lock:
            return sorted(self._fetched)


def document(told: dict[str, Any], path: str) -> bytes | None:
    """What stands at a path of the metadata; None for nothing."""
    parts = [part for part in path.partition("?")[0].split("/") if part]
    if not parts:
        return b"latest\n"
    match parts[1:]:
        case []:
            return b"meta-data\nuser-data\n"
        case ["user-data"]:
            try:
                return base64.b64decode(told.get("userdata") or "", validate=True)
            except binascii.Error:
                return b""
        case ["meta-data"]:
            return "".join(f"{name}\n" for name in sorted(told["values"])).encode()
        case ["meta-data", name]:
            value = told["values"].get(name)
            return None if value is None else str(value).encode()
    return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, place: tuple[str, int], handler: type[_Handler], guests: Guests) -> None:
        self.guests = guests
        super().__init__(place, handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:
        """What guests ask is their affair."""

    def _answer(self, body: bytes | None) -> None:
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")


class _Metadata(_Handler):
    def do_GET(self) -> None:
        told = self.server.guests.of(self.client_address[0])
        self._answer(document(told, self.path) if told else None)


class _Passwords(_Handler):
    def do_GET(self) -> None:
        address = self.client_address[0]
        if self.headers.get("DomU_Request") == "saved_password":
            self.server.guests.has_saved(address)
            self._answer(b"saved_password")
        else:
            self._answer(self.server.guests.password(address).encode())


class Servers:
    """What answers at the router's address in each network: never at its public addresses, whose
    ports are for others."""

    def __init__(self, guests: Guests) -> None:
        self._guests = guests
        self._running: dict[str, list[_Server]] = {}

    def serve(self, addresses: set[str]) -> None:
        """Answer at exactly these addresses, from threads of their own."""
        for gone in self._running.keys() - addresses:
            for server in self._running.pop(gone):
                server.shutdown()
                server.server_close()
        for address in addresses - self._running.keys():
            servers = [
                _Server((address, port), handler, self._guests)
                for port, handler in ((80, _Metadata), (8080, _Passwords))
            ]
            for server in servers:
                threading.Thread(target=server.serve_forever, daemon=True).start()
            self._running[address] = servers
