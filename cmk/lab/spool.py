"""Copies of templates on storage pools: one row of template_spool_ref each, one download each.

    NOT_DOWNLOADED -> DOWNLOAD_IN_PROGRESS -> DOWNLOADED      (or DOWNLOAD_ERROR, with the reason)

A row belongs to the job that downloads, for as long as that job's lock is held; a job that finds
it so waits and shows how far the other is. Nothing is trusted for its row alone: the file must be
there, as it was when it was recorded.
"""

from __future__ import annotations

import json
import sqlite3
import time
from typing import Any

from cmk.lab.checksum import parse
from cmk.lab.events import record
from cmk.lab.headers import headers_of
from cmk.lab.host import AgentFailure, Host
from cmk.lab.jobs import Job, is_running
from cmk.lab.metalink import Metalink, ordered
from cmk.lab.registration import limits
from cmk.lab.settings import number
from cmk.lab.store import Store, new_uuid, now

Json = dict[str, Any]

#: Seconds between two looks at a download that another job is busy with.
PATIENCE = 0.05


def ensure(job: Job, host: Host, pool: sqlite3.Row, template: sqlite3.Row) -> sqlite3.Row:
    """The row of a template's copy that is on the pool, downloaded first where it has to be.

    Raises AgentFailure with the story of the download.
    """
    job.progress("Looking for the template on the pool")
    while True:
        ref, mine = _claim(job, pool, template)
        if mine:
            return _download(job, host, pool, template, ref)
        if ref["download_state"] == "DOWNLOADED":
            if _as_recorded(host, pool, ref):
                return ref
            _distrust(job, pool, template, ref)
            continue
        _show(job, ref)
        time.sleep(PATIENCE)


def _claim(job: Job, pool: sqlite3.Row, template: sqlite3.Row) -> tuple[sqlite3.Row, bool]:
    """The row, and whether this job is now the one that downloads."""
    store = job.lab.store
    with store.change():
        ref = _find(store, pool, template)
        if ref is None:
            name = _new_name(template)
            store.insert(
                "template_spool_ref",
                uuid=new_uuid(),
                pool_id=pool["id"],
                template_id=template["id"],
                job_id=job.id,
                local_path=name,
                install_path=name,
                created=now(),
                updated=now(),
            )
        elif ref["download_state"] == "DOWNLOADED" or (
            ref["job_id"] not in (None, job.id) and is_running(job.lab, ref["job_id"])
        ):
            return ref, False
        elif ref["state"] == "Destroying":  # its file may vanish at any moment
            name = _new_name(template)
            store.update("template_spool_ref", ref["id"], local_path=name, install_path=name)
        store.execute(
            "UPDATE template_spool_ref SET job_id = ?, state = 'Creating', updated = ?, "
            "download_state = 'DOWNLOAD_IN_PROGRESS', download_pct = 0, error_str = NULL "
            "WHERE pool_id = ? AND template_id = ?",
            job.id,
            now(),
            pool["id"],
            template["id"],
        )
        found = _find(store, pool, template)
        assert found is not None  # it was just written
        return found, True


def _find(store: Store, pool: sqlite3.Row, template: sqlite3.Row) -> sqlite3.Row | None:
    return store.one(
        "SELECT * FROM template_spool_ref WHERE pool_id = ? AND template_id = ?",
        pool["id"],
        template["id"],
    )


def _new_name(template: sqlite3.Row) -> str:
    return new_uuid() + (".iso" if template["format"] == "ISO" else "")


def _as_recorded(host: Host, pool: sqlite3.Row, ref: sqlite3.Row) -> bool:
    facts = host.agent.ask("facts", pool=pool["path"], name=ref["install_path"])
    recorded = {"size": ref["physical_size"], "inode": ref["inode"], "mtime": ref["mtime"]}
    return bool(facts == recorded)


def _distrust(job: Job, pool: sqlite3.Row, template: sqlite3.Row, ref: sqlite3.Row) -> None:
    """Mark a copy as absent. Where disks stand on it, the next one gets another name: they must
    never find other bytes under the name that they know."""
    store = job.lab.store
    with store.change():
        used = store.value(
            "SELECT 1 FROM volumes WHERE pool_id = ? AND base_path = ? AND removed IS NULL",
            pool["id"],
            ref["install_path"],
        )
        name = _new_name(template) if used else ref["install_path"]
        store.execute(
            "UPDATE template_spool_ref SET state = 'Allocated', download_state = 'NOT_DOWNLOADED', "
            "job_id = NULL, install_path = ?, local_path = ?, updated = ? "
            "WHERE id = ? AND download_state = 'DOWNLOADED'",
            name,
            name,
            now(),
            ref["id"],
        )
    record(
        job.lab,
        "TEMPLATE.DOWNLOAD.AGAIN",
        f"The copy of {template['name']} on {pool['name']} ({ref['install_path']}) is gone or was "
        "changed behind the lab's back; it is downloaded again",
        "Template",
        template["uuid"],
        level="WARN",
    )


