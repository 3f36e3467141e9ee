"""Copies of templates on storage pools: one row of template_spool_ref each, one download each.

    NOT_DOWNLOADED -> DOWNLOAD_IN_PROGRESS -> DOWNLOADED      (or DOWNLOAD_ERROR, with the reason)

A row belongs to the job that downloads, for as long as that job's lock is held; a job that finds
it so waits and shows how far the other is. Nothing is trusted for its row alone: the file must be
there, as it was when it was recorded. A newer version of a copy (`refresh`) is fetched under
another name (`next_path`) while the copy stays in use, and takes its place at the end.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from cmk.document import Json
from cmk.lab.events import record
from cmk.lab.faults import strike
from cmk.lab.hosts.agent import AgentFailure
from cmk.lab.hosts.host import OpenHost
from cmk.lab.jobs import Job, is_running
from cmk.lab.model.copy import Copy, DownloadState, StoredCopy
from cmk.lab.model.job import AsyncJob
from cmk.lab.model.pool import Pool
from cmk.lab.model.template import Template
from cmk.lab.store import Store, new_uuid, now
from cmk.lab.works.look import look_again
from cmk.lab.works.order import order, order_from_store
from cmk.lab.works.upstream import must_refresh

#: Seconds between two looks at a download that another job is busy with.
PATIENCE = 0.05


def ensure(job: Job, host: OpenHost, pool: Pool, template: Template) -> Copy:
    """A template's copy that is on the pool, downloaded first where it has to be.

    Raises AgentFailure with the story of the download, CmkError where the setting
    direct.download.check.upstream forbids a copy whose origin has changed.
    """
    job.progress("Looking for the template on the pool")
    while True:
        copy, mine = claim(job, pool, template)
        if mine:
            return _download(job, host, pool, template, copy)
        if copy.download_state == DownloadState.DOWNLOADED:
            if host.agent.ask("facts", pool=pool.path, name=copy.install_path) == copy.facts:
                copy.update(job.store, marked_for_gc=None)
                if must_refresh(job, host, template, copy):
                    return refresh(job, host, pool, template)
                return copy
            distrust(job, pool, template, copy)
            continue
        _show(job, copy)
        time.sleep(PATIENCE)


def refresh(job: Job, host: OpenHost, pool: Pool, template: Template) -> Copy:
    """The copy after what its URL serves now was fetched beside the old one and took its place.

    Where there is no copy yet it is downloaded as ever. Raises AgentFailure; the copy stays then.
    """
    store = job.store
    copy = Copy.first(store, pool_id=pool.id, template_id=template.id)
    if copy is None or copy.download_state != DownloadState.DOWNLOADED:
        return ensure(job, host, pool, template)
    template = look_again(host, template)
    while not claim_next(job, copy):
        _show(job, copy.again(store))
        time.sleep(PATIENCE)
    copy = copy.again(store)
    try:
        fresh = _bring(job, host, pool, template, copy, str(copy.next_path))
    except BaseException:
        _let_next_go(store, copy.again(store))
        raise
    same = fresh.stored_digest == copy.stored_digest
    record(
        job.call,
        "TEMPLATE.REFRESH",
        f"Fetched {template.name} anew to {pool.name}: "
        + ("the same bytes" if same else "another version; VMs keep theirs"),
        template,
    )
    return fresh


def give_up(job: Job, reason: str) -> None:
    """Let go of what this job has begun to download; the next one goes on from there."""
    for copy in Copy.there(job.store, job_id=job.id):
        if copy.next_path:
            _let_next_go(job.store, copy)
        else:
            copy.fail(job.store, reason)


def claim(job: Job, pool: Pool, template: Template) -> tuple[Copy, bool]:
    """The copy, and whether this job is now the one that downloads it."""
    store = job.store
    with store.change():
        copy = Copy.first(store, pool_id=pool.id, template_id=template.id)
        if copy is None:
            name = _new_name(template)
            copy = Copy.add(
                store,
                pool_id=pool.id,
                template_id=template.id,
                local_path=name,
                install_path=name,
                created=now(),
                updated=now(),
            )
        elif copy.download_state == DownloadState.DOWNLOADED or _is_others(job, copy):
            return copy, False
        copy.begin(store, job.id)
        return copy.again(store), True


def _is_others(job: Job, copy: Copy) -> bool:
    """Whether another job is busy with this copy, and alive."""
    return copy.job_id not in (None, job.id) and is_running(job.lab, copy.job_id)


def claim_next(job: Job, copy: Copy) -> bool:
    """Take the right to fetch a newer version; one that somebody began is gone on with."""
    with job.store.change():
        copy = copy.again(job.store)
        if _is_others(job, copy):
            return False
        name = copy.next_path or new_uuid() + copy.install_path[36:]
        copy.update(job.store, job_id=job.id, next_path=name)
        return True


def _let_next_go(store: Store, copy: Copy) -> None:
    """The copy stays what it was; what was fetched of a newer one goes."""
    if copy.next_path:
        with store.change():
            copy.orphan(store, copy.next_path)
            copy.update(store, job_id=None, next_path=None)


def _new_name(template: Template) -> str:
    return new_uuid() + (".iso" if template.is_iso else "")


def distrust(job: Job, pool: Pool, template: Template, copy: Copy) -> None:
    """Mark a copy as absent; the next one gets another name, since disks may stand on this one:
    they must never find other bytes under the name that they know."""
    with job.store.change():
        if not copy.distrust(job.store, _new_name(template)):
            return  # another job was faster
        copy.orphan(job.store, copy.install_path)
    record(
        job.call,
        "TEMPLATE.DOWNLOAD.AGAIN",
        f"The copy of {template.name} on {pool.name} ({copy.install_path}) is gone or was "
        "changed behind the lab's back; it is downloaded again",
        template,
        level="WARN",
    )


def _show(job: Job, copy: Copy) -> None:
    """What the owner of a download shows, shown by one who waits for it."""
    progress = AsyncJob.of(job.store, copy.job_id).told_progress if copy.job_id else {}
    progress.pop("phase", None)
    job.progress("Waiting for another job's download", **progress)


def _download(job: Job, host: OpenHost, pool: Pool, template: Template, copy: Copy) -> Copy:
    try:
        return _bring(job, host, pool, template, copy, copy.install_path)
    except BaseException as problem:
        reason = problem.message if isinstance(problem, AgentFailure) else str(problem)
        copy.fail(job.store, reason)
        raise


def _bring(job: Job, host: OpenHost, pool: Pool, template: Template, copy: Copy, name: str) -> Copy:
    """Fetch a template's file as `name`, and record it as the copy."""
    twin = None if copy.next_path else _twin(job, host, pool, template, name)
    found = twin or _fetched(job, host, pool, template, copy, name)
    return settle(job.store, copy, name, found)


