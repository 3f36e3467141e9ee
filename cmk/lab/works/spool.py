"""Copies of templates on storage pools: one row of template_spool_ref each, one download each.

    NOT_DOWNLOADED -> DOWNLOAD_IN_PROGRESS -> DOWNLOADED      (or DOWNLOAD_ERROR, with the reason)

A row belongs to the job that downloads, for as long as that job's lock is held; a job that finds
it so waits and shows how far the other is. Nothing is trusted for its row alone: the file must be
there, as it was when it was recorded. A newer version of a copy (`refresh`) is fetched under
another name (`next_path`) while the copy stays in use, and takes its place at the end.
"""

from __future__ import annotations

import json
import sqlite3
import time
from typing import Any

from cmk.lab.events import record
from cmk.lab.hosts.host import AgentFailure, Host
from cmk.lab.jobs import Job, is_running
from cmk.lab.store import Store, new_uuid, now
from cmk.lab.works.order import order, order_from_store

Json = dict[str, Any]

#: Seconds between two looks at a download that another job is busy with.
PATIENCE = 0.05


def ensure(job: Job, host: Host, pool: sqlite3.Row, template: sqlite3.Row) -> sqlite3.Row:
    """The row of a template's copy that is on the pool, downloaded first where it has to be.

    Raises AgentFailure with the story of the download, CmkError where the setting
    direct.download.check.upstream forbids a copy whose origin has changed.
    """
    job.progress("Looking for the template on the pool")
    while True:
        ref, mine = _claim(job, pool, template)
        if mine:
            return _download(job, host, pool, template, ref)
        if ref["download_state"] == "DOWNLOADED":
            if _as_recorded(host, pool, ref):
                job.lab.store.update("template_spool_ref", ref["id"], marked_for_gc=None)
                return _checked_upstream(job, host, pool, template, ref)
            _distrust(job, pool, template, ref)
            continue
        _show(job, ref)
        time.sleep(PATIENCE)


def refresh(job: Job, host: Host, pool: sqlite3.Row, template: sqlite3.Row) -> sqlite3.Row:
    """The row after what its URL serves now was fetched beside the copy and took its place.

    Where there is no copy yet it is downloaded as ever. Raises AgentFailure; the copy stays then.
    """
    ref = find(job.lab.store, pool, template)
    if ref is None or ref["download_state"] != "DOWNLOADED":
        return ensure(job, host, pool, template)
    from cmk.lab.works.registration import look_again

    look_again(host, template)
    [template] = job.lab.store.rows("SELECT * FROM vm_template WHERE id = ?", template["id"])
    while not _claim_next(job, ref):
        _show(job, _row(job.lab.store, ref["id"]))
        time.sleep(PATIENCE)
    ref = _row(job.lab.store, ref["id"])
    try:
        fresh = _bring(job, host, pool, template, ref, ref["next_path"])
        same = fresh["stored_digest"] == ref["stored_digest"]
        record(
            job.lab,
            "TEMPLATE.REFRESH",
            f"Fetched {template['name']} anew to {pool['name']}: "
            + ("the same bytes" if same else "another version; VMs keep theirs"),
            "Template",
            template["uuid"],
        )
        return fresh
    except BaseException:
        _let_next_go(job.lab.store, _row(job.lab.store, ref["id"]))
        raise


def find(store: Store, pool: sqlite3.Row, template: sqlite3.Row) -> sqlite3.Row | None:
    """The row of a template's copy on a pool."""
    return store.one(
        "SELECT * FROM template_spool_ref WHERE pool_id = ? AND template_id = ?",
        pool["id"],
        template["id"],
    )


def give_up(job: Job, reason: str) -> None:
    """Let go of what this job has begun to download; the next one goes on from there."""
    store = job.lab.store
    for ref in store.rows("SELECT * FROM template_spool_ref WHERE job_id = ?", job.id):
        if ref["next_path"]:
            _let_next_go(store, ref)
        else:
            _failed(store, ref, reason)


def orphan(store: Store, ref: sqlite3.Row, path: str) -> None:
    """Note that nothing names this file of a pool any more; cmk.lab.works.collection removes it."""
    store.execute(
        "INSERT OR IGNORE INTO orphan (pool_id, path, template_id) VALUES (?, ?, ?)",
        ref["pool_id"],
        path,
        ref["template_id"],
    )


