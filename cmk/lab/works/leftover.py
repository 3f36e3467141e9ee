"""What an attempt leaves on a host that failed: removed at once, or when the host answers again."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from cmk.errors import CmkError
from cmk.lab.events import record
from cmk.lab.hosts.host import Host
from cmk.lab.store import new_uuid, now

if TYPE_CHECKING:
    from cmk.lab.engine import Lab


def clear_away(host: Host, vm: sqlite3.Row, pool: sqlite3.Row) -> None:
    """Undo an attempt to bring a VM up on a host: its domain, and a disk that was made for it.

    The next attempt makes another disk under another name: this one may still be in use where
    nobody can look.
    """
    lab = host.lab
    path = None
    with lab.store.change():
        made = lab.store.one(
            "SELECT * FROM volumes WHERE instance_id = ? AND volume_type = 'ROOT' "
            "AND removed IS NULL AND state <> 'Ready' AND path IS NOT NULL",
            vm["id"],
        )
        if made is not None:
            path = made["path"]
            lab.store.update(
                "volumes",
                made["id"],
                uuid=new_uuid(),
                state="Allocated",
                pool_id=None,
                path=None,
                base_path=None,
            )
        left = lab.store.insert(
            "residue",
            host_id=host.id,
            pool_id=pool["id"],
            vm_uuid=vm["uuid"],
            path=path,
            created=now(),
        )
    row = lab.store.one("SELECT * FROM residue WHERE id = ?", left)
    assert row is not None  # it was just written
    try:
        _remove(host, row)
    except CmkError:
        return  # it stays noted, for when the host can be reached


def collect(lab: Lab) -> None:
    """Remove what was left on hosts that answer again."""
    rows = lab.store.rows(
        "SELECT r.* FROM residue r JOIN host h ON h.id = r.host_id "
        "WHERE h.removed IS NULL AND h.status = 'Up' ORDER BY r.id"
    )
    for row in rows:
        with Host.of(lab, row["host_id"]) as host:
            try:
                _remove(host, row)
            except CmkError as problem:
                host.missed(problem)
                continue
            record(
                lab,
                "HOST.CLEANUP",
                f"Removed from host {host.name} what a failed attempt at the VM {row['vm_uuid']} "
                "had left there",
            )


def _remove(host: Host, row: sqlite3.Row) -> None:
    from cmk.lab.libvirt import domain, storage

    lab = host.lab
    here = lab.store.value(
        "SELECT 1 FROM vm_instance WHERE uuid = ? AND host_id = ? AND state = 'Running'",
        row["vm_uuid"],
        host.id,
    )
    known = domain.find(host.connection, row["vm_uuid"], lab.id)
    if known is not None and not here:
        domain.stop(known, forced=True)
        domain.undefine(known)
    pool = lab.store.one("SELECT * FROM storage_pool WHERE id = ?", row["pool_id"])
    if row["path"] and pool is not None:
        with host.pool(pool["uuid"], pool["path"]) as place:
            storage.delete(place, row["path"])
    lab.store.execute("DELETE FROM residue WHERE id = ?", row["id"])
