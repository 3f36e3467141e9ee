"""Hosts: the machines that run VMs and download templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from cmk.lab.model.record import Record, State, details_of, set_details
from cmk.lab.store import Store, now

#: The URL of the host that the lab has of its own, with a libvirt daemon of its own.
EMBEDDED = "embedded"


class HostState(State):
    """Whether a host answers."""

    UP = "Up"
    DOWN = "Down"
    ALERT = "Alert"


class ResourceState(State):
    """Whether a host takes VMs."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"
    PREPARING = "PrepareForMaintenance"
    MAINTENANCE = "Maintenance"
    FAILED = "ErrorInMaintenance"


class Host(Record):
    """A host; `speed` in MHz, `ram` in bytes, tags as text with commas.

    `last_seen` is when it last answered, `reason` why it does not now.
    """

    TABLE, KIND, RESOURCE = "host", "host", "Host"
    STATES: ClassVar = {"status": HostState, "resource_state": ResourceState}

    name: str
    data_center_id: int
    pod_id: int
    cluster_id: int
    url: str
    cpus: int
    speed: int
    ram: int
    status: HostState
    resource_state: ResourceState
    tags: str
    last_seen: str | None
    reason: str | None
    created: str
    removed: str | None

    @property
    def is_embedded(self) -> bool:
        """Whether it is the lab's own, which starts when it is needed."""
        return self.url == EMBEDDED

    def details(self, store: Store) -> dict[str, str]:
        """Its details, by name."""
        return details_of(store, "host_details", "host_id", self.id)

    def set_details(self, store: Store, details: Mapping[str, str]) -> None:
        """Set these; an empty value removes one."""
        set_details(store, "host_details", "host_id", self.id, details)

    def answered(self, store: Store) -> None:
        """Write down that it answers."""
        if self.id:  # a candidate has no row yet
            self.update(store, status=HostState.UP, last_seen=now(), reason=None)

    def missed(self, store: Store, reason: str) -> None:
        """Write down that it does not answer, and why; since when is when it last did."""
        if self.id and not self.is_embedded:
            self.update(store, status=HostState.DOWN, reason=reason)

    def forget_leftovers(self, store: Store) -> None:
        """Nobody will look for them there any more."""
        store.execute("DELETE FROM residue WHERE host_id = ?", self.id)

    @classmethod
    def own(cls, store: Store) -> Host | None:
        """The lab's own."""
        return cls.first(store, url=EMBEDDED)

    @classmethod
    def reaching(cls, store: Store, pool: int) -> list[Host]:
        """Those that reach a pool, with those first that are Up and take work."""
        return cls.where(
            store,
            "id IN (SELECT host_id FROM reach WHERE pool_id = ?) "
            "ORDER BY status <> 'Up', resource_state <> 'Enabled', id",
            pool,
        )


class HostCandidate(Host):
    """A host as placement looks at it: with what it is in, and what its VMs use (bytes)."""

    cluster_uuid: str
    pod_uuid: str
    cluster_state: str
    pod_state: str
    memory_in_use: int

    @classmethod
    def all_of(cls, store: Store, zone: int) -> list[HostCandidate]:
        """Every host of a zone, in one query."""
        rows = store.rows(
            "SELECT h.*, c.uuid AS cluster_uuid, p.uuid AS pod_uuid, "
            "c.allocation_state AS cluster_state, p.allocation_state AS pod_state, "
            "coalesce(u.memory, 0) AS memory_in_use FROM host h "
            "JOIN cluster c ON c.id = h.cluster_id JOIN host_pod_ref p ON p.id = h.pod_id "
            "LEFT JOIN host_load u ON u.host_id = h.id "
            "WHERE h.removed IS NULL AND h.data_center_id = ?",
            zone,
        )
        return [cls(row) for row in rows]


class Leftover(Record):
    """What a failed attempt has left on a host that could not be reached: it goes when that can
    be. `path` is a disk in the pool."""

    TABLE, KIND, THERE, HAS_UUID = "residue", "leftover", "1", False

    host_id: int
    pool_id: int | None
    vm_uuid: str
    path: str | None

    @classmethod
    def on_answering_hosts(cls, store: Store) -> list[Leftover]:
        """Those that can be removed now."""
        return cls.where(
            store,
            "host_id IN (SELECT id FROM host WHERE removed IS NULL AND status = 'Up') ORDER BY id",
        )