def _row(store: Store, id: int) -> sqlite3.Row:
    row = store.one("SELECT * FROM template_spool_ref WHERE id = ?", id)
    assert row is not None  # a row that a job works with is not evicted
    return row


def _claim(job: Job, pool: sqlite3.Row, template: sqlite3.Row) -> tuple[sqlite3.Row, bool]:
    """The row, and whether this job is now the one that downloads."""
    store = job.lab.store
    with store.change():
        ref = find(store, pool, template)
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
        elif ref["download_state"] == "DOWNLOADED" or _is_others(job, ref):
            return ref, False
        store.execute(
            "UPDATE template_spool_ref SET job_id = ?, state = 'Creating', updated = ?, "
            "download_state = 'DOWNLOAD_IN_PROGRESS', download_pct = 0, error_str = NULL "
            "WHERE pool_id = ? AND template_id = ?",
            job.id,
            now(),
            pool["id"],
            template["id"],
        )
        found = find(store, pool, template)
        assert found is not None  # it was just written
        return found, True


def _is_others(job: Job, ref: sqlite3.Row) -> bool:
    """Whether another job is busy with this row, and alive."""
    return ref["job_id"] not in (None, job.id) and is_running(job.lab, ref["job_id"])


def _claim_next(job: Job, ref: sqlite3.Row) -> bool:
    """Take the right to fetch a newer version; one that somebody began is gone on with."""
    store = job.lab.store
    with store.change():
        ref = _row(store, ref["id"])
        if _is_others(job, ref):
            return False
        name = ref["next_path"] or new_uuid() + ref["install_path"][36:]
        store.update("template_spool_ref", ref["id"], job_id=job.id, next_path=name)
        return True


def _let_next_go(store: Store, ref: sqlite3.Row) -> None:
    """The copy stays what it was; what was fetched of a newer one goes."""
    if ref["next_path"]:
        with store.change():
            orphan(store, ref, ref["next_path"])
            store.update("template_spool_ref", ref["id"], job_id=None, next_path=None)


def _new_name(template: sqlite3.Row) -> str:
    return new_uuid() + (".iso" if template["format"] == "ISO" else "")


def _as_recorded(host: Host, pool: sqlite3.Row, ref: sqlite3.Row) -> bool:
    found = host.agent.ask("facts", pool=pool["path"], name=ref["install_path"])
    return bool(found == _facts(ref))


def _facts(ref: sqlite3.Row) -> Json:
    return {"size": ref["physical_size"], "inode": ref["inode"], "mtime": ref["mtime"]}


def _checked_upstream(
    job: Job, host: Host, pool: sqlite3.Row, template: sqlite3.Row, ref: sqlite3.Row
) -> sqlite3.Row:
    from cmk.lab.works.upstream import must_refresh

    if must_refresh(job, host, template, ref):
        return refresh(job, host, pool, template)
    return ref


def _distrust(job: Job, pool: sqlite3.Row, template: sqlite3.Row, ref: sqlite3.Row) -> None:
    """Mark a copy as absent; the next one gets another name, since disks may stand on this one:
    they must never find other bytes under the name that they know."""
    store = job.lab.store
    name = _new_name(template)
    with store.change():
        gone = store.execute(
            "UPDATE template_spool_ref SET state = 'Allocated', download_state = 'NOT_DOWNLOADED', "
            "job_id = CASE WHEN next_path IS NULL THEN NULL ELSE job_id END, "
            "install_path = ?, local_path = ?, updated = ? "
            "WHERE id = ? AND download_state = 'DOWNLOADED' AND install_path = ?",
            name,
            name,
            now(),
            ref["id"],
            ref["install_path"],
        )
        if not gone:
            return  # another job was faster
        orphan(store, ref, ref["install_path"])
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
    try:
        return _bring(job, host, pool, template, ref, ref["install_path"])
    except BaseException as problem:
        reason = problem.message if isinstance(problem, AgentFailure) else str(problem)
        _failed(job.lab.store, ref, reason)
        raise


