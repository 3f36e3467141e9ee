"""Primary storage: pools, which hosts reach them, and the room in them."""

from __future__ import annotations

from typing import ClassVar

from cmk.lab.model.record import Record, State
from cmk.lab.store import Store, now


class PoolState(State):
    """Whether a pool takes disks."""

    UP = "Up"
    DISABLED = "Disabled"
    PREPARING = "PrepareForMaintenance"
    MAINTENANCE = "Maintenance"
    FAILED = "ErrorInMaintenance"


class Pool(Record):
    """A storage pool; `capacity` and `used` in bytes, as a host last told them."""

    TABLE, KIND, RESOURCE = "storage_pool", "storage pool", "StoragePool"
    STATES: ClassVar = {"status": PoolState}

    name: str
    pool_type: str
    scope: str
    data_center_id: int
    host_id: int | None
    cluster_id: int | None
    path: str
    tags: str
    capacity: int | None
    used: int | None
    status: PoolState
    removed: str | None

    @classmethod
    def reached_by(cls, store: Store, host: int) -> list[Pool]:
        """Those that are Up and that a host reaches, its own before shared ones."""
        return cls.where(
            store,
            "id IN (SELECT pool_id FROM reach WHERE host_id = ?) AND removed IS NULL "
            "AND status = 'Up' ORDER BY scope <> 'HOST', id",
            host,
        )

    def measured(self, store: Store, total: int, free: int) -> None:
        """Write down its capacity and use in bytes."""
        self.update(store, capacity=total, used=total - free)

    def room(self, allocated: int, factor: int) -> int | None:
        """Bytes that it takes yet: what is free, and what over-provisioning by `factor` allows
        beside the disks that are `allocated`; None where nobody has measured it."""
        if self.capacity is None:
            return None
        free = self.capacity - (self.used or 0)
        return min(free, self.capacity * factor - allocated)

    def files(self, store: Store) -> list[str]:
        """The names of the lab's own files on it, disks left out."""
        rows = store.rows(
            "SELECT install_path AS name FROM template_spool_ref WHERE pool_id = ? "
            "UNION SELECT path FROM orphan WHERE pool_id = ?",
            self.id,
            self.id,
        )
        return [row["name"] for row in rows]

    def forget_files(self, store: Store) -> None:
        """Take out all that is known to be on it but disks."""
        for table in ("template_spool_ref", "orphan", "residue"):
            store.execute(f"DELETE FROM {table} WHERE pool_id = ?", self.id)

    def lose_disks(self, store: Store) -> None:
        """Its disks are gone with it."""
        store.execute(
            "UPDATE volumes SET removed = ?, state = 'Expunged' WHERE removed IS NULL "
            "AND pool_id = ?",
            now(),
            self.id,
        )


class PoolCandidate(Pool):
    """A pool as placement looks at it, from one host: what is on it, and whether the copy is."""

    by_host: int
    allocated: int
    download_state: str | None

    @property
    def has_copy(self) -> bool:
        return self.download_state == "DOWNLOADED"

    @classmethod
    def all_of(cls, store: Store, zone: int, template: int) -> list[PoolCandidate]:
        """Each pool of a zone once for each host that reaches it, in one query."""
        rows = store.rows(
            "SELECT s.*, r.host_id AS by_host, coalesce(v.allocated, 0) AS allocated, "
            "c.download_state FROM storage_pool s JOIN reach r ON r.pool_id = s.id "
            "LEFT JOIN (SELECT pool_id, sum(size) AS allocated FROM volumes "
            "  WHERE removed IS NULL GROUP BY pool_id) v ON v.pool_id = s.id "
            "LEFT JOIN template_spool_ref c ON c.pool_id = s.id AND c.template_id = ? "
            "WHERE s.removed IS NULL AND s.data_center_id = ? ORDER BY s.scope <> 'HOST', s.id",
            template,
            zone,
        )
        return [cls(row) for row in rows]
