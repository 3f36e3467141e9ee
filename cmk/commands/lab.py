"""`cmk lab`: where this lab is; `lab stop` ends its daemon, `lab clean` removes what nothing needs,
`lab destroy` all of it."""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

from cmk import __version__
from cmk.document import Json
from cmk.errors import CmkError, NotThere, UsageError
from cmk.lab.call import Call
from cmk.lab.directory import CONTENT, LabDirectory, is_held, short_link
from cmk.lab.engine import LabBackend
from cmk.lab.hosts.host import OpenHost
from cmk.lab.jobs import hire
from cmk.lab.lab import Lab
from cmk.lab.libvirt.namespace import end_router
from cmk.lab.model.account import Account, Domain
from cmk.lab.model.host import Host
from cmk.lab.model.job import AsyncJob
from cmk.lab.model.machine import Machine, MachineState
from cmk.lab.model.pool import Pool
from cmk.lab.model.template import Template
from cmk.lab.model.unused import PoolFile, orphans, overdue_machines, unused_copies
from cmk.lab.model.user import User, shown_keys
from cmk.lab.settings import number
from cmk.session.flags import Flags
from cmk.session.session import Session


def run(session: Session, words: list[str], flags: Flags) -> None:
    """`lab`, and what it can do."""
    backend = session.backend
    if not isinstance(backend, LabBackend):
        raise UsageError(
            f"{session.profile.url} is a management server, not a lab.", "Use: cmk -p lab lab"
        )
    name = " ".join(words).lower()
    actions = {
        "": show,
        "stop": stop,
        "clean": clean,
        "check": check,
        "keys": keys,
        "password": password,
        "destroy": destroy,
    }
    action = actions.get(name)
    if action is None:
        raise UsageError(
            f"lab cannot do '{name}'.",
            "There are: lab, lab stop, lab clean, lab check, lab keys, lab password, lab destroy",
        )
    if flags.repair and action is not check:
        raise UsageError("--repair goes with lab check only.")
    if flags.renew and action is not keys:
        raise UsageError("--renew goes with lab keys only.")
    if flags.account and action not in (keys, password):
        raise UsageError("--account goes with lab keys and lab password only.")
    if flags.dry_run and action is not clean:
        raise UsageError("--dry-run goes with lab clean only.")
    action(session, backend, flags)


def show(session: Session, backend: LabBackend, flags: Flags) -> None:
    """Where everything is."""
    session.show({"lab": [_facts(backend.as_admin())]}, flags)


def _facts(call: Call) -> Json:
    lab, store = call.lab, call.store
    return {
        "id": lab.id,
        **_differences(call),
        "directory": str(lab.directory.path),
        "store": str(lab.directory.store),
        "version": __version__,
        "hosts": [
            {"name": host.name, **OpenHost(lab, host).details()} for host in Host.there(store)
        ],
        "pools": [{"name": pool.name, "path": pool.path} for pool in Pool.there(store)],
        "console": str(lab.directory.console),
        "workerslog": str(lab.directory.jobs / "workers.log"),
        "templates": len(Template.there(store)),
        "virtualmachines": len(Machine.there(store)),
        "jobs": len(AsyncJob.there(store, job_status=AsyncJob.IN_PROGRESS)),
    }


def _differences(call: Call) -> Json:
    """Templates whose copies are not the same on all pools."""
    from cmk.lab.works.check import different_copies

    found = [f"{finding.name}: {finding.what}" for finding in different_copies(call)]
    return {"differentcopies": found} if found else {}


def stop(session: Session, backend: LabBackend, flags: Flags) -> None:
    """End the daemon; VMs go on, and the next daemon takes them up again."""
    lab = backend.lab
    host = OpenHost.own(lab)
    if host is None or host.daemon is None:
        raise CmkError("This lab has no daemon of its own.")
    if not host.daemon.stop():
        session.environment.say("The lab's daemon does not run.")
        return
    running = sum(vm.state == MachineState.RUNNING for vm in Machine.there(lab.store))
    goes_on = f" {running} VM(s) go on without it." if running else ""
    session.environment.say(f"The lab's daemon has ended.{goes_on}")


def clean(session: Session, backend: LabBackend, flags: Flags) -> None:
    """Remove unused copies, files that nothing names, and destroyed VMs whose time is over; with
    --dry-run only tell what would go."""
    from cmk.lab.works.collection import collect_all

    call = backend.as_admin()
    store = call.store
    overdue = overdue_machines(store, number(store, "expunge.delay"))
    rows = [
        *(_file("copy", file) for file in unused_copies(store)),
        *(_file("leftover", file) for file in orphans(store)),
        *({"kind": "vm", "id": vm.uuid, "name": vm.name} for vm in overdue),
    ]
    if not flags.dry_run:
        collect_all(call)
        if call.has_submitted:
            hire(call.lab)
    session.show({"count": len(rows), "removed": rows}, flags)


def check(session: Session, backend: LabBackend, flags: Flags) -> None:
    """Compare the store with hosts and pools; with --repair mend what can be. Raises CmkError where
    something is left that is not as it should be."""
    from cmk.lab.works.check import check as findings

    rows = findings(backend.as_admin(), flags.repair)
    session.show({"count": len(rows), "finding": rows}, flags)
    left = sum(row["mended"] != "yes" for row in rows)
    if left:
        raise CmkError(f"{left} finding(s) are not mended.")


def _file(kind: str, file: PoolFile) -> Json:
    path = f"{file.directory}/{file.install_path}"
    return {"kind": kind, "id": file.templateid, "name": file.template, "path": path}


