"""A strict management server for tests: it checks signatures by the server's own rule.

Nothing here is the client's code: the encoding is Java's, written from its documentation, the text
to sign is put together as CloudStack's ApiServer does it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

Json = dict[str, Any]
Handler = Callable[[dict[str, str]], Json]

JAVA_UNRESERVED = set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-*_")


class RefusedError(Exception):
    """An error as the API answers it."""

    def __init__(self, code: int, text: str, cscode: int = 9999) -> None:
        super().__init__(text)
        self.code = code
        self.cscode = cscode


@dataclass(frozen=True)
class Raw:
    """An answer that does not come from the API: a proxy's, a broken server's.

    `cut` ends the connection after so many bytes of the body; `hang` waits so many seconds first,
    `drip` so many between any two bytes of the body.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    hang: float = 0.0
    drip: float = 0.0
    reset: bool = False


@dataclass(frozen=True)
class Call:
    """One request that was understood."""

    method: str
    command: str
    params: dict[str, str]
    headers: dict[str, str]
    path: str
    peer: int


def java_url_encode(value: str) -> str:
    """java.net.URLEncoder.encode(value, "UTF-8").replaceAll("\\\\+", "%20")."""
    return "".join(chr(b) if b in JAVA_UNRESERVED else f"%{b:02X}" for b in value.encode())


def expected_signature(params: dict[str, str], secret: str, algorithm: str) -> str:
    """What ApiServer.verifyRequest computes."""
    request = ""
    for name in sorted(params):
        if name.lower() == "signature":
            continue
        request += ("&" if request else "") + f"{name}={java_url_encode(params[name])}"
    mac = hmac.new(secret.encode(), request.lower().encode(), getattr(hashlib, algorithm))
    return base64.b64encode(mac.digest()).decode()


class ManagementServer:
    """A running server at `url`. `apis` are its handlers by command, `log` the calls it got.

    `next` are answers that it gives instead of its own, one a request.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.keys = {"the-key": "the-secret"}
        self.algorithms = ("sha1",)
        self.passwords = {"admin": "hunter2"}
        self.second_factor = ""
        self.sessions: dict[str, str] = {}
        self.page_size = 500
        self.clock = 0.0
        self.apis: dict[str, Handler] = {}
        self.rows: dict[str, list[Json]] = {"zone": [{"id": str(uuid4()), "name": "one"}]}
        self.jobs: dict[str, list[Json]] = {}
        self.log: list[Call] = []
        self.next: list[Raw] = []
        self.lock = Lock()
        self.apis["listZones"] = lambda params: self.page("zone", params)
        self.apis["listApis"] = lambda _: {"count": len(self.catalog), "api": self.catalog}
        self.apis["queryAsyncJobResult"] = self._query_job
        self.catalog: list[Json] = [{"name": "listZones", "isasync": False, "params": []}]
        self._scheme = "https" if tls else "http"
        self._server = _Server(self)
        if tls:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}/client/api"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def commands(self) -> list[str]:
        """The commands of all calls, in order."""
        return [call.command for call in self.log]

    def page(self, noun: str, params: dict[str, str]) -> Json:
        """Rows as list APIs give them: a page, and the count of all."""
        rows = self.rows[noun]
        if "name" in params:
            rows = [row for row in rows if row["name"] == params["name"]]
        if "keyword" in params:
            rows = [row for row in rows if params["keyword"] in row["name"]]
        size = int(params.get("pagesize", self.page_size))
        if size > self.page_size:
            raise RefusedError(431, f"Page size can not exceed max allowed page size {size}", 4350)
        start = (int(params.get("page", 1)) - 1) * size
        page = rows[start : start + size]
        return {"count": len(rows), noun: page} if page else {}

    def job(self, *steps: Json) -> Json:
        """A job that answers with these, one after another; the last for ever."""
        id = str(uuid4())
        self.jobs[id] = list(steps)
        return {"jobid": id}

    def _query_job(self, params: dict[str, str]) -> Json:
        steps = self.jobs.get(params["jobid"])
        if steps is None:
            raise RefusedError(431, f"Unable to find a job with id {params['jobid']}", 4350)
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        return {"jobid": params["jobid"], "jobprocstatus": 0, "jobresultcode": 0, **step}

    # what is asked of each request

    def answer(self, call: Call, cookies: str) -> tuple[Json, dict[str, str]]:
        """The content for a call, and headers to go with it; raises RefusedError."""
        if call.command == "login":
            return self._log_in(call.params)
        if call.command == "logout":
            self.sessions.pop(call.params.get("sessionkey", ""), None)
            return {"description": "success"}, {}
        self._check(call, cookies)
        if call.command == "validateUserTwoFactorAuthenticationCode":
            if call.params.get("codefor2fa") != self.second_factor:
                raise RefusedError(531, "Failed to validate the two factor code")
            self.sessions[call.params["sessionkey"]] = "verified"
            return {"success": True}, {}
        handler = self.apis.get(call.command)
        if handler is None:
            raise RefusedError(432, f"The API [{call.command}] does not exist", 9999)
        return handler(call.params), {}

    def _check(self, call: Call, cookies: str) -> None:
        params = call.params
        if params.get("response") != "json":
            raise RefusedError(430, "only JSON is spoken here")
        if "sessionkey" in params:
            state = self.sessions.get(params["sessionkey"], "")
            fine = call.command.startswith("validateUser") or state == "verified"
            if not state or not fine or f"JSESSIONID={params['sessionkey'][:8]}" not in cookies:
                raise RefusedError(
                    401, "unable to verify user credentials and/or request signature"
                )
            return
        # ApiServer knows these names in any case, and signs them as they were sent.
        told = {name.lower(): value for name, value in params.items()}
        secret = self.keys.get(told.get("apikey", ""))
        if secret is None or told.get("signatureversion") != "3":
            raise RefusedError(401, "unable to verify user credentials and/or request signature")
        expires = datetime.strptime(told["expires"], "%Y-%m-%dT%H:%M:%S%z")
        left = (expires - datetime.now(timezone.utc)).total_seconds() - self.clock
        if not 0 < left <= 900:
            raise RefusedError(401, "unable to verify user credentials and/or request signature")
        given = told.get("signature", "")
        if not any(given == expected_signature(params, secret, a) for a in self.algorithms):
            raise RefusedError(401, "unable to verify user credentials and/or request signature")

    def _log_in(self, params: dict[str, str]) -> tuple[Json, dict[str, str]]:
        if self.passwords.get(params.get("username", "")) != params.get("password"):
            raise RefusedError(531, "Failed to authenticate user; please check the credentials")
        key = uuid4().hex
        self.sessions[key] = "half" if self.second_factor else "verified"
        told = {
            "sessionkey": key,
            "timeout": "1800",
            "username": params["username"],
            "is2faenabled": "true" if self.second_factor else "false",
            "is2faverified": "false",
        }
        return told, {"Set-Cookie": f"JSESSIONID={key[:8]}; Path=/client; HttpOnly"}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, owner: ManagementServer) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.owner = owner

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that refuse a certificate or hang up are part of the tests."""


