"""The classical way: a template without directdownload comes to an image store at registration.

The lab's own machine downloads it, by the same agent that hosts have, as a job that nobody waits
for; hosts copy it from there to their pools when a VM is deployed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cmk.lab.certificates import trusted_by
from cmk.lab.events import record
from cmk.lab.hosts.host import Agent
from cmk.lab.jobs import Job, Work
from cmk.lab.processes import python
from cmk.lab.settings import limits
from cmk.lab.works.order import order
from cmk.lab.works.spool import progress_teller

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

Json = dict[str, Any]

#: No host has this number: a certificate is never revoked for the lab's own machine.
NO_HOST = 0


@contextmanager
def local_agent() -> Iterator[Agent]:
    """An agent on the lab's own machine."""
    agent = Agent(python("cmk.agent.protocol"))
    try:
        yield agent
    finally:
        agent.close()


def local_limits(lab: Lab, zone: int) -> Json:
    """What that agent puts up with, and whom it trusts."""
    return limits(lab.store, trusted_by(lab.store, NO_HOST, zone))


def copies(job: Job) -> list[sqlite3.Row]:
    """The job's template on image stores, one row each."""
    return job.lab.store.rows(
        "SELECT r.*, s.path AS directory, s.data_center_id, s.name AS store_name "
        "FROM template_store_ref r JOIN image_store s ON s.id = r.store_id "
        "WHERE r.template_id = ? ORDER BY r.id",
        job.instance_id,
    )


def download(job: Job) -> Json:
    """Bring a template to the image stores that it is registered for."""
    store = job.lab.store
    template = store.one("SELECT * FROM vm_template WHERE id = ?", job.instance_id)
    assert template is not None  # the job was made for it
    for copy in copies(job):
        if copy["download_state"] == "DOWNLOADED":
            continue  # before this job's last worker died
        store.update("template_store_ref", copy["id"], download_state="DOWNLOAD_IN_PROGRESS")
        zone = copy["data_center_id"]
        with local_agent() as agent:
            done = agent.ask(
                "fetch",
                progress_teller(job, "template_store_ref", copy["id"]),
                **order(
                    store,
                    template,
                    copy["directory"],
                    copy["install_path"],
                    "",
                    local_limits(job.lab, zone),
                ),
            )
        with store.change():
            store.update(
                "template_store_ref",
                copy["id"],
                state="Ready",
                download_state="DOWNLOADED",
                download_pct=100,
                error_str=None,
                size=done["virtual_size"],
                physical_size=done["size"],
                stored_digest=done["stored_digest"],
            )
            store.update("vm_template", template["id"], size=done["virtual_size"])
        for warning in done["warnings"]:
            job.warn(f"{template['name']}: {warning}.")
    return {"success": True}


def undo(job: Job, reason: str) -> None:
    """The template stays registered, not ready, and its status says why."""
    for copy in copies(job):
        if copy["download_state"] != "DOWNLOADED":
            job.lab.store.update(
                "template_store_ref", copy["id"], download_state="DOWNLOAD_ERROR", error_str=reason
            )
    uuid = job.lab.store.value("SELECT uuid FROM vm_template WHERE id = ?", job.instance_id)
    record(job.lab, "TEMPLATE.DOWNLOAD.FAILED", reason, "Template", str(uuid), level="ERROR")


DOWNLOAD = Work(download, undo)
