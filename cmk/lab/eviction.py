"""Deleting templates and ISOs, and their copies that no disk stands on."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from cmk.lab.events import record
from cmk.lab.host import Host
from cmk.lab.jobs import Job, Work
from cmk.lab.store import now

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
    collect(job.lab)
    label = "ISO" if template["format"] == "ISO" else "Template"
    record(
        job.lab, f"{label.upper()}.DELETE", f"Deleted {template['name']}", label, template["uuid"]
    )
    return {"success": True, "displaytext": f"{label} {template['name']} is deleted"}


def nothing_to_undo(job: Job, reason: str) -> None:
    """A deletion that stopped half-way stands; the same call again finishes it."""


def collect(lab: Lab) -> None:
    """Remove the copies of deleted templates that no disk and no drive uses any more.

    A zone's registration that is gone counts for the pools of that zone only.
    """
    copies = lab.store.rows(
        "SELECT c.*, s.path, s.host_id FROM template_spool_ref c "
        "JOIN storage_pool s ON s.id = c.pool_id "
        "WHERE NOT EXISTS (SELECT 1 FROM template_zone_ref r WHERE r.template_id = c.template_id "
        "  AND r.zone_id = s.data_center_id AND r.removed IS NULL) "
        "AND NOT EXISTS (SELECT 1 FROM volumes v WHERE v.pool_id = c.pool_id "
        "  AND v.base_path = c.install_path AND v.removed IS NULL) "
        "AND NOT EXISTS (SELECT 1 FROM vm_instance m WHERE m.iso_id = c.template_id "
        "  AND m.removed IS NULL AND m.state <> 'Error')"
    )
    for copy in copies:
        _evict(lab, copy)


def _evict(lab: Lab, copy: sqlite3.Row) -> None:
    with Host.of(lab, copy["host_id"]) as host:
        host.agent.ask("remove", pool=copy["path"], name=copy["install_path"])
    lab.store.execute("DELETE FROM template_spool_ref WHERE id = ?", copy["id"])


DELETE_TEMPLATE = Work(delete, nothing_to_undo)
DELETE_ISO = Work(delete, nothing_to_undo)
