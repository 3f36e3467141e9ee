"""`cmk lab`: where this lab is; `lab stop` ends its daemon, `lab clean` removes what nothing needs,
`lab destroy` all of it."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from cmk import __version__
from cmk.errors import CmkError, UsageError
from cmk.lab.directory import CONTENT, LabDirectory, is_held
from cmk.lab.engine import Lab
from cmk.lab.hosts.host import Host
from cmk.session.session import Flags, Session


def run(session: Session, words: list[str], flags: Flags) -> None:
    """`lab`, `lab stop`, `lab clean`, `lab destroy`."""
    lab = session.backend
    if not isinstance(lab, Lab):
        raise UsageError(
            f"{session.profile.url} is a management server, not a lab.", "Use: cmk -p lab lab"
        )
    name = " ".join(words).lower()
    actions = {"": show, "stop": stop, "clean": clean, "check": check, "destroy": destroy}
    action = actions.get(name)
    if action is None:
        raise UsageError(
            f"lab cannot do '{name}'.",
            "There are: lab, lab stop, lab clean, lab check, lab destroy",
        )
    if flags.repair and action is not check:
        raise UsageError("--repair goes with lab check only.")
    if flags.dry_run and action is not clean:
        raise UsageError("--dry-run goes with lab clean only.")
    action(session, lab, flags)


def show(session: Session, lab: Lab, flags: Flags) -> None:
    """Where everything is."""
    session.show({"lab": [_facts(lab)]}, flags)


def _facts(lab: Lab) -> dict[str, Any]:
    store = lab.store
    counts = {
        "templates": "SELECT count(*) FROM vm_template WHERE removed IS NULL",
        "virtualmachines": "SELECT count(*) FROM vm_instance WHERE removed IS NULL",
        "jobs": "SELECT count(*) FROM async_job WHERE job_status = 0",
    }
    hosts = store.rows("SELECT * FROM host WHERE removed IS NULL ORDER BY id")
    return {
        "id": lab.id,
        **_differences(lab),
        "directory": str(lab.directory.path),
        "store": str(lab.directory.store),
        "version": __version__,
        "hosts": [{"name": row["name"], **Host(lab, row).details()} for row in hosts],
        "pools": [
            {"name": row["name"], "path": row["path"]}
            for row in store.rows("SELECT * FROM storage_pool WHERE removed IS NULL ORDER BY id")
        ],
        "console": str(lab.directory.console),
        "workerslog": str(lab.directory.jobs / "workers.log"),
        **{name: store.value(sql) for name, sql in counts.items()},
    }


def _differences(lab: Lab) -> dict[str, Any]:
    """Templates whose copies are not the same on all pools."""
    from cmk.lab.works.check import different_copies

    found = [f"{finding.name}: {finding.what}" for finding in different_copies(lab)]
    return {"differentcopies": found} if found else {}


def _own_host(lab: Lab) -> Host | None:
    row = lab.store.one("SELECT * FROM host WHERE url = 'embedded' AND removed IS NULL")
    return None if row is None else Host(lab, row)


def stop(session: Session, lab: Lab, flags: Flags) -> None:
    """End the daemon; VMs go on, and the next daemon takes them up again."""
    host = _own_host(lab)
    if host is None or host.daemon is None:
        raise CmkError("This lab has no daemon of its own.")
    if not host.daemon.stop():
        session.environment.say("The lab's daemon does not run.")
        return
    running = lab.store.value(
        "SELECT count(*) FROM vm_instance WHERE state = 'Running' AND removed IS NULL"
    )
    goes_on = f" {running} VM(s) go on without it." if running else ""
    session.environment.say(f"The lab's daemon has ended.{goes_on}")


def clean(session: Session, lab: Lab, flags: Flags) -> None:
    """Remove unused copies, files that nothing names, and destroyed VMs whose time is over; with
    --dry-run only tell what would go."""
    from cmk.lab.works import collection as eviction

    rows = [
        *(_file("copy", row) for row in eviction.unused(lab)),
        *(_file("leftover", row) for row in eviction.orphans(lab)),
        *({"kind": "vm", "id": vm["uuid"], "name": vm["name"]} for vm in eviction.overdue(lab)),
    ]
    if not flags.dry_run:
        eviction.forget_unused(lab)
        eviction.remove_orphans(lab)
        eviction.expunge_overdue(lab)
    session.show({"count": len(rows), "removed": rows}, flags)


def check(session: Session, lab: Lab, flags: Flags) -> None:
    """Compare the store with hosts and pools; with --repair mend what can be. Raises CmkError where
    something is left that is not as it should be."""
    from cmk.lab.works.check import check as findings

    rows = findings(lab, flags.repair)
    session.show({"count": len(rows), "finding": rows}, flags)
    left = sum(row["mended"] != "yes" for row in rows)
    if left:
        raise CmkError(f"{left} finding(s) are not mended.")


def _file(kind: str, row: sqlite3.Row) -> dict[str, Any]:
    path = f"{row['directory']}/{row['install_path']}"
    return {"kind": kind, "id": row["templateid"], "name": row["template"], "path": path}


def destroy(session: Session, lab: Lab, flags: Flags) -> None:
    """Remove the lab: its workers, VMs, pools, daemon and files. In a terminal it asks first."""
    directory = lab.directory
    if not (directory.store.exists() or directory.lock.exists()):
        session.environment.say(f"There is no lab in {directory.path}.")
        return
    if not _confirmed(session, directory):
        raise CmkError("Nothing was removed.")
    try:
        _dismantle(lab)
    except CmkError as problem:
        session.environment.say(f"Its VMs cannot be ended in order: {problem.message}")
        _end_daemon(directory)
    lab.close()
    _end_strays(directory)
    _remove(directory)
    session.environment.say(f"The lab in {directory.path} is gone.")


def _confirmed(session: Session, directory: LabDirectory) -> bool:
    environment = session.environment
    if not (environment.input_is_terminal and environment.error_is_terminal):
        return True
    environment.stderr.write(f"Remove the lab in {directory.path} with all of its VMs? [y/N] ")
    environment.stderr.flush()
    return environment.stdin.readline().strip().lower() in {"y", "yes"}


def _dismantle(lab: Lab) -> None:
    """End what runs: workers first, then domains on every host, then the daemon."""
    _end_workers(lab)
    for row in lab.store.rows("SELECT * FROM host WHERE removed IS NULL"):
        with Host(lab, row) as host:
            if _has_domains(lab, host):
                _end_domains(lab, host)
    own = _own_host(lab)
    if own is not None and own.daemon is not None:
        own.daemon.stop()
        if own.daemon.link.is_symlink():
            _unlink(own.daemon.link)
    if (lab.directory.path / "ssh").exists():
        from cmk.lab.directory import short_link

        _unlink(short_link(lab.directory.path / "ssh", f"s{lab.id}"))


def _unlink(link: Path) -> None:
    """Remove a short link, and the directory of such links when it was the last."""
    link.unlink(missing_ok=True)
    with suppress(OSError):  # other labs have theirs there
        link.parent.rmdir()


def _end_workers(lab: Lab) -> None:
    """No new jobs, and the workers that hold one are ended; their agents leave with them."""
    lab.store.execute("UPDATE async_job SET job_status = 2, job_result = '{}' WHERE job_status = 0")
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


def _has_domains(lab: Lab, host: Host) -> bool:
    """Whether anything was ever started there: a lab without VMs needs no libvirt to go."""
    return bool(
        lab.store.value(
            "SELECT 1 FROM vm_instance WHERE removed IS NULL AND (host_id = ? OR last_host_id = ?)",
            host.id,
            host.id,
        )
    ) and not (host.daemon is not None and not (host.daemon.base / "config").exists())


def _end_domains(lab: Lab, host: Host) -> None:
    from cmk.lab.libvirt import domain

    for known in host.connection.listAllDomains(0):
        if domain.owner_of(known) == lab.id:
            domain.stop(known, forced=True)
            domain.undefine(known)


def _end_daemon(directory: LabDirectory) -> None:
    """Without a readable store: the daemon by its own lock and pid file."""
    from cmk.lab.libvirt.daemon import EmbeddedDaemon

    EmbeddedDaemon(directory, "").stop()


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