def _user(backend: LabBackend, flags: Flags) -> User:
    """The admin, or the first user of the account that was named."""
    store = backend.lab.store
    if not flags.account:
        return User.admin(store)
    place, _, name = flags.account.rpartition("/")
    domain = Domain.at(store, place)
    account = Account.called(store, name, domain.id) if domain else None
    user = User.first(store, account_id=account.id) if account else None
    if user is None:
        raise NotThere(
            f"There is no user of an account {flags.account}.",
            "list accounts listall=true tells which there are; one in a domain is /DOMAIN/NAME.",
        )
    return user


def keys(session: Session, backend: LabBackend, flags: Flags) -> None:
    """A user's keys, for clients of `cmk serve`; made when they are asked for first."""
    user = _user(backend, flags)
    if flags.renew or not user.api_key:
        user = user.renew_keys(backend.lab.store)
    session.show({"userkeys": shown_keys(user)}, flags)


def password(session: Session, backend: LabBackend, flags: Flags) -> None:
    """A new password of a user's, which is shown this once."""
    user = _user(backend, flags)
    told = {"username": user.username, "password": user.renew_password(backend.lab.store)}
    session.show({"user": told}, flags)


def destroy(session: Session, backend: LabBackend, flags: Flags) -> None:
    """Remove the lab: its workers, VMs, pools, daemon and files. In a terminal it asks first."""
    lab, directory = backend.lab, backend.lab.directory
    if not (directory.store.exists() or directory.lock.exists()):
        session.environment.say(f"There is no lab in {directory.path}.")
        return
    if not (flags.yes or _confirmed(session, directory)):
        raise CmkError("Nothing was removed.")
    try:
        _dismantle(lab)
    except CmkError as problem:
        session.environment.say(f"Its VMs cannot be ended in order: {problem.message}")
        _end_daemon(lab)
    lab.close()
    _end_strays(directory)
    _remove(directory)
    session.environment.say(f"The lab in {directory.path} is gone.")


def _confirmed(session: Session, directory: LabDirectory) -> bool:
    environment = session.environment
    if not (environment.input_is_terminal and environment.error_is_terminal):
        return True
    answer = environment.ask(f"Remove the lab in {directory.path} with all of its VMs? [y/N] ")
    return answer.strip().lower() in {"y", "yes"}


def _dismantle(lab: Lab) -> None:
    """End what runs: workers first, then domains on every host, then the daemon."""
    _end_workers(lab)
    for row in Host.there(lab.store):
        with OpenHost(lab, row) as host:
            if _has_domains(lab, host):
                _end_domains(lab, host)
    own = OpenHost.own(lab)
    if own is not None and own.daemon is not None:
        own.daemon.stop()
        end_router(own.daemon.base)
        if own.daemon.link.is_symlink():
            _unlink(own.daemon.link)
    if (lab.directory.path / "ssh").exists():
        _unlink(short_link(lab.directory.path / "ssh", f"s{lab.id}", lab.variables))


def _unlink(link: Path) -> None:
    """Remove a short link, and the directory of such links when it was the last."""
    link.unlink(missing_ok=True)
    with suppress(OSError):  # other labs have theirs there
        link.parent.rmdir()


def _end_workers(lab: Lab) -> None:
    """No new jobs, and the workers that hold one are ended; their agents leave with them."""
    AsyncJob.end_all(lab.store)
    mine = str(lab.directory.path).encode()
    for entry in Path("/proc").glob("[1-9]*"):
        if entry.name != str(os.getpid()) and _is_worker(entry, mine):
            with suppress(ProcessLookupError):
                os.kill(int(entry.name), signal.SIGKILL)
    deadline = time.monotonic() + 5
    while any(is_held(slot) for slot in lab.directory.jobs.glob("worker.[0-9]*")):
        if time.monotonic() > deadline:
            raise CmkError("A worker of this lab does not end.")
        time.sleep(0.01)


def _is_worker(process: Path, directory: bytes) -> bool:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return len(words) > 3 and b"cmk.lab.worker" in words[2] and words[3] == directory


def _has_domains(lab: Lab, host: OpenHost) -> bool:
    """Whether anything was ever started there: a lab without VMs needs no libvirt to go."""
    never_configured = host.daemon is not None and not (host.daemon.base / "config").exists()
    return Machine.was_ever_on(lab.store, host.row) and not never_configured


def _end_domains(lab: Lab, host: OpenHost) -> None:
    from cmk.lab.libvirt import domain

    for known in host.connection.listAllDomains(0):
        if domain.owner_of(known) == lab.id:
            domain.remove(known)


def _end_daemon(lab: Lab) -> None:
    """Without a readable store: the daemon by its own lock and pid file."""
    from cmk.lab.libvirt.daemon import EmbeddedDaemon

    EmbeddedDaemon(lab.directory, "", lab.variables).stop()
    end_router(lab.directory.host)


def _end_strays(directory: LabDirectory) -> None:
    """QEMUs on this lab's disks that libvirt could not end: their files are about to go."""
    mine = os.fsencode(directory.pool) + b"/"
    for entry in Path("/proc").glob("[1-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        if b"qemu-system" in words.partition(b"\0")[0] and mine in words:
            with suppress(ProcessLookupError):
                os.kill(int(entry.name), signal.SIGKILL)


def _remove(directory: LabDirectory) -> None:
    """What a lab makes in its directory; the directory itself if nothing else is in it."""
    for name in CONTENT:
        path = directory.path / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    with suppress(OSError):
        directory.path.rmdir()
