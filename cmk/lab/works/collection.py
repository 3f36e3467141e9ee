"""Deleting templates and ISOs, and whatever of them on pools and image stores nothing needs.

A copy goes in two steps: in one transaction its row is deleted and its file becomes an *orphan*;
then the file is removed, when no disk stands on it, and with it the orphan's row. A kill between
the two leaves an orphan, which the next worker collects.
"""

from __future__ import annotations

import time

from cmk.errors import Unreachable
from cmk.lab.call import Call
from cmk.lab.events import record
from cmk.lab.hosts.agent import AgentFailure, local_agent
from cmk.lab.hosts.pools import any_host
from cmk.lab.hosts.router import settle
from cmk.lab.jobs import Job, Task, Work, submit
from cmk.lab.model import unused
from cmk.lab.model.copy import StoredCopy
from cmk.lab.model.machine import MachineState
from cmk.lab.model.pool import Pool
from cmk.lab.model.template import Template
from cmk.lab.settings import flag, number
from cmk.lab.store import timestamp
from cmk.lab.works import leftover


def delete(job: Job) -> None:
    """Unregister a template in one zone or all, then remove what it left on the pools."""
    template = Template.of(job.store, job.instance_id)
    with job.store.change():
        template.unregister_from(job.store, job.info["zone"])
    job.progress("Removing copies from primary storage")
    unused.forget_unregistered(job.store)
    remove_orphans(job.call)
    remove_from_stores(job.call)
    label = "ISO" if template.is_iso else "Template"
    record(job.call, f"{label.upper()}.DELETE", f"Deleted {template.name}", template)


def nothing_to_undo(job: Job, reason: str) -> None:
    """A deletion that stopped half-way stands; the same call again finishes it."""


DELETE = Work(delete, nothing_to_undo)


def remove_orphans(call: Call) -> None:
    """Remove such files; one whose host or pool cannot be reached waits for the next time."""
    for file in unused.orphans(call.store):
        try:
            with any_host(call.lab, Pool.of(call.store, file.pool_id)) as host:
                host.agent.ask("remove", pool=file.directory, name=file.install_path)
        except (AgentFailure, Unreachable) as problem:
            call.tell(f"{file.install_path} on {file.pool}: {problem.message}")
            continue
        unused.orphan_is_gone(call.store, file)


def remove_from_stores(call: Call) -> None:
    """Remove from image stores what is not registered in their zone any more."""
    for copy in StoredCopy.unregistered(call.store):
        if copy.install_path:
            with local_agent() as agent:
                agent.ask("remove", pool=copy.directory, name=copy.install_path)
        copy.delete(call.store)


def collect_all(call: Call) -> None:
    """What nothing needs at this moment, whatever the settings say."""
    unused.forget_unused(call.store)
    remove_orphans(call)
    expunge_overdue(call)


def tidy(call: Call) -> None:
    """What a worker does before it leaves, as the settings storage.*cleanup* say: mark copies that
    became unused, and collect what has been so for longer than the interval."""
    store = call.store
    settle(call.lab)
    if not flag(store, "storage.cleanup.enabled"):
        return
    if flag(store, "storage.template.cleanup.enabled"):
        interval = number(store, "storage.cleanup.interval")
        unused.mark_unused(store)
        unused.forget_unused(store, since=timestamp(time.time() - interval))
    unused.forget_unregistered(store)
    remove_orphans(call)
    leftover.collect(call)
    expunge_overdue(call)


def expunge_overdue(call: Call) -> None:
    """Queue the expunging of destroyed VMs whose time is over."""
    with call.store.change():
        for vm in unused.overdue_machines(call.store, number(call.store, "expunge.delay")):
            vm.become(call.store, MachineState.EXPUNGING)
            submit(call, "expungeVirtualMachine", Task(vm, {"was": vm.state}))
