"""Which hosts reach which storage pools, and how much room these have."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from cmk.errors import Unreachable
from cmk.lab.hosts.host import Host
from cmk.lab.settings import number

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

#: Joins a host `h` to the pools `s` that it reaches.
REACHES = (
    "(s.scope = 'HOST' AND s.host_id = h.id OR s.scope = 'CLUSTER' AND s.cluster_id = h.cluster_id "
    "OR s.scope = 'ZONE' AND s.data_center_id = h.data_center_id)"
)


def hosts_of(lab: Lab, pool_id: int) -> list[sqlite3.Row]:
    """The hosts that reach a pool, those that are Up and take work first."""
    return lab.store.rows(
        f"SELECT h.* FROM host h JOIN storage_pool s ON {REACHES} WHERE s.id = ? "
        "AND h.removed IS NULL "
        "ORDER BY h.status <> 'Up', h.resource_state <> 'Enabled', h.id",
        pool_id,
    )


def any_host(lab: Lab, pool_id: int) -> Host:
    """A host that reaches a pool. Raises Unreachable where there is none."""
    rows = hosts_of(lab, pool_id)
    if not rows:
        name = lab.store.value("SELECT name FROM storage_pool WHERE id = ?", pool_id)
        raise Unreachable(f"No host reaches the storage pool {name} any more")
    return Host(lab, rows[0])


def pool_of(lab: Lab, host_id: int) -> sqlite3.Row:
    """A pool that a host reaches, its own before shared ones. Raises Unreachable."""
    row = lab.store.one(
        f"SELECT s.* FROM storage_pool s JOIN host h ON {REACHES} WHERE h.id = ? "
        "AND s.removed IS NULL AND s.status = 'Up' ORDER BY s.scope <> 'HOST', s.id",
        host_id,
    )
    if row is None:
        raise Unreachable("it has no storage pool that is Up")
    return row


def measure(host: Host, pool: sqlite3.Row) -> None:
    """Write down a pool's capacity and use, as this host sees them."""
    room = host.agent.ask("space", pool=pool["path"])
    host.lab.store.update(
        "storage_pool", pool["id"], capacity=room["total"], used=room["total"] - room["free"]
    )


def room_in(lab: Lab, pool: sqlite3.Row, allocated: int) -> int | None:
    """Bytes that a pool takes yet: what is free, and what over-provisioning allows beside the disks
    that are `allocated`; None where nobody has measured it."""
    if pool["capacity"] is None:
        return None
    factor = number(lab.store, "storage.overprovisioning.factor")
    free = int(pool["capacity"]) - int(pool["used"] or 0)
    return min(free, int(pool["capacity"]) * factor - allocated)


def tags_of(text: str) -> set[str]:
    """Tags that are written with commas between them."""
    return {tag.strip() for tag in text.split(",") if tag.strip()}
