"""Zones, pods and clusters: how hosts are grouped."""

from __future__ import annotations

from collections.abc import Mapping

from cmk.lab.model.host import Host
from cmk.lab.model.record import Record, details_of, set_details
from cmk.lab.store import Store


class Zone(Record):
    """A zone (CloudStack's data_center)."""

    TABLE, KIND, RESOURCE = "data_center", "zone", "Zone"

    name: str
    description: str
    networktype: str
    dns1: str
    internal_dns1: str
    allocation_state: str
    removed: str | None

    def details(self, store: Store) -> dict[str, str]:
        """Its details; `location` is the country that mirrors are preferred from."""
        return details_of(store, "data_center_details", "dc_id", self.id)

    def set_details(self, store: Store, details: Mapping[str, str]) -> None:
        """Set these; an empty value removes one."""
        set_details(store, "data_center_details", "dc_id", self.id, details)

    def users(self, store: Store) -> list[str]:
        """The names of what is in it."""
        return [pod.name for pod in Pod.there(store, data_center_id=self.id)]


class Pod(Record):
    """A pod (host_pod_ref)."""

    TABLE, KIND, RESOURCE = "host_pod_ref", "pod", "Pod"

    name: str
    data_center_id: int
    gateway: str
    netmask: str
    startip: str
    allocation_state: str
    removed: str | None

    def users(self, store: Store) -> list[str]:
        """The names of what is in it."""
        return [cluster.name for cluster in self.clusters(store)]

    def clusters(self, store: Store) -> list[Cluster]:
        """Its clusters, the oldest first."""
        return Cluster.there(store, pod_id=self.id)


class Cluster(Record):
    """A cluster of a pod."""

    TABLE, KIND, RESOURCE = "cluster", "cluster", "Cluster"

    name: str
    pod_id: int
    allocation_state: str
    removed: str | None

    def users(self, store: Store) -> list[str]:
        """The names of what is in it."""
        return [host.name for host in Host.there(store, cluster_id=self.id)]
