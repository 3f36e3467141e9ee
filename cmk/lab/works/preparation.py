"""Downloading a template to storage pools before any VM needs it."""

from __future__ import annotations

from cmk.errors import CmkError
from cmk.lab.events import record
from cmk.lab.hosts.pools import any_host
from cmk.lab.jobs import Cancelled, Job, StoryError, Work
from cmk.lab.model.pool import Pool
from cmk.lab.model.template import Template
from cmk.lab.works import spool
from cmk.lab.works.failure import Failure


def prepare(job: Job) -> None:
    """Each pool in turn; one that fails does not keep the others from theirs."""
    template, failures = Template.of(job.store, job.instance_id), list[Failure]()
    for id in job.info["pools"]:
        pool = Pool.of(job.store, id)
        who = f"pool {pool.name}"
        try:
            with any_host(job.lab, pool) as host:
                who = f"{host.name}, {who}"
                bring = spool.refresh if job.info.get("refresh") else spool.ensure
                bring(job, host, pool, template)
        except Cancelled:
            raise
        except CmkError as problem:
            failures.append(Failure(who, problem))
    if failures:
        told = f"Unable to prepare {template.name} ({template.uuid})."
        raise StoryError(530, [told, *(line for f in failures for line in f.lines())])
    record(job.call, "TEMPLATE.PREPARE", f"Prepared {template.name}", template)


def undo(job: Job, reason: str) -> None:
    """Let go of what was begun; what was downloaded stays."""
    spool.give_up(job, reason)
    template = Template.of(job.store, job.instance_id)
    record(job.call, "TEMPLATE.DIRECT.DOWNLOAD.FAILURE", reason, template, level="ERROR")


PREPARE = Work(prepare, undo)