def _show(job: Job, ref: sqlite3.Row) -> None:
    """What the owner of a download shows, shown by one who waits for it."""
    text = job.lab.store.value("SELECT progress FROM async_job WHERE id = ?", ref["job_id"])
    progress: Json = json.loads(text) if text else {}
    progress.pop("phase", None)
    job.progress("Waiting for another job's download", **progress)


def _download(
    job: Job, host: Host, pool: sqlite3.Row, template: sqlite3.Row, ref: sqlite3.Row
) -> sqlite3.Row:
    store = job.lab.store
    told = 0.0

    def tell(progress: Json) -> None:
        nonlocal told
        phase = str(progress.pop("phase", "Downloading"))
        job.progress(phase, **progress)
        if progress.get("total") and time.monotonic() - told > 1:
            told = time.monotonic()
            percent = int(100 * progress["bytes"] / progress["total"])
            store.update("template_spool_ref", ref["id"], download_pct=percent, updated=now())

    try:
        done = host.agent.ask("fetch", tell, **_order(job, host, pool, template, ref))
    except BaseException as problem:
        _failed(store, ref, problem.message if isinstance(problem, AgentFailure) else str(problem))
        raise
    for warning in done["warnings"]:
        record(
            job.lab,
            "TEMPLATE.DOUBT",
            f"{template['name']}: {warning}",
            "Template",
            template["uuid"],
            level="WARN",
        )
    store.update(
        "template_spool_ref",
        ref["id"],
        state="Ready",
        download_state="DOWNLOADED",
        download_pct=100,
        error_str=None,
        job_id=None,
        updated=now(),
        template_size=done["virtual_size"],
        physical_size=done["size"],
        inode=done["inode"],
        mtime=done["mtime"],
        served_digest=done["served_digest"],
        stored_digest=done["stored_digest"],
        url=done["url"],
        etag=done["etag"] or None,
        last_modified=done["last_modified"] or None,
    )
    found = _find(store, pool, template)
    assert found is not None  # it was just written
    return found


def give_up(job: Job, reason: str) -> None:
    """Let go of what this job has begun to download; the next one goes on from there."""
    for ref in job.lab.store.rows("SELECT * FROM template_spool_ref WHERE job_id = ?", job.id):
        _failed(job.lab.store, ref, reason)


def _failed(store: Store, ref: sqlite3.Row, reason: str) -> None:
    store.update(
        "template_spool_ref",
        ref["id"],
        state="Allocated",
        download_state="DOWNLOAD_ERROR",
        error_str=reason,
        job_id=None,
        updated=now(),
    )


def _order(
    job: Job, host: Host, pool: sqlite3.Row, template: sqlite3.Row, ref: sqlite3.Row
) -> Json:
    """What the agent is told; headers and secrets go to its stdin only."""
    store = job.lab.store
    details = store.rows(
        "SELECT name, value FROM vm_template_details WHERE template_id = ?", template["id"]
    )
    order = {
        "pool": pool["path"],
        "name": ref["install_path"],
        "format": template["format"],
        "mirrors": [template["url"]],
        "headers": headers_of({row["name"]: row["value"] for row in details}),
        "origin": template["url"],
        "most": number(store, "storage.max.volume.size") << 30,
        "connections": number(store, "direct.download.connections"),
        "limits": limits(job.lab),
    }
    if template["checksum"]:
        checksum = parse(template["checksum"])
        order |= {"algorithm": checksum.algorithm, "digest": checksum.digest}
    if template["metalink"]:
        order |= _plan(Metalink.from_json(json.loads(template["metalink"])), host.location)
    return order


def _plan(metalink: Metalink, location: str) -> Json:
    """Mirrors, size and pieces of a metalink; its digest became the template's when it was read."""
    plan: Json = {"mirrors": ordered(metalink.mirrors, location), "size": metalink.size}
    if metalink.pieces:
        plan["pieces"] = {
            "algorithm": metalink.piece_algorithm,
            "length": metalink.piece_length,
            "digests": metalink.pieces,
        }
    return plan
