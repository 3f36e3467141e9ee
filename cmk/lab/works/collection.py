"""Deleting templates and ISOs, and whatever of them on pools and image stores nothing needs.

A copy goes in two steps: in one transaction its row is deleted and its file becomes an *orphan*;
then the file is removed, when no disk stands on it, and with it the orphan's row. A kill between
the two leaves an orphan, which the next worker collects.
"""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, Any

from cmk.errors import Unreachable
from cmk.lab.events import record
from cmk.lab.hosts.host import AgentFailure
from cmk.lab.hosts.pools import any_host
from cmk.lab.jobs import Job, Work
from cmk.lab.settings import flag, number
from cmk.lab.store import now, timestamp
from cmk.lab.works import leftover as residue
from cmk.lab.works.spool import orphan

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

Json = dict[str, Any]


def delete(job: Job) -> Json:
    """Unregister a template in one zone or all, then remove what it left on the pools."""
    store = job.lab.store
    template = store.one("SELECT * FROM vm_template WHERE id = ?", job.instance_id)
    assert template is not None  # the job was made for it
    with store.change():
        if job.info["zoneid"]:
            store.execute(
                "UPDATE template_zone_ref SET removed = ? WHERE template_id = ? AND zone_id = "
                "(SELECT id FROM data_center WHERE uuid = ?)",
                now(),
                template["id"],
                job.info["zoneid"],
            )
        else:
            store.execute(
                "UPDATE template_zone_ref SET removed = ? WHERE template_id = ?",
                now(),
                template["id"],
            )
        left = "SELECT 1 FROM template_zone_ref WHERE template_id = ? AND removed IS NULL"
        if not store.value(left, template["id"]):
            store.update("vm_template", template["id"], state="Inactive", removed=now())
    job.progress("Removing copies from primary storage")
    forget_unregistered(job.lab)
    remove_orphans(job.lab)
    remove_from_stores(job.lab)
    label = "ISO" if template["format"] == "ISO" else "Template"
    record(
        job.lab, f"{label.upper()}.DELETE", f"Deleted {template['name']}", label, template["uuid"]
    )
    return {"success": True, "displaytext": f"{label} {template['name']} is deleted"}


def nothing_to_undo(job: Job, reason: str) -> None:
    """A deletion that stopped half-way stands; the same call again finishes it."""


#: No disk, no drive, no download and no VM in the making needs this copy (`c`, on the pool `s`).
_IDLE = (
    "NOT EXISTS (SELECT 1 FROM volumes v WHERE v.pool_id = c.pool_id "
    "  AND v.base_path = c.install_path AND v.removed IS NULL) "
    "AND NOT EXISTS (SELECT 1 FROM vm_instance m WHERE m.iso_id = c.template_id "
    "  AND m.removed IS NULL AND m.state <> 'Error') "
    "AND NOT EXISTS (SELECT 1 FROM async_job j WHERE j.id = c.job_id AND j.job_status = 0) "
    "AND NOT EXISTS (SELECT 1 FROM async_job j WHERE j.job_status = 0 "
    "  AND j.instance_type IN ('Template', 'Iso') AND j.instance_id = c.template_id "
    "  AND j.job_cmd NOT LIKE 'delete%') "
    "AND NOT EXISTS (SELECT 1 FROM volumes v JOIN async_job j ON j.instance_id = v.instance_id "
    "  AND j.instance_type = 'VirtualMachine' AND j.job_status = 0 "
    "  AND j.job_cmd NOT IN ('destroyVirtualMachine', 'expungeVirtualMachine') "
    "  WHERE v.template_id = c.template_id AND v.removed IS NULL)"
)
_COPIES = "template_spool_ref c JOIN storage_pool s ON s.id = c.pool_id"
_UNREGISTERED = (
    "NOT EXISTS (SELECT 1 FROM template_zone_ref r WHERE r.template_id = c.template_id "
    "AND r.zone_id = s.data_center_id AND r.removed IS NULL)"
)


def forget_unregistered(lab: Lab) -> None:
    """Let go of the copies of templates that are not registered in the pool's zone any more."""
    _forget(lab, f"{_UNREGISTERED} AND {_IDLE}")


def unused(lab: Lab) -> list[sqlite3.Row]:
    """The finished copies that nothing needs at this moment, with their pools and templates."""
    return lab.store.rows(
        "SELECT c.*, s.path AS directory, s.name AS pool, t.name AS template, t.uuid AS templateid "
        f"FROM {_COPIES} JOIN vm_template t ON t.id = c.template_id "
        f"WHERE c.download_state <> 'DOWNLOAD_IN_PROGRESS' AND {_IDLE} ORDER BY c.id"
    )


def forget_unused(lab: Lab, since: str = "") -> None:
    """Let go of copies that nothing needs; with `since`, of those marked so then or earlier."""
    marked = f"c.marked_for_gc <= '{since}'" if since else "1"
    _forget(lab, f"c.download_state <> 'DOWNLOAD_IN_PROGRESS' AND {marked} AND {_IDLE}")


