"""A web server on loopback that serves what a test gives it, and misbehaves as it is told."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit


@dataclass
class Page:
    """What is behind one path. `script` is asked at each request and may answer in its place."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    etag: str = '"one"'
    ranges: bool = True
    #: Send only so many bytes of the body, then close.
    cut: int | None = None
    #: Seconds to wait after each 64 KiB.
    drip: float = 0.0
    script: Callable[[int], Page | None] | None = None


@dataclass(frozen=True)
class Request:
    """One line of the server's log."""

    method: str
    path: str
    range: str
    headers: dict[str, str]
    status: int


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, web: Web, host: str) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, 0), _Handler)
        self.web = web

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the tests."""


class Web:
    """A running server: `pages` by path, `log` of the requests in order."""

    def __init__(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.pages: dict[str, Page] = {}
        self.log: list[Request] = []
        #: Whether the latest request is for a range.
        self.wants_range = False
        self._host, self._scheme = host, "https" if tls else "http"
        self._server = _Server(self, host)
        if tls:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def origin(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{self._scheme}://{host}:{self._server.server_port}"

    def serve(self, path: str, body: bytes, **page: object) -> str:
        """Put a page at a path; its URL."""
        self.pages[path] = Page(body, **page)  # type: ignore[arg-type]
        return f"{self.origin}{path}"

    def downloads(self, path: str) -> int:
        """How often the whole was asked for: probes ask for a first range only."""
        return sum(r.path == path and not r.range and r.method == "GET" for r in self.log)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = urlsplit(self.path).path  # of a request to a proxy too
        asked = self.headers.get("Range", "")
        self.server.web.wants_range = bool(asked)
        page = self.server.web.pages.get(path, Page(b"not here", 404))
        if page.script is not None:
            page = page.script(self.server.web.downloads(path)) or page
        body, status, headers = self._part(page)
        self.server.web.log.append(Request(self.command, path, asked, dict(self.headers), status))
        self.send_response(status)
        if "Transfer-Encoding" not in headers:
            headers.setdefault("Content-Length", str(len(body)))
        if page.etag:
            headers.setdefault("ETag", page.etag)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self._send(page, body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _part(self, page: Page) -> tuple[bytes, int, dict[str, str]]:
        """What the Range header asks for, where the page honours it."""
        body, headers = page.body, dict(page.headers)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        fresh = self.headers.get("If-Range", page.etag) == page.etag
        if not (wanted and page.ranges and fresh and page.status == 200):
            return body, page.status, headers
        start = int(wanted[1])
        if start >= len(body):
            return b"", 416, {"Content-Range": f"bytes */{len(body)}"}
        end = min(int(wanted[2]) + 1 if wanted[2] else len(body), len(body))
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(body)}"
        return body[start:end], 206, headers

    def _send(self, page: Page, body: bytes) -> None:
        if page.cut is not None:
            body = body[: page.cut]
            self.close_connection = True
        try:
            for at in range(0, len(body), 1 << 16):
                self.wfile.write(body[at : at + (1 << 16)])
                if page.drip:
                    time.sleep(page.drip)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: `web.log` has it."""
