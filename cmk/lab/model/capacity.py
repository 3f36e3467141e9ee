"""What the hosts and pools of a zone have, and have given away."""

from __future__ import annotations

from typing import NamedTuple

from cmk.lab.model.place import Zone
from cmk.lab.store import Store


class HostCapacity(NamedTuple):
    """Memory in bytes and CPUs in MHz, of all hosts of a zone."""

    memory: int = 0
    mhz: int = 0
    used_memory: int = 0
    used_mhz: int = 0

    @classmethod
    def of_zone(cls, store: Store, zone: Zone) -> HostCapacity:
        row = store.one("SELECT * FROM host_capacity WHERE data_center_id = ?", zone.id)
        return cls(*(row[name] for name in cls._fields)) if row else cls()


class PoolCapacity(NamedTuple):
    """Bytes, of all pools of a zone, as hosts last told them."""

    capacity: int = 0
    used: int = 0
    allocated: int = 0

    @classmethod
    def of_zone(cls, store: Store, zone: Zone) -> PoolCapacity:
        row = store.one("SELECT * FROM pool_capacity WHERE data_center_id = ?", zone.id)
        return cls(*(row[name] for name in cls._fields)) if row else cls()
