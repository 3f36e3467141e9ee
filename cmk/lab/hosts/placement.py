"""Where a VM can run: hosts and pools in the order in which they are tried, and why others are not.

Only the store is asked, in a handful of queries however many hosts there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cmk.lab.model.affinity import Affinity, AffinityGroup
from cmk.lab.model.host import HostCandidate, HostState, ResourceState
from cmk.lab.model.machine import LOADING, Machine, VolumeState
from cmk.lab.model.network import Network
from cmk.lab.model.offering import DiskOffering, ServiceOffering, tags_of
from cmk.lab.model.pool import PoolCandidate, PoolState
from cmk.lab.model.template import Template
from cmk.lab.settings import number
from cmk.lab.store import Store

MIB = 1 << 20

#: What a request may tie a VM to, by parameter.
TIES = ("hostid", "clusterid", "podid")


class Place(NamedTuple):
    """A host, and the pool that it would use."""

    host: HostCandidate
    pool: PoolCandidate

    @property
    def has_copy(self) -> bool:
        """Whether the template is on the pool already."""
        return self.pool.has_copy


class Plan(NamedTuple):
    """Places, the best first; and the hosts that will not do, each with the reason."""

    places: list[Place]
    refused: list[tuple[str, str]]

    def story(self) -> list[str]:
        """Why no host will do."""
        return [f"Host {name}: {reason}." for name, reason in self.refused]


class Demand(NamedTuple):
    """What a VM needs of a place; memory in MiB, sizes in bytes."""

    zone: int
    cpu: int
    speed: int
    memory: int
    host_tag: str
    storage_tags: str
    template: int
    copy_size: int
    #: What its disk may grow to, at the most.
    disk_size: int
    #: Where its disk is already; its own memory counts already on this host.
    pool: int | None = None
    host: int | None = None
    affinity: Affinity = Affinity()
    #: A network of its that only the lab's own host has, "" for none.
    network: str = ""


def demand_of(store: Store, vm: Machine) -> Demand:
    """The demand of a VM that is in the store."""
    volume = vm.root(store)
    offering = DiskOffering.of(store, volume.disk_offering_id) if volume.disk_offering_id else None
    wanted = demand(
        vm.offering(store), vm.template(store), vm.data_center_id, volume.size, offering
    )
    return wanted._replace(
        pool=volume.pool_id if volume.state == VolumeState.READY else None,
        host=vm.host_id if vm.state in LOADING else None,
        affinity=Affinity.of(store, AffinityGroup.of_machine(store, vm.id), vm.id),
        network=only_here([nic.network(store) for nic in vm.nics(store)]),
    )


def only_here(networks: list[Network]) -> str:
    """The name of a network that is on the lab's router alone, "" where all are everywhere."""
    return next((each.name for each in networks if each.acl_type != "Domain"), "")


def demand(
    offering: ServiceOffering,
    template: Template,
    zone: int,
    disk_size: int | None,
    disk_offering: DiskOffering | None = None,
) -> Demand:
    """The demand of a VM that has these; `disk_size` in bytes, where one was asked for."""
    more_tags = disk_offering.storage_tags if disk_offering else ""
    return Demand(
        zone,
        offering.cpu,
        offering.speed,
        offering.ram_size,
        offering.host_tag,
        f"{offering.storage_tags},{more_tags}",
        template.id,
        copy_size=max(template.size or 0, template.url_size or 0),
        disk_size=disk_size or template.size or 0,
    )


