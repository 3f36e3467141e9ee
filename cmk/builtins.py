"""The commands that are cmk's own, in one table; each is imported when it is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from cmk.session import Flags, Session

Run = Callable[[Session, list[str], Flags], None]


@dataclass(frozen=True)
class Builtin:
    """One built-in: where its code is, the words it takes, what it does."""

    place: str
    usage: str
    summary: str

    def load(self) -> Run:
        module, _, name = self.place.partition(":")
        run: Run = getattr(import_module(module), name)
        return run


BUILTINS = {
    "help": Builtin("cmk.help:run", "help [VERB [NOUN]]", "this help, or one command's"),
    "version": Builtin("cmk.help:version", "version", "the version of cmk"),
    "lab": Builtin(
        "cmk.lab.builtin:run",
        "lab [stop|destroy]",
        "where the lab's store, host, pools and daemon are; end the daemon; remove the lab",
    ),
    "console": Builtin(
        "cmk.lab.console:run",
        "console VM [--log]",
        "attach to a VM's serial console (Ctrl-] leaves); --log prints what it has shown",
    ),
    "exit": Builtin("cmk.help:leave", "exit", "leave the shell (also: quit, Ctrl-D)"),
    "quit": Builtin("cmk.help:leave", "quit", "leave the shell"),
}
