"""Where a VM can run: hosts and pools in the order in which they are tried, and why others are not.

Only the store is asked, in a handful of queries however many hosts there are.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cmk.lab.hosts.pools import REACHES, room_in, tags_of
from cmk.lab.seed import MIB
from cmk.lab.settings import number

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

Json = dict[str, Any]

#: What a request may tie a VM to: the parameter, and the column of a host that it names.
TIES = {"hostid": "uuid", "clusterid": "cluster_uuid", "podid": "pod_uuid"}


@dataclass(frozen=True)
class Place:
    """A host, the pool that it would use, and whether the template is on that already."""

    host: sqlite3.Row
    pool: sqlite3.Row
    has_copy: bool


@dataclass(frozen=True)
class Plan:
    """Places, the best first; and the hosts that will not do, each with the reason."""

    places: list[Place]
    refused: list[tuple[str, str]]

    def story(self) -> str:
        """Why no host will do."""
        return "\n".join(f"Host {name}: {reason}." for name, reason in self.refused)


@dataclass(frozen=True)
class Demand:
    """What a VM needs of a place; memory in MiB, sizes in bytes."""

    zone: int
    cpu: int
    speed: int
    memory: int
    host_tag: str
    storage_tags: str
    template: int
    copy_size: int
    disk_size: int
    #: Where its disk is already; its own memory counts already on this host.
    pool: int | None = None
    host: int | None = None


def demand_of(lab: Lab, vm: sqlite3.Row) -> Demand:
    """The demand of a VM that is in the store."""
    volume = lab.store.one(
        "SELECT * FROM volumes WHERE instance_id = ? AND volume_type = 'ROOT' AND removed IS NULL",
        vm["id"],
    )
    offering = lab.store.one(
        "SELECT * FROM service_offering WHERE id = ?", vm["service_offering_id"]
    )
    template = lab.store.one("SELECT * FROM vm_template WHERE id = ?", vm["vm_template_id"])
    assert volume is not None  # made with the VM
    assert offering is not None  # rows stay
    assert template is not None  # rows stay
    disk_tags = lab.store.value(
        "SELECT storage_tags FROM disk_offering WHERE id = ?", volume["disk_offering_id"]
    )
    counted = vm["state"] in ("Starting", "Running", "Stopping")
    return demand(
        offering,
        template,
        vm["data_center_id"],
        volume["size"],
        pool=volume["pool_id"] if volume["state"] == "Ready" else None,
        host=vm["host_id"] if counted else None,
        more_tags=disk_tags or "",
    )


def demand(
    offering: sqlite3.Row,
    template: sqlite3.Row,
    zone: int,
    disk_size: int | None,
    pool: int | None = None,
    host: int | None = None,
    more_tags: str = "",
) -> Demand:
    """The demand of a VM with this offering and template."""
    size = max(template["size"] or 0, template["url_size"] or 0)
    return Demand(
        zone,
        offering["cpu"],
        offering["speed"],
        offering["ram_size"],
        offering["host_tag"],
        f"{offering['storage_tags']},{more_tags}",
        template["id"],
        copy_size=size,
        disk_size=disk_size or template["size"] or 0,
        pool=pool,
        host=host,
    )


def plan(lab: Lab, wanted: Demand, ties: Json) -> Plan:
    """The places for a VM; `ties` has hostid, clusterid or podid where the request gave one."""
    store = lab.store
    hosts = store.rows(
        "SELECT h.*, c.uuid AS cluster_uuid, p.uuid AS pod_uuid, "
        "c.allocation_state AS cluster_state, p.allocation_state AS pod_state, "
        "coalesce(u.memory, 0) AS memory_in_use FROM host h "
        "JOIN cluster c ON c.id = h.cluster_id JOIN host_pod_ref p ON p.id = h.pod_id "
        "LEFT JOIN (SELECT v.host_id, sum(o.ram_size) * 1048576 AS memory FROM vm_instance v "
        "  JOIN service_offering o ON o.id = v.service_offering_id WHERE v.removed IS NULL "
        "  AND v.state IN ('Starting', 'Running', 'Stopping') GROUP BY v.host_id) u "
        "ON u.host_id = h.id WHERE h.removed IS NULL AND h.data_center_id = ?",
        wanted.zone,
    )
    pools = _pools(lab, wanted)
    found: list[tuple[tuple[Any, ...], Place]] = []
    refused: list[tuple[str, str]] = []
    for host in hosts:
        reason = _host_reason(lab, host, wanted, ties)
        chosen, why = (None, reason) if reason else _pool_for(pools.get(host["id"], []), wanted)
        if chosen is None:
            refused.append((host["name"], why))
            continue
        load = host["memory_in_use"] / max(host["ram"], 1)
        place = Place(host, chosen[0], chosen[1])
        found.append(((not place.has_copy, load, host["id"]), place))
    found.sort(key=lambda pair: pair[0])
    return Plan([place for _, place in found], refused)


def _host_reason(lab: Lab, host: sqlite3.Row, wanted: Demand, ties: Json) -> str:
    """Why a host will not do, "" where it will."""
    for param, column in TIES.items():
        if ties.get(param) and ties[param] != host[column]:
            return f"it is not the one that {param} names"
    if host["status"] != "Up":
        since = f" since {host['last_seen']}" if host["last_seen"] else ""
        return f"it is {host['status']}{since} ({host['reason'] or 'it does not answer'})"
    if host["resource_state"] != "Enabled":
        return f"it is {host['resource_state']}"
    for what in ("cluster", "pod"):
        if host[f"{what}_state"] != "Enabled":
            return f"its {what} is {host[f'{what}_state']}"
    if wanted.host_tag and wanted.host_tag not in tags_of(host["tags"]):
        return f"it has no tag {wanted.host_tag}"
    own = 0 if wanted.host == host["id"] else wanted.memory * MIB
    if host["memory_in_use"] + own > host["ram"]:
        free = (host["ram"] - host["memory_in_use"]) // MIB
        return f"it has {free} MiB free, {wanted.memory} are needed"
    most = host["cpus"] * host["speed"] * number(lab.store, "cpu.overprovisioning.factor")
    if wanted.cpu * wanted.speed > most:
        return f"it has {most} MHz, {wanted.cpu * wanted.speed} are needed"
    return ""


def _pools(lab: Lab, wanted: Demand) -> dict[int, list[tuple[sqlite3.Row, bool, int | None]]]:
    """By host, the pools that it reaches: each with whether the copy is there, and its room."""
    rows = lab.store.rows(
        "SELECT s.*, h.id AS by_host, coalesce(v.allocated, 0) AS allocated, "
        "c.download_state FROM storage_pool s "
        f"JOIN host h ON {REACHES} "
        "LEFT JOIN (SELECT pool_id, sum(size) AS allocated FROM volumes WHERE removed IS NULL "
        "  GROUP BY pool_id) v ON v.pool_id = s.id "
        "LEFT JOIN template_spool_ref c ON c.pool_id = s.id AND c.template_id = ? "
        "WHERE s.removed IS NULL AND h.removed IS NULL AND s.data_center_id = ? "
        "ORDER BY s.scope <> 'HOST', s.id",
        wanted.template,
        wanted.zone,
    )
    found: dict[int, list[tuple[sqlite3.Row, bool, int | None]]] = {}
    for row in rows:
        room = room_in(lab, row, row["allocated"])
        has_copy = row["download_state"] == "DOWNLOADED"
        found.setdefault(row["by_host"], []).append((row, has_copy, room))
    return found


def _pool_for(
    pools: list[tuple[sqlite3.Row, bool, int | None]], wanted: Demand
) -> tuple[tuple[sqlite3.Row, bool] | None, str]:
    """The pool to use, one that has the template before others; or why none will do."""
    reasons = []
    for pool, has_copy, room in sorted(pools, key=lambda entry: not entry[1]):
        missing = tags_of(wanted.storage_tags) - tags_of(pool["tags"])
        if wanted.pool is not None and pool["id"] != wanted.pool:
            reasons.append(f"the VM's disk is not on its pool {pool['name']}")
        elif pool["status"] != "Up":
            reasons.append(f"its pool {pool['name']} is {pool['status']}")
        elif missing:
            reasons.append(f"its pool {pool['name']} has no tag {', '.join(sorted(missing))}")
        elif (
            wanted.pool is None
            and not has_copy
            and (room or 0) < wanted.copy_size
            and room is not None
        ):
            reasons.append(
                f"its pool {pool['name']} has {room} bytes free, {wanted.copy_size} are needed"
            )
        else:
            return (pool, has_copy), ""
    return None, "; ".join(reasons) or "it reaches no storage pool"
