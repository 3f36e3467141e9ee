"""A real nginx on 127.0.0.1, for where HTTP behaviour matters."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from tests.waiting import until


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


class Nginx:
    """Serves a directory on `count` ports, as so many mirrors; a context.

    `rate` limits each connection (nginx's form); `tls` are paths of a certificate and its key;
    `more` are further directives of its servers.
    """

    def __init__(
        self,
        root: Path,
        work: Path,
        rate: str = "0",
        tls: tuple[Path, Path] | None = None,
        count: int = 1,
        more: str = "",
    ) -> None:
        self.ports = [free_port() for _ in range(count)]
        self.scheme = "https" if tls else "http"
        self.work = work
        self._process: subprocess.Popen[bytes] | None = None
        secure = f"ssl_certificate {tls[0]}; ssl_certificate_key {tls[1]};" if tls else ""
        servers = "".join(
            f"server {{ listen 127.0.0.1:{port}{' ssl' if tls else ''}; root {root}; "
            f"limit_rate {rate}; {secure} {more} }}"
            for port in self.ports
        )
        work.mkdir(exist_ok=True)
        (work / "nginx.conf").write_text(
            f"daemon off; user root; worker_processes 1; pid {work}/pid; "
            f"error_log {work}/error.log; events {{}} http {{ "
            'log_format ours "$request_method $uri $status $http_range"; '
            f"access_log {work}/access.log ours; sendfile on; client_body_temp_path {work}/b; "
            f"proxy_temp_path {work}/p; fastcgi_temp_path {work}/f; uwsgi_temp_path {work}/u; "
            f"scgi_temp_path {work}/s; {servers} }}"
        )

    @property
    def urls(self) -> list[str]:
        return [f"{self.scheme}://127.0.0.1:{port}" for port in self.ports]

    @property
    def log(self) -> list[str]:
        """`GET /x 206 bytes=0-1`, a line a request."""
        path = self.work / "access.log"
        return path.read_text().splitlines() if path.exists() else []

    def start(self) -> None:
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/sbin") or "nginx"
        self._process = subprocess.Popen(
            [program, "-c", self.work / "nginx.conf", "-e", self.work / "error.log"],
            start_new_session=True,
        )
        until(lambda: listens(self.ports[-1]), f"nginx, whose log is {self.work}/error.log")

    def kill(self) -> None:
        """kill -9 of the master and its workers."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def __enter__(self) -> Nginx:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