def _forget(lab: Lab, condition: str) -> None:
    store = lab.store
    with store.change():
        for copy in store.rows(f"SELECT c.* FROM {_COPIES} WHERE {condition}"):
            orphan(store, copy, copy["install_path"])
            store.execute("DELETE FROM template_spool_ref WHERE id = ?", copy["id"])


def orphans(lab: Lab) -> list[sqlite3.Row]:
    """The files of pools that nothing names and no disk stands on."""
    return lab.store.rows(
        "SELECT c.id, c.path AS install_path, c.pool_id, s.path AS directory, s.name AS pool, "
        "t.name AS template, t.uuid AS templateid FROM orphan c "
        "JOIN storage_pool s ON s.id = c.pool_id JOIN vm_template t ON t.id = c.template_id "
        "WHERE NOT EXISTS (SELECT 1 FROM volumes v WHERE v.pool_id = c.pool_id "
        "  AND v.base_path = c.path AND v.removed IS NULL) "
        "AND NOT EXISTS (SELECT 1 FROM vm_instance m WHERE m.iso_id = c.template_id "
        "  AND m.removed IS NULL AND m.state <> 'Error') "
        "AND NOT EXISTS (SELECT 1 FROM volumes v JOIN async_job j ON j.instance_id = v.instance_id "
        "  AND j.instance_type = 'VirtualMachine' AND j.job_status = 0 "
        "  AND j.job_cmd NOT IN ('destroyVirtualMachine', 'expungeVirtualMachine') "
        "  WHERE v.template_id = c.template_id AND v.removed IS NULL) ORDER BY c.id"
    )


def remove_orphans(lab: Lab) -> None:
    """Remove such files; one whose host or pool cannot be reached waits for the next time."""
    for file in orphans(lab):
        try:
            with any_host(lab, file["pool_id"]) as host:
                host.agent.ask("remove", pool=file["directory"], name=file["install_path"])
        except (AgentFailure, Unreachable) as problem:
            lab.environment.say(f"{file['install_path']} on {file['pool']}: {problem.message}")
            continue
        lab.store.execute("DELETE FROM orphan WHERE id = ?", file["id"])


def remove_from_stores(lab: Lab) -> None:
    """Remove from image stores what is not registered in their zone any more."""
    from cmk.lab.works.secondary_storage import local_agent

    gone = lab.store.rows(
        "SELECT r.id, r.install_path, s.path FROM template_store_ref r "
        "JOIN image_store s ON s.id = r.store_id WHERE NOT EXISTS (SELECT 1 "
        "FROM template_zone_ref z WHERE z.template_id = r.template_id "
        "AND z.zone_id = s.data_center_id AND z.removed IS NULL)"
    )
    for copy in gone:
        if copy["install_path"]:
            with local_agent() as agent:
                agent.ask("remove", pool=copy["path"], name=copy["install_path"])
        lab.store.execute("DELETE FROM template_store_ref WHERE id = ?", copy["id"])


def tidy(lab: Lab) -> None:
    """What a worker does before it leaves, as the settings storage.*cleanup* say: mark copies that
    became unused, and collect what has been so for longer than the interval."""
    store = lab.store
    if not flag(store, "storage.cleanup.enabled"):
        return
    if flag(store, "storage.template.cleanup.enabled"):
        interval = number(store, "storage.cleanup.interval")
        store.execute(
            "UPDATE template_spool_ref SET marked_for_gc = ? WHERE id IN "
            f"(SELECT c.id FROM {_COPIES} WHERE c.marked_for_gc IS NULL "
            f"AND c.download_state = 'DOWNLOADED' AND {_IDLE})",
            now(),
        )
        forget_unused(lab, since=timestamp(time.time() - interval))
    forget_unregistered(lab)
    remove_orphans(lab)
    residue.collect(lab)
    expunge_overdue(lab)


def expunge_overdue(lab: Lab) -> None:
    """Queue the expunging of destroyed VMs whose time is over."""
    for vm in overdue(lab):
        lab.call("expungeVirtualMachine", {"id": vm["uuid"]})


def overdue(lab: Lab) -> list[sqlite3.Row]:
    """VMs that were destroyed longer ago than expunge.delay, and that no job is about."""
    since = timestamp(time.time() - number(lab.store, "expunge.delay"))
    return lab.store.rows(
        "SELECT * FROM vm_instance v WHERE state = 'Destroyed' AND removed IS NULL "
        "AND update_time <= ? AND NOT EXISTS (SELECT 1 FROM async_job j WHERE j.job_status = 0 "
        "AND j.instance_type = 'VirtualMachine' AND j.instance_id = v.id) ORDER BY id",
        since,
    )


DELETE_TEMPLATE = Work(delete, nothing_to_undo)
DELETE_ISO = Work(delete, nothing_to_undo)
