"""Downloading a template to storage pools before any VM needs it."""

from __future__ import annotations

from typing import Any

from cmk.errors import ApiError, CmkError
from cmk.lab.events import record
from cmk.lab.hosts.pools import any_host
from cmk.lab.jobs import Cancelled, Job, Work
from cmk.lab.template_rows import one_row
from cmk.lab.works import spool
from cmk.lab.works.failure import Failure

Json = dict[str, Any]


def prepare(job: Job) -> Json:
    """Each pool in turn; one that fails does not keep the others from theirs."""
    store, failures = job.lab.store, list[Failure]()
    template = store.one("SELECT * FROM vm_template WHERE id = ?", job.instance_id)
    assert template is not None  # the job was made for it
    for id in job.info["pools"]:
        pool = store.one("SELECT * FROM storage_pool WHERE id = ?", id)
        assert pool is not None  # rows stay
        who = f"pool {pool['name']}"
        try:
            with any_host(job.lab, pool["id"]) as host:
                who = f"{host.name}, {who}"
                bring = spool.refresh if job.info.get("refresh") else spool.ensure
                bring(job, host, pool, template)
        except Cancelled:
            raise
        except CmkError as problem:
            failures.append(Failure(who, problem))
    if failures:
        told = [f"Unable to prepare {template['name']} ({template['uuid']})."]
        raise ApiError(530, "\n".join([*told, *(line for f in failures for line in f.lines())]))
    noun = "iso" if template["format"] == "ISO" else "template"
    record(
        job.lab, "TEMPLATE.PREPARE", f"Prepared {template['name']}", "Template", template["uuid"]
    )
    return one_row(job.lab, template["id"], noun)


def undo(job: Job, reason: str) -> None:
    """Let go of what was begun; what was downloaded stays."""
    spool.give_up(job, reason)
    uuid = job.lab.store.value("SELECT uuid FROM vm_template WHERE id = ?", job.instance_id)
    record(
        job.lab, "TEMPLATE.DIRECT.DOWNLOAD.FAILURE", reason, "Template", str(uuid), level="ERROR"
    )


PREPARE = Work(prepare, undo)
