"""The commands that are cmk's own, in one table; each is imported when it is used."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cmk.errors import Unknown
    from cmk.session.flags import Flags
    from cmk.session.session import Session

    Run = Callable[[Session, list[str], Flags], None]


class Builtin(NamedTuple):
    """One built-in: where its code is, the words it takes, what it does, flags of its own."""

    place: str
    usage: str
    summary: str
    options: tuple[str, ...] = ()
    #: What its words may be, one after the other and the last again and again: one of these, or
    #: what PROFILE, SETTING, VM, JOB or FILE stands for.
    words: tuple[str, ...] = ()
    #: Whether it talks with the person at the terminal: not in the background, not paged.
    is_live: bool = False

    def load(self) -> Run:
        module, _, name = self.place.partition(":")
        run: Run = getattr(import_module(module), name)
        return run


#: What only the shell can do; it takes these lines before they come here.
_SHELL = "cmk.commands.help:in_the_shell"

BUILTINS = {
    "help": Builtin("cmk.commands.help:run", "help [VERB [NOUN]]", "this help, or one command's"),
    "version": Builtin("cmk.commands.help:version", "version", "the version of cmk"),
    "lab": Builtin(
        "cmk.commands.lab:run",
        "lab [stop|clean|check|keys|password|destroy]",
        "where the lab's store, hosts, pools and daemon are; end the daemon; remove what nothing "
        "needs (--dry-run: only list it); find what is not as the store says (--repair: mend it); "
        "the admin's, or an --account's, keys for clients of cmk serve (--renew: new ones); a new "
        "password; remove the lab (-y: ask nothing)",
        ("dry_run", "repair", "renew", "account", "yes"),
        ("stop clean check keys password destroy",),
        is_live=True,
    ),
    "serve": Builtin(
        "cmk.commands.serve:run",
        "serve [--port N] | serve --once -- COMMAND…",
        "the lab as a CloudStack management server on this machine, for every client there is; "
        "--once: for one command, on a fresh lab (--host, --tls-cert, --tls-key, --insecure, "
        "--ready-fd, --integration-port, --ui, --no-guests)",
        (
            "once",
            "host",
            "port",
            "tls_cert",
            "tls_key",
            "insecure",
            "ready_fd",
            "integration_port",
            "ui",
            "no_guests",
        ),
        is_live=True,
    ),
    "explain": Builtin(
        "cmk.commands.explain:run",
        "explain virtualmachine id=V|deploy virtualmachine …",
        "why a VM is as it is; where one would go and why not elsewhere, without touching anything",
    ),
    "console": Builtin(
        "cmk.commands.console:run",
        "console VM [--log|--follow|--wait REGEX]",
        "attach to a VM's serial console (Ctrl-] leaves); --log prints what it has shown, --follow "
        "also what comes; --wait ends when it has shown a line with REGEX (-t SECONDS)",
        ("log", "follow", "wait"),
        ("VM",),
        is_live=True,
    ),
    "vm": Builtin(
        "cmk.commands.vm:run",
        "vm IMAGE [NAME]",
        "a VM of a template, a URL, a file, or a name of the images that cmk knows, up to where it "
        "lets you in (--cpu, --memory, --disk, --key, --user-data; --port 8080:80 leads in; --ssh; "
        "--rm)",
        ("cpu", "memory", "disk", "key", "user_data", "port", "ssh", "rm"),
        ("FILE",),
        is_live=True,
    ),
    "images": Builtin(
        "cmk.commands.vm:show_images", "images [NAME]", "the cloud images that vm knows by name"
    ),
    "ssh": Builtin(
        "cmk.commands.guest:ssh",
        "ssh VM [-l USER] [-- COMMAND…]",
        "a shell in a VM of the lab, or a command there; waits until it lets somebody in (-t "
        "SECONDS)",
        ("login",),
        ("VM",),
        is_live=True,
    ),
    "cp": Builtin(
        "cmk.commands.guest:cp",
        "cp FILE… VM:PATH | VM:PATH… FILE",
        "copy files to a VM of the lab, or from it",
        ("login",),
        ("FILE",),
        is_live=True,
    ),
    "open": Builtin(
        "cmk.commands.guest:open_",
        "open VM PORT",
        "a port of this machine that leads to the VM's, until Ctrl-C (--port N: this one)",
        ("port",),
        ("VM", "PORT"),
        is_live=True,
    ),
    "metalink": Builtin(
        "cmk.commands.metalink:run",
        "metalink create FILE URL…|verify M",
        "write a metalink (--pieces, --location de=URL), or try its mirrors (--full: all bytes)",
        ("full", "pieces", "location"),
        ("create verify", "FILE"),
    ),
    "profile": Builtin(
        "cmk.commands.profile:run",
        "profile list|show|add|use|rename|remove|secure",
        "the servers that lines go to: profile add NAME url=URL asks for the secrets (--keyring: "
        "keep them there)",
        ("keyring",),
        ("list show add use rename remove secure", "PROFILE"),
        is_live=True,
    ),
    "set": Builtin(
        "cmk.commands.profile:set_",
        "set KEY VALUE",
        "a setting of the current profile",
        words=("SETTING", "VALUE"),
        is_live=True,
    ),
    "get": Builtin("cmk.commands.profile:get", "get KEY", "one setting", words=("SETTING",)),
    "show": Builtin("cmk.commands.profile:show", "show", "all settings in force, secrets masked"),
    "api": Builtin(
        "cmk.commands.api:run",
        "api NAME [key=value …]",
        "call any API as it is written, unchecked",
        ("curl", "dry_run"),
    ),
    "alias": Builtin(
        "cmk.commands.alias:run",
        "alias [NAME [LINE…]]",
        "words of your own for the beginnings of lines: alias lv 'list vms -o table'; an empty "
        "line takes one away",
    ),
    "sync": Builtin("cmk.commands.login:sync", "sync", "fetch the server's own catalog of APIs"),
    "login": Builtin(
        "cmk.commands.login:login", "login", "begin a session with name and password", is_live=True
    ),
    "logout": Builtin("cmk.commands.login:logout", "logout", "end the session that is kept"),
    "wait": Builtin(
        "cmk.commands.wait:run",
        "wait JOBID…",
        "wait for jobs, and show their results; in the shell also for [1], [2], …",
        words=("JOB",),
    ),
    "upload": Builtin(
        "cmk.commands.upload:run",
        "upload template|iso|volume file=F …",
        "send a file to the server, with the parameters of getUploadParamsFor…",
        words=("template iso volume",),
    ),
    "watch": Builtin(
        "cmk.commands.watch:run",
        "watch LINE [--every SECONDS]",
        "run a line that only reads again and again, and mark what has changed; Ctrl-C ends it",
        ("every",),
        is_live=True,
    ),
    "doctor": Builtin(
        "cmk.commands.doctor:run",
        "doctor",
        "what works on this machine and what does not, each with the sentence that mends it",
    ),
    "completion": Builtin(
        "cmk.commands.completion:run",
        "completion bash|zsh|fish [--install]",
        "the script with which that shell completes cmk's lines; --install: put it where the shell "
        "finds it",
        ("install",),
        ("bash zsh fish",),
    ),
    "history": Builtin(
        _SHELL, "history [N] [-c]", "in the shell: the last N lines, or all; -c forgets them"
    ),
    "jobs": Builtin(_SHELL, "jobs", "in the shell: the lines that run in the background (LINE &)"),
    "tour": Builtin(
        _SHELL, "tour", "in the shell: five lines, from list zones to a running VM in the lab"
    ),
    "exit": Builtin("cmk.commands.help:leave", "exit", "leave the shell (also: quit, Ctrl-D)"),
    "quit": Builtin("cmk.commands.help:leave", "quit", "leave the shell"),
}

#: Flags that go with an API's call, and not with built-ins unless their table says so.
API_OPTIONS = ("curl", "dry_run", "force_params")

#: Every flag that only some built-ins take.
OPTIONS = sorted({o for builtin in BUILTINS.values() for o in builtin.options} - set(API_OPTIONS))

#: Built-ins whose word is a verb of CloudStack too.
_VERBS = ("get", "sync", "login", "logout", "upload")


def builtin_of(session: Session, words: list[str]) -> Builtin | None:
    """The built-in that a line's first word names, unless an API of that name follows."""
    word = words[0].lower() if words else ""
    if word in _VERBS and len(words) > 1 and "=" not in words[1]:
        from cmk.errors import ConfigurationError

        try:
            if session.catalog.get(word + words[1]) is not None:
                return None
        except ConfigurationError:
            pass  # the built-in may be what mends it
    return BUILTINS.get(word)


def or_builtin(problem: Unknown, word: str) -> Unknown:
    """The same, with the built-in that was perhaps meant where no API was near."""
    from cmk.catalog import similar
    from cmk.errors import Unknown

    near = "" if problem.near else similar(word.lower(), BUILTINS, 0.7)
    return Unknown(problem.message, f"Did you mean '{near}'?", near) if near else problem
