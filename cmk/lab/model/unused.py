"""What nothing needs: copies without a user, files without a name, VMs whose time is over."""

from __future__ import annotations

import time

from cmk.lab.model.copy import Copy
from cmk.lab.model.machine import Machine
from cmk.lab.model.record import Record
from cmk.lab.store import Store, now, timestamp

#: No VM in the making needs the template of `c`.
_NOT_AWAITED = (
    "NOT EXISTS (SELECT 1 FROM volumes v JOIN async_job j ON j.instance_id = v.instance_id "
    "  AND j.instance_type = 'VirtualMachine' AND j.job_status = 0 "
    "  AND j.job_cmd NOT IN ('destroyVirtualMachine', 'expungeVirtualMachine') "
    "  WHERE v.template_id = c.template_id AND v.removed IS NULL)"
)
#: No drive holds it.
_NOT_IN_A_DRIVE = (
    "NOT EXISTS (SELECT 1 FROM vm_instance m WHERE m.iso_id = c.template_id "
    "  AND m.removed IS NULL AND m.state <> 'Error')"
)
#: No disk, no drive, no download and no VM in the making needs the copy `c`.
_IDLE = (
    "NOT EXISTS (SELECT 1 FROM volumes v WHERE v.pool_id = c.pool_id "
    "  AND v.base_path = c.install_path AND v.removed IS NULL) "
    f"AND {_NOT_IN_A_DRIVE} "
    "AND NOT EXISTS (SELECT 1 FROM async_job j WHERE j.id = c.job_id AND j.job_status = 0) "
    "AND NOT EXISTS (SELECT 1 FROM async_job j WHERE j.job_status = 0 "
    "  AND j.instance_type IN ('Template', 'Iso') AND j.instance_id = c.template_id "
    "  AND j.job_cmd NOT LIKE 'delete%') "
    f"AND {_NOT_AWAITED}"
)
_SETTLED = "c.download_state <> 'DOWNLOAD_IN_PROGRESS'"


class PoolFile(Record):
    """A file of a pool that nothing needs: a copy, or an orphan, which nothing names any more."""

    THERE = "1"

    pool_id: int
    install_path: str
    #: The pool's path and name; the template's id and name.
    directory: str
    pool: str
    templateid: str
    template: str


_PLACES = "s.path AS directory, s.name AS pool, t.name AS template, t.uuid AS templateid"
_JOINED = "JOIN storage_pool s ON s.id = c.pool_id JOIN vm_template t ON t.id = c.template_id"


def unused_copies(store: Store) -> list[PoolFile]:
    """The finished copies that nothing needs at this moment."""
    rows = store.rows(
        f"SELECT c.*, {_PLACES} FROM template_spool_ref c {_JOINED} "
        f"WHERE {_SETTLED} AND {_IDLE} ORDER BY c.id"
    )
    return [PoolFile(row) for row in rows]


def orphans(store: Store) -> list[PoolFile]:
    """The files that nothing names and no disk stands on."""
    rows = store.rows(
        f"SELECT c.id, c.path AS install_path, c.pool_id, {_PLACES} FROM orphan c {_JOINED} "
        "WHERE NOT EXISTS (SELECT 1 FROM volumes v WHERE v.pool_id = c.pool_id "
        "  AND v.base_path = c.path AND v.removed IS NULL) "
        f"AND {_NOT_IN_A_DRIVE} AND {_NOT_AWAITED} ORDER BY c.id"
    )
    return [PoolFile(row) for row in rows]


def orphan_is_gone(store: Store, file: PoolFile) -> None:
    """Its file was removed."""
    store.execute("DELETE FROM orphan WHERE id = ?", file.id)


def forget_unregistered(store: Store) -> None:
    """Let go of the copies of templates that are not registered in the pool's zone any more."""
    _forget(
        store,
        "NOT EXISTS (SELECT 1 FROM template_zone_ref r JOIN storage_pool s ON s.id = c.pool_id "
        "WHERE r.template_id = c.template_id AND r.zone_id = s.data_center_id "
        f"AND r.removed IS NULL) AND {_IDLE}",
    )


def forget_unused(store: Store, since: str | None = None) -> None:
    """Let go of copies that nothing needs; with `since`, of those marked so then or earlier."""
    marked = "(? IS NULL OR c.marked_for_gc <= ?)"
    _forget(store, f"{_SETTLED} AND {marked} AND {_IDLE}", since, since)


def _forget(store: Store, condition: str, *values: str | None) -> None:
    with store.change():
        for row in store.rows(f"SELECT c.* FROM template_spool_ref c WHERE {condition}", *values):
            Copy(row).forget(store)


def mark_unused(store: Store) -> None:
    """Write down since when finished copies are unused."""
    store.execute(
        "UPDATE template_spool_ref SET marked_for_gc = ? WHERE id IN "
        "(SELECT c.id FROM template_spool_ref c WHERE c.marked_for_gc IS NULL "
        f"AND c.download_state = 'DOWNLOADED' AND {_IDLE})",
        now(),
    )


def overdue_machines(store: Store, delay: int) -> list[Machine]:
    """VMs that were destroyed longer than `delay` seconds ago, and that no job is about."""
    return Machine.where(
        store,
        "state = 'Destroyed' AND removed IS NULL AND update_time <= ? AND NOT EXISTS "
        "(SELECT 1 FROM async_job j WHERE j.job_status = 0 "
        "AND j.instance_type = 'VirtualMachine' AND j.instance_id = vm_instance.id) ORDER BY id",
        timestamp(time.time() - delay),
    )