def plan(store: Store, wanted: Demand, ties: Mapping[str, str]) -> Plan:
    """The places for a VM; `ties` has hostid, clusterid or podid where the request gave one."""
    pools: dict[int, list[PoolCandidate]] = {}
    for pool in PoolCandidate.all_of(store, wanted.zone, wanted.template):
        pools.setdefault(pool.by_host, []).append(pool)
    cpu_factor = number(store, "cpu.overprovisioning.factor")
    disk_factor = number(store, "storage.overprovisioning.factor")
    found: list[Place] = []
    refused: list[tuple[str, str]] = []
    for host in HostCandidate.all_of(store, wanted.zone):
        reason = _host_reason(host, wanted, ties, cpu_factor)
        chosen, why = (
            (None, reason) if reason else _pool_for(pools.get(host.id, []), wanted, disk_factor)
        )
        if chosen is None:
            refused.append((host.name, why))
        else:
            found.append(Place(host, chosen))
    found.sort(
        key=lambda place: (
            wanted.affinity.distance(place.host.id),
            not place.has_copy,
            place.host.memory_in_use / max(place.host.ram, 1),
            place.host.id,
        )
    )
    return Plan(found, refused)


def _host_reason(host: HostCandidate, wanted: Demand, ties: Mapping[str, str], factor: int) -> str:
    """Why a host will not do, "" where it will."""
    tied = _tie_reason(host, ties)
    if tied:
        return tied
    if host.status != HostState.UP:
        since = f" since {host.last_seen}" if host.last_seen else ""
        return f"it is {host.status}{since} ({host.reason or 'it does not answer'})"
    if host.resource_state != ResourceState.ENABLED:
        return f"it is {host.resource_state}"
    for what, state in (("cluster", host.cluster_state), ("pod", host.pod_state)):
        if state != "Enabled":
            return f"its {what} is {state}"
    if wanted.host_tag and wanted.host_tag not in tags_of(host.tags):
        return f"it has no tag {wanted.host_tag}"
    if wanted.network and not host.is_embedded:
        return f"it does not reach the network {wanted.network}, which is on the lab's router"
    kept = wanted.affinity.forbids(host.id)
    if kept:
        return kept
    own = 0 if wanted.host == host.id else wanted.memory * MIB
    if host.memory_in_use + own > host.ram:
        free = (host.ram - host.memory_in_use) // MIB
        return f"it has {free} MiB free, {wanted.memory} are needed"
    most = host.cpus * host.speed * factor
    if wanted.cpu * wanted.speed > most:
        return f"it has {most} MHz, {wanted.cpu * wanted.speed} are needed"
    return ""


def _tie_reason(host: HostCandidate, ties: Mapping[str, str]) -> str:
    own = {"hostid": host.uuid, "clusterid": host.cluster_uuid, "podid": host.pod_uuid}
    for param in TIES:
        if ties.get(param) and ties[param] != own[param]:
            return f"it is not the one that {param} names"
    return ""


def _pool_for(
    pools: list[PoolCandidate], wanted: Demand, factor: int
) -> tuple[PoolCandidate | None, str]:
    """The pool to use, one that has the template before others; or why none will do."""
    reasons = []
    for pool in sorted(pools, key=lambda pool: not pool.has_copy):
        reason = _pool_reason(pool, wanted, factor)
        if not reason:
            return pool, ""
        reasons.append(reason)
    return None, "; ".join(reasons) or "it reaches no storage pool"


def _pool_reason(pool: PoolCandidate, wanted: Demand, factor: int) -> str:
    """Why a pool will not do, "" where it will: room for the copy must be free now, room for what
    the disk may grow to within what over-provisioning allows."""
    missing = tags_of(wanted.storage_tags) - tags_of(pool.tags)
    if wanted.pool is not None and pool.id != wanted.pool:
        return f"the VM's disk is not on its pool {pool.name}"
    if pool.status != PoolState.UP:
        return f"its pool {pool.name} is {pool.status}"
    if missing:
        return f"its pool {pool.name} has no tag {', '.join(sorted(missing))}"
    if wanted.pool is not None or pool.capacity is None:
        return ""
    copy = 0 if pool.has_copy else wanted.copy_size
    room = pool.room(pool.allocated, factor) or 0
    if room < copy:
        return f"its pool {pool.name} has {room} bytes free, {copy} are needed"
    allowed = pool.capacity * factor - pool.allocated
    if allowed < wanted.disk_size:
        return (
            f"its pool {pool.name} may give {max(allowed, 0)} bytes to disks yet, "
            f"{wanted.disk_size} are needed"
        )
    return ""
