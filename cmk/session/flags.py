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
    port: int | None = None
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