def _twin(job: Job, host: OpenHost, pool: Pool, template: Template, name: str) -> Json | None:
    """Another template's copy with the same digest on this pool, under this name too."""
    if not template.checksum:
        return None
    for other in Copy.twins(job.store, pool, template):
        if host.agent.ask(
            "link", pool=pool.path, name=name, known=other.facts, other=other.install_path
        ):
            return {
                "template_size": other.template_size,
                "physical_size": other.physical_size,
                "inode": other.inode,
                "mtime": other.mtime,
                "served_digest": other.served_digest,
                "stored_digest": other.stored_digest,
                "checksum": template.checksum,
                # Not its validators: they are of another URL.
                **dict.fromkeys(("mirrors", "url", "etag", "last_modified")),
            }
    return None


def _fetched(
    job: Job, host: OpenHost, pool: Pool, template: Template, copy: Copy, name: str
) -> Json:
    """Let the agent download it; what it found, as columns of the row."""
    store = job.store
    if template.direct_download:
        request = order(store, template, pool.path, name, host.location, host.limits)
    else:
        request = order_from_store(store, template, pool, name, host.limits)
    try:
        strike(job.call, "download", host.row)
        done = host.agent.ask("fetch", progress_teller(job, copy), **request)
    except AgentFailure:
        raise
    except BaseException:
        host.drop_agent()  # it would go on with what nobody waits for
        raise
    for warning in done["warnings"]:
        job.warn(f"{template.name}: {warning}.")
    if done["story"]:
        told = "; ".join(f"{step['mirror']}: {step['reason']}" for step in done["story"])
        record(
            job.call,
            "TEMPLATE.DOWNLOAD",
            f"{template.name} came to host {host.name} in spite of: {told}",
            template,
            level="WARN",
        )
    return {
        "template_size": done["virtual_size"],
        "physical_size": done["size"],
        "inode": done["inode"],
        "mtime": done["mtime"],
        "served_digest": done["served_digest"],
        "stored_digest": done["stored_digest"],
        "checksum": template.checksum,
        "mirrors": json.dumps(done["mirrors"]),
        "url": done["url"],
        "etag": done["etag"] or None,
        "last_modified": done["last_modified"] or None,
    }


def progress_teller(job: Job, copy: Copy | StoredCopy) -> Callable[[Json], None]:
    """What takes an agent's progress: the job shows it, and once a second the row's percentage."""
    told = 0.0

    def tell(progress: Json) -> None:
        nonlocal told
        phase = str(progress.pop("phase", "Downloading"))
        job.progress(phase, **progress)
        if progress.get("total") and time.monotonic() - told > 1:
            told = time.monotonic()
            percent = int(100 * progress["bytes"] / progress["total"])
            copy.update(job.store, download_pct=min(percent, 99))

    return tell


def settle(store: Store, copy: Copy, name: str, found: Json) -> Copy:
    """The file `name` is the copy now; one that it replaces goes when no disk stands on it."""
    with store.change():
        copy = copy.again(store)  # it may have been distrusted meanwhile
        if name != copy.install_path:
            copy.orphan(store, copy.install_path)
        copy.settle(store, name, found)
    return copy.again(store)
