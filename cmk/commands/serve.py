"""`cmk serve`: the lab as a CloudStack management server, in the foreground."""

from __future__ import annotations

import ipaddress
import os
import socket
import subprocess
import tempfile
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cmk.environment import Environment
from cmk.errors import CmkError, ConfigurationError, UsageError
from cmk.files import opened
from cmk.lab.engine import LabBackend
from cmk.lab.lab import Lab
from cmk.lab.model.user import User
from cmk.lab.settings import GUESTS
from cmk.session.flags import Flags, port_of
from cmk.session.session import Session

if TYPE_CHECKING:
    import uvicorn

#: Connections at once, and those that wait to be taken.
_CONNECTIONS, _WAITING = 512, 256
#: Seconds that an idle connection is kept, and that running calls may take at the end.
_KEPT, _LAST = 15, 30


def run(session: Session, words: list[str], flags: Flags) -> None:
    """`serve`, `serve --once -- COMMAND…`."""
    try:
        import uvicorn  # noqa: F401 - whether it is there
    except ImportError:
        raise CmkError(
            "serve needs Starlette and uvicorn.",
            "pip install 'pycmk[serve]' brings them (in a clone of cmk: scripts/setup).",
        ) from None
    if flags.once:
        raise SystemExit(_once(session, words, flags))
    if words:
        raise UsageError("serve takes no words.", "A command to run: cmk serve --once -- COMMAND…")
    if not isinstance(session.backend, LabBackend):
        raise UsageError("serve is for a lab.", "Use: cmk -u lab: serve")
    host = flags.host or "127.0.0.1"
    wanted = port_of(flags)
    _check_exposure(host, flags)
    if flags.ui and not Path(flags.ui, "index.html").is_file():
        raise UsageError(
            f"--ui {flags.ui} has no index.html.",
            "It is what the package cloudstack-ui installs (/usr/share/cloudstack-ui), or the dist "
            "that npm run build leaves.",
        )
    _check_certificate(flags)
    lab = session.backend.lab
    lab.store  # noqa: B018 - what is wrong with the lab is told before anything listens
    if flags.no_guests:
        session.backend.call("updateConfiguration", {"name": GUESTS, "value": "false"})
    place, port = lab.directory.path, 8080 if wanted is None else wanted
    with ExitStack() as stack:
        listener = stack.enter_context(_listening(host, port))
        listeners = [listener]
        if flags.integration_port is not None:
            listeners.append(stack.enter_context(_listening("127.0.0.1", flags.integration_port)))
        server = _server(session.environment, place, flags)
        scheme, bound = ("https" if flags.tls_cert else "http"), listener.getsockname()[1]
        name = f"[{host}]" if ":" in host else host
        session.environment.stdout.write(f"{scheme}://{name}:{bound}/client/api\n")
        session.environment.stdout.flush()
        if flags.ready_fd is not None:
            with suppress(OSError), os.fdopen(flags.ready_fd, "w") as ready:
                ready.write(f"{bound}\n")
        server.run(sockets=listeners)


def _check_exposure(host: str, flags: Flags) -> None:
    """Raise UsageError where others could listen in, unless that was said out loud."""
    if bool(flags.tls_cert) != bool(flags.tls_key):
        raise UsageError("--tls-cert and --tls-key go together.")
    try:
        is_here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    if not is_here and not flags.tls_cert and not flags.insecure:
        raise UsageError(
            f"{host} is an address that others reach, and passwords would go there in the clear.",
            "Give --tls-cert FILE --tls-key FILE, or say --insecure.",
        )


def _check_certificate(flags: Flags) -> None:
    """Raise UsageError for a certificate, or a key, that cannot be used."""
    if not flags.tls_cert:
        return
    import ssl

    for name in (flags.tls_cert, flags.tls_key):
        try:
            opened(name).close()
        except OSError as problem:
            raise UsageError(f"Cannot read {name}: {problem.strerror}.") from None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            flags.tls_cert, flags.tls_key, lambda: ""
        )
    except (ssl.SSLError, OSError, ValueError):
        raise UsageError(
            f"{flags.tls_cert} and {flags.tls_key} are no certificate in PEM and its key without a "
            "password."
        ) from None


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_WAITING)
    except OSError as problem:
        listener.close()
        raise ConfigurationError(
            f"Cannot listen on {host}, port {port}: {problem.strerror or problem}.",
            "--port 0 takes any that is free.",
        ) from None
    return listener


def _server(environment: Environment, place: Path, flags: Flags) -> uvicorn.Server:
    import uvicorn

    from cmk.serve.answer import Answerer
    from cmk.serve.application import application

    answerer = Answerer(place, environment.variables, environment.say)
    answerer.is_secure = bool(flags.tls_cert)

    def log(line: str) -> None:
        if not environment.is_quiet:
            environment.say(line)

    return uvicorn.Server(
        uvicorn.Config(
            application(answerer, log, environment.say, flags.ui, flags.integration_port),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            ws_max_size=1 << 20,
            limit_concurrency=_CONNECTIONS,
            timeout_keep_alive=_KEPT,
            timeout_graceful_shutdown=_LAST,
            h11_max_incomplete_event_size=32 << 10,
            ssl_certfile=flags.tls_cert or None,
            ssl_keyfile=flags.tls_key or None,
        )
    )


def _once(session: Session, words: list[str], flags: Flags) -> int:
    """Run a command against a fresh lab of its own, and remove all of that; its exit status."""
    if not words:
        raise UsageError("serve --once needs a command: cmk serve --once -- COMMAND…")
    environment = session.environment
    with tempfile.TemporaryDirectory(prefix="cmk-", dir="/tmp") as directory:
        place = Path(directory, "lab")
        there = Session(environment.silent(), Flags(url=f"lab:{place}"), session.connect)
        lab = Lab(place, environment.variables)
        user = User.admin(lab.store).renew_keys(lab.store)
        if flags.no_guests:
            lab.store.set_configuration(GUESTS, "false")
        lab.close()
        listener = _listening("127.0.0.1", port_of(flags) or 0)
        quiet = environment.with_variables(CMK_QUIET="1")
        server = _server(quiet, place, flags)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/client/api"
            told = _named(url, user.api_key or "", user.secret_key or "")
            told["CMK_LAB"] = f"lab:{place}"
            try:
                return subprocess.run(words, env={**environment.variables, **told}).returncode
            except OSError as problem:
                raise UsageError(f"Cannot run {words[0]}: {problem.strerror}.") from None
        finally:
            server.should_exit = True
            thread.join(_LAST)
            listener.close()
            from cmk.commands.lab import run as lab_command

            lab_command(there, ["destroy"], Flags(yes=True))
            there.close()


def _named(url: str, key: str, secret: str) -> dict[str, str]:
    """The variables by which cmk, cs, Ansible, Terraform and Go's clients are told a server."""
    return {
        "CMK_URL": url,
        "CMK_API_KEY": key,
        "CMK_SECRET_KEY": secret,
        "CLOUDSTACK_ENDPOINT": url,
        "CLOUDSTACK_KEY": key,
        "CLOUDSTACK_SECRET": secret,
        "CLOUDSTACK_API_URL": url,
        "CLOUDSTACK_API_KEY": key,
        "CLOUDSTACK_SECRET_KEY": secret,
    }
