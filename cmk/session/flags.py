"""What was said on a command line, or on a line of a shell or a file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Flags:
    """What was said on the command line; None and "" mean: not said."""

    url: str = ""
    profile: str = ""
    config: str = ""
    apikey: str = ""
    secretkey: str = ""
    output: str = ""
    error_format: str = ""
    block: bool | None = None
    all: bool | None = None
    timeout: int | None = None
    debug: bool | None = None
    help: bool = False
    curl: bool = False
    dry_run: bool = False
    force_params: bool = False
    #: What single built-ins take; their table says which.
    login: str = ""
    cpu: int | None = None
    memory: int | None = None
    disk: int | None = None
    key: str = ""
    user_data: str = ""
    ssh: bool = False
    rm: bool = False
    log: bool = False
    follow: bool = False
    wait: str = ""
    every: int | None = None
    full: bool = False
    repair: bool = False
    yes: bool = False
    renew: bool = False
    account: str = ""
    once: bool = False
    host: str = ""
    port: tuple[str, ...] = ()
    tls_cert: str = ""
    tls_key: str = ""
    insecure: bool = False
    ready_fd: int | None = None
    integration_port: int | None = None
    ui: str = ""
    no_guests: bool = False
    install: bool = False
    pieces: bool = False
    keyring: bool = False
    location: tuple[str, ...] = ()
    #: Parameters whose values are text, whatever they begin with.
    literal: frozenset[str] = frozenset()


def port_of(flags: Flags) -> int | None:
    """The one port that --port names, None where it does not. Raises UsageError."""
    from cmk.errors import UsageError

    if not flags.port:
        return None
    if len(flags.port) > 1 or not flags.port[0].isdecimal() or int(flags.port[0]) > 65535:
        raise UsageError(f"--port {' '.join(flags.port)}: it is one number, 0 to 65535.")
    return int(flags.port[0])