def _bring(
    job: Job, host: Host, pool: sqlite3.Row, template: sqlite3.Row, ref: sqlite3.Row, name: str
) -> sqlite3.Row:
    """Fetch a template's file as `name`, and record it as the copy."""
    twin = None if ref["next_path"] else _twin(job, host, pool, template, name)
    found = twin or _fetched(job, host, pool, template, ref, name)
    return _settle(job.lab.store, ref, name, found)


def _twin(job: Job, host: Host, pool: sqlite3.Row, template: sqlite3.Row, name: str) -> Json | None:
    """Another template's copy with the same digest on this pool, under this name too."""
    if not template["checksum"]:
        return None
    known = job.lab.store.rows(
        "SELECT c.* FROM template_spool_ref c JOIN vm_template t ON t.id = c.template_id "
        "WHERE c.pool_id = ? AND c.template_id <> ? AND c.download_state = 'DOWNLOADED' "
        "AND t.format = ? AND (c.checksum = ? OR '{SHA-256}' || c.served_digest = ?)",
        pool["id"],
        template["id"],
        template["format"],
        template["checksum"],
        template["checksum"],
    )
    for other in known:
        facts = {"known": _facts(other), "other": other["install_path"]}
        if host.agent.ask("link", pool=pool["path"], name=name, **facts):
            # Not its validators: they are of another URL.
            columns = "template_size physical_size inode mtime served_digest stored_digest"
            return {
                **{column: other[column] for column in columns.split()},
                **dict.fromkeys(("mirrors", "url", "etag", "last_modified")),
                "checksum": template["checksum"],
            }
    return None


def _fetched(
    job: Job, host: Host, pool: sqlite3.Row, template: sqlite3.Row, ref: sqlite3.Row, name: str
) -> Json:
    """Let the agent download it; what it found, as columns of the row."""
    store = job.lab.store
    if template["direct_download"]:
        request = order(store, template, pool["path"], name, host.location, host.limits)
    else:
        request = order_from_store(store, template, pool, name, host.limits)
    try:
        done = host.agent.ask(
            "fetch", progress_teller(job, "template_spool_ref", ref["id"]), **request
        )
    except AgentFailure:
        raise
    except BaseException:
        host.drop_agent()  # it would go on with what nobody waits for
        raise
    for warning in done["warnings"]:
        job.warn(f"{template['name']}: {warning}.")
    if done["story"]:
        told = "; ".join(f"{step['mirror']}: {step['reason']}" for step in done["story"])
        record(
            job.lab,
            "TEMPLATE.DOWNLOAD",
            f"{template['name']} came to host {host.name} in spite of: {told}",
            "Template",
            template["uuid"],
            level="WARN",
        )
    return {
        "template_size": done["virtual_size"],
        "physical_size": done["size"],
        "inode": done["inode"],
        "mtime": done["mtime"],
        "served_digest": done["served_digest"],
        "stored_digest": done["stored_digest"],
        "checksum": template["checksum"],
        "mirrors": json.dumps(done["mirrors"]),
        "url": done["url"],
        "etag": done["etag"] or None,
        "last_modified": done["last_modified"] or None,
    }


def progress_teller(job: Job, table: str, id: int) -> Any:
    """What takes an agent's progress: the job shows it, and once a second the row's percentage."""
    told = 0.0

    def tell(progress: Json) -> None:
        nonlocal told
        phase = str(progress.pop("phase", "Downloading"))
        job.progress(phase, **progress)
        if progress.get("total") and time.monotonic() - told > 1:
            told = time.monotonic()
            percent = int(100 * progress["bytes"] / progress["total"])
            job.lab.store.update(table, id, download_pct=min(percent, 99))

    return tell


def _settle(store: Store, ref: sqlite3.Row, name: str, found: Json) -> sqlite3.Row:
    """The file `name` is the copy now; one that it replaces goes when no disk stands on it."""
    with store.change():
        ref = _row(store, ref["id"])  # it may have been distrusted meanwhile
        if name != ref["install_path"]:
            orphan(store, ref, ref["install_path"])
        store.update(
            "template_spool_ref",
            ref["id"],
            state="Ready",
            download_state="DOWNLOADED",
            download_pct=100,
            error_str=None,
            job_id=None,
            updated=now(),
            install_path=name,
            local_path=name,
            next_path=None,
            stale=0,
            **found,
        )
    return _row(store, ref["id"])


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
