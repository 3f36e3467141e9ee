"""The commands that are cmk's own, in one table; each is imported when it is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from cmk.session import Flags, Session

Run = Callable[[Session, list[str], Flags], None]


@dataclass(frozen=True)
class Builtin:
    """One built-in: where its code is, the words it takes, what it does, flags of its own."""

    place: str
    usage: str
    summary: str
    options: tuple[str, ...] = ()

    def load(self) -> Run:
        module, _, name = self.place.partition(":")
        run: Run = getattr(import_module(module), name)
        return run


BUILTINS = {
    "help": Builtin("cmk.help:run", "help [VERB [NOUN]]", "this help, or one command's"),
    "version": Builtin("cmk.help:version", "version", "the version of cmk"),
    "lab": Builtin(
        "cmk.lab.builtin:run",
        "lab [stop|clean|destroy]",
        "where the lab's store, host, pools and daemon are; end the daemon; remove what nothing "
        "needs (--dry-run: only list it); remove the lab",
        ("dry_run",),
    ),
    "console": Builtin(
        "cmk.lab.console:run",
        "console VM [--log]",
        "attach to a VM's serial console (Ctrl-] leaves); --log prints what it has shown",
        ("log",),
    ),
    "metalink": Builtin(
        "cmk.lab.metalink_file:run",
        "metalink create FILE URL…|verify M",
        "write a metalink (--pieces, --location de=URL), or try its mirrors (--full: all bytes)",
        ("full", "pieces", "location"),
    ),
    "exit": Builtin("cmk.help:leave", "exit", "leave the shell (also: quit, Ctrl-D)"),
    "quit": Builtin("cmk.help:leave", "quit", "leave the shell"),
}

#: Every flag that only some built-ins take.
OPTIONS = sorted({option for builtin in BUILTINS.values() for option in builtin.options})
