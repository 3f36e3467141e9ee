"""The classical way: a template without directdownload comes to an image store at registration.

The lab's own machine downloads it, by the same agent that hosts have, as a job that nobody waits
for; hosts copy it from there to their pools when a VM is deployed.
"""

from __future__ import annotations

from cmk.lab.events import record
from cmk.lab.hosts.agent import local_agent
from cmk.lab.jobs import Job, Work
from cmk.lab.model.copy import DownloadState, StoredCopy
from cmk.lab.model.template import Template
from cmk.lab.works.look import own_limits
from cmk.lab.works.order import order
from cmk.lab.works.spool import progress_teller


def download(job: Job) -> None:
    """Bring a template to the image stores that it is registered for."""
    store = job.store
    template = Template.of(store, job.instance_id)
    for copy in StoredCopy.on_stores(store, template):
        if copy.download_state == DownloadState.DOWNLOADED:
            continue  # before this job's last worker died
        copy.update(store, download_state=DownloadState.IN_PROGRESS)
        limits = own_limits(job.lab, copy.data_center_id or 0)
        wanted = order(store, template, str(copy.directory), str(copy.install_path), "", limits)
        file = job.lab.directory.uploads / template.upload if template.upload else None
        if file is not None:
            url = file.as_uri()
            own = {"mirrors": [url], "origin": url, "headers": {}}
            wanted = {**wanted, **own, "limits": {**limits, "private": True}}
        with local_agent() as agent:
            done = agent.ask("fetch", progress_teller(job, copy), **wanted)
        with store.change():
            copy.update(
                store,
                state="Ready",
                download_state=DownloadState.DOWNLOADED,
                download_pct=100,
                error_str=None,
                size=done["virtual_size"],
                physical_size=done["size"],
                stored_digest=done["stored_digest"],
            )
            template.update(store, size=done["virtual_size"])
        if file is not None:
            file.unlink(missing_ok=True)
        for warning in done["warnings"]:
            job.warn(f"{template.name}: {warning}.")


def undo(job: Job, reason: str) -> None:
    """The template stays registered, not ready, and its status says why."""
    template = Template.of(job.store, job.instance_id)
    for copy in StoredCopy.on_stores(job.store, template):
        if copy.download_state != DownloadState.DOWNLOADED:
            copy.update(job.store, download_state=DownloadState.FAILED, error_str=reason)
    record(job.call, "TEMPLATE.DOWNLOAD.FAILED", reason, template, level="ERROR")


DOWNLOAD = Work(download, undo)
