"""Deleting templates and ISOs, and their copies that no disk stands on."""

from __future__ import annotations

from typing import Any

from cmk.lab.events import record
from cmk.lab.host import Host
from cmk.lab.jobs import Job, Work
from cmk.lab.store import now

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
    collect(job)
    label = "ISO" if template["format"] == "ISO" else "Template"
    record(
        job.lab, f"{label.upper()}.DELETE", f"Deleted {template['name']}", label, template["uuid"]
    )
    return {"success": True, "displaytext": f"{label} {template['name']} is deleted"}


def nothing_to_undo(job: Job, reason: str) -> None:
    """A deletion that stopped half-way stands; the same call again finishes it."""


#: Copies that nothing needs: not registered in the pool's zone any more, and no disk, no drive, no
#: download under way, and no VM in the making stands on them.
_UNUSED = (
    "NOT EXISTS (SELECT 1 FROM template_zone_ref r WHERE r.template_id = c.template_id "
    "  AND r.zone_id = s.data_center_id AND r.removed IS NULL) "
    "AND NOT EXISTS (SELECT 1 FROM volumes v WHERE v.pool_id = c.pool_id "
    "  AND v.base_path = c.install_path AND v.removed IS NULL) "
    "AND NOT EXISTS (SELECT 1 FROM vm_instance m WHERE m.iso_id = c.template_id "
    "  AND m.removed IS NULL AND m.state <> 'Error') "
    "AND NOT EXISTS (SELECT 1 FROM async_job j WHERE j.id = c.job_id AND j.job_status = 0) "
    "AND NOT EXISTS (SELECT 1 FROM volumes v JOIN async_job j ON j.instance_id = v.instance_id "
    "  AND j.instance_type = 'VirtualMachine' AND j.job_status = 0 AND j.id <> :job "
    "  WHERE v.template_id = c.template_id AND v.removed IS NULL)"
)


def collect(job: Job) -> None:
    """Remove the copies of deleted templates that nothing uses any more.

    They are marked in one transaction with the look: a job that wants such a copy from then on
    downloads under another name. Old bases that were replaced go too.
    """
    store = job.lab.store
    with store.change():
        copies = store.rows(
            "SELECT c.*, s.path, s.host_id FROM template_spool_ref c "
            f"JOIN storage_pool s ON s.id = c.pool_id WHERE {_UNUSED}".replace(":job", "?"),
            job.id,
        )
        for copy in copies:
            store.update(
                "template_spool_ref",
                copy["id"],
                state="Destroying",
                download_state="NOT_DOWNLOADED",
            )
        bases = store.rows(
            "SELECT DISTINCT v.base_path AS install_path, s.path, s.host_id FROM volumes v "
            "JOIN storage_pool s ON s.id = v.pool_id WHERE v.removed IS NOT NULL "
            "AND v.base_path IS NOT NULL "
            "AND NOT EXISTS (SELECT 1 FROM volumes o WHERE o.pool_id = v.pool_id "
            "  AND o.base_path = v.base_path AND o.removed IS NULL) "
            "AND NOT EXISTS (SELECT 1 FROM template_spool_ref c WHERE c.pool_id = v.pool_id "
            "  AND c.install_path = v.base_path)"
        )
        for base in bases:
            store.execute(
                "UPDATE volumes SET base_path = NULL WHERE base_path = ? AND removed IS NOT NULL",
                base["install_path"],
            )
    for gone in (*copies, *bases):
        with Host.of(job.lab, gone["host_id"]) as host:
            host.agent.ask("remove", pool=gone["path"], name=gone["install_path"])
    for copy in copies:
        store.execute(
            "DELETE FROM template_spool_ref WHERE id = ? AND state = 'Destroying'", copy["id"]
        )


DELETE_TEMPLATE = Work(delete, nothing_to_undo)
DELETE_ISO = Work(delete, nothing_to_undo)