class _Requests(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16

    def do_GET(self) -> None:
        self._answer(urlsplit(self.path).query)

    def do_POST(self) -> None:
        if not self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            self.send_error(415)
            return
        self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def _answer(self, form: str) -> None:
        owner = self.server.owner
        pairs = parse_qsl(form, keep_blank_values=True, strict_parsing=True)
        params = dict(pairs)
        assert len(params) == len(pairs), "a parameter was sent twice"
        command = params.get("command", "")
        call = Call(
            self.command, command, params, dict(self.headers), self.path, self.client_address[1]
        )
        with owner.lock:
            owner.log.append(call)
            raw = owner.next.pop(0) if owner.next else None
        if raw is not None:
            self._raw(raw)
            return
        envelope = re.sub(r"\W", "", command).lower() + "response"
        try:
            content, headers = owner.answer(call, self.headers.get("Cookie", ""))
            self._send(200, {envelope: content}, headers)
        except RefusedError as problem:
            error = {
                "uuidList": [],
                "errorcode": problem.code,
                "cserrorcode": problem.cscode,
                "errortext": str(problem),
            }
            self._send(problem.code, {envelope: error}, {})

    def _send(self, status: int, document: Json, headers: dict[str, str]) -> None:
        body = json.dumps(document).encode()
        if "gzip" in self.headers.get("Accept-Encoding", "") and len(body) > 1000:
            import gzip

            body, headers = gzip.compress(body, 1), {**headers, "Content-Encoding": "gzip"}
        self._write(status, body, {"Content-Type": "application/json;charset=UTF-8", **headers})

    def _raw(self, raw: Raw) -> None:
        time.sleep(raw.hang)
        if raw.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.connection.close()
            self.close_connection = True
            return
        self._write(raw.status, raw.body, raw.headers, raw.cut, raw.drip)

    def _write(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str],
        cut: int | None = None,
        drip: float = 0.0,
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        for byte in body if drip else b"":
            self.wfile.write(bytes((byte,)))
            self.wfile.flush()
            time.sleep(drip)
        self.wfile.write(b"" if drip else body if cut is None else body[:cut])
        self.wfile.flush()
        if cut is not None:
            self.close_connection = True

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Date, by the server's own clock."""
        return super().date_time_string(int(time.time() + self.server.owner.clock))

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: `log` has it."""
