"""VMs and their disks."""

from __future__ import annotations

from typing import Any, ClassVar

from cmk.lab.model.host import Host
from cmk.lab.model.network import Nic
from cmk.lab.model.offering import ServiceOffering
from cmk.lab.model.place import Zone
from cmk.lab.model.record import Record, State
from cmk.lab.model.template import Template
from cmk.lab.store import Store, now


class MachineState(State):
    """What a VM does."""

    STARTING = "Starting"
    RUNNING = "Running"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    DESTROYED = "Destroyed"
    EXPUNGING = "Expunging"
    ERROR = "Error"


#: States of a VM that is switched off and not in the midst of something.
OFF = (MachineState.STOPPED, MachineState.DESTROYED)

#: States in which a VM's memory counts on its host, and those in the midst of something.
LOADING = (MachineState.STARTING, MachineState.RUNNING, MachineState.STOPPING)
UNSETTLED = (MachineState.STARTING, MachineState.STOPPING, MachineState.EXPUNGING)


class Machine(Record):
    """A VM; `name` is its host name, `instance_name` libvirt's, `iso_id` the ISO in its drive."""

    TABLE, KIND, RESOURCE = "vm_instance", "VM", "VirtualMachine"
    STATES: ClassVar = {"state": MachineState}

    name: str
    instance_name: str
    state: MachineState
    account_id: int
    data_center_id: int
    host_id: int | None
    last_host_id: int | None
    vm_template_id: int
    iso_id: int | None
    service_offering_id: int
    update_time: str
    user_data: str | None
    user_data_id: int | None
    user_data_details: str | None
    keypairs: str | None
    public_keys: str | None
    new_password: str | None
    removed: str | None

    def become(self, store: Store, state: MachineState, **columns: Any) -> None:
        """Write its state, and other columns with it."""
        self.update(store, state=state, update_time=now(), **columns)

    def found_off(self, store: Store) -> bool:
        """Its host shows that it is off; False where a job has changed it since it was read."""
        return bool(
            store.execute(
                "UPDATE vm_instance SET state = 'Stopped', host_id = NULL, update_time = ? "
                "WHERE id = ? AND state = 'Running' AND update_time = ?",
                now(),
                self.id,
                self.update_time,
            )
        )

    def offering(self, store: Store) -> ServiceOffering:
        return ServiceOffering.of(store, self.service_offering_id)

    def template(self, store: Store) -> Template:
        """The template or ISO that it is made from."""
        return Template.of(store, self.vm_template_id)

    def root(self, store: Store) -> Volume:
        """Its root disk."""
        return Volume.there(store, instance_id=self.id, volume_type="ROOT")[0]

    def disks(self, store: Store) -> list[Volume]:
        """All of its disks."""
        return Volume.there(store, instance_id=self.id)

    def nics(self, store: Store) -> list[Nic]:
        """Its network interfaces, the first one first."""
        return Nic.of_machine(store, self.id)

    def addresses(self, store: Store) -> list[str]:
        """What its interfaces have."""
        return [nic.ip4_address for nic in self.nics(store) if nic.ip4_address]

    def zone_name(self, store: Store) -> str:
        """Where it is."""
        return Zone.of(store, self.data_center_id).name

    def lose_disks(self, store: Store) -> None:
        """All of its disks are gone."""
        store.execute(
            "UPDATE volumes SET removed = ?, state = 'Expunged' WHERE instance_id = ? "
            "AND removed IS NULL",
            now(),
            self.id,
        )

    def hosts(self, store: Store) -> list[Host]:
        """The hosts on which something of it may be; one at least that reaches its disk."""
        found = Host.where(
            store,
            "removed IS NULL AND (id IN (?, ?) OR id IN (SELECT s.host_id FROM volumes v "
            "JOIN storage_pool s ON s.id = v.pool_id WHERE v.instance_id = ?)) ORDER BY id",
            self.host_id,
            self.last_host_id,
            self.id,
        )
        if found:
            return found
        pools = [disk.pool_id for disk in self.disks(store) if disk.pool_id]
        return Host.reaching(store, pools[0])[:1] if pools else []

    @classmethod
    def with_disk_on(cls, store: Store, pool: int) -> list[Machine]:
        """Those with a disk on a pool, whatever they do."""
        return cls.where(
            store,
            "removed IS NULL AND id IN (SELECT instance_id FROM volumes WHERE pool_id = ? "
            "AND removed IS NULL) ORDER BY id",
            pool,
        )

    @classmethod
    def tied_to(cls, store: Store, host: Host) -> list[Machine]:
        """Those that are on a host, or whose disk only this host can use."""
        return cls.where(
            store,
            "removed IS NULL AND state <> 'Error' AND (host_id = ? OR id IN "
            "(SELECT v.instance_id FROM volumes v JOIN storage_pool s ON s.id = v.pool_id "
            "WHERE v.removed IS NULL AND s.host_id = ?)) ORDER BY id",
            host.id,
            host.id,
        )

    @classmethod
    def called(cls, store: Store, name: str) -> Machine | None:
        """The one that people mean by a name: of several, one without error, the newest."""
        found = cls.where(
            store,
            "name = ? COLLATE NOCASE AND removed IS NULL ORDER BY state = 'Error', id DESC",
            name,
        )
        return found[0] if found else None

    @classmethod
    def name_is_taken(cls, store: Store, name: str, besides: int = 0) -> bool:
        """Whether a VM in the network, but for this one, has this host name."""
        return bool(
            cls.where(
                store,
                "name = ? COLLATE NOCASE AND removed IS NULL AND state <> 'Error' AND id <> ?",
                name,
                besides,
            )
        )

    @classmethod
    def was_ever_on(cls, store: Store, host: Host) -> bool:
        """Whether anything was ever started there."""
        return bool(
            cls.where(
                store,
                "removed IS NULL AND (host_id = ? OR last_host_id = ?) LIMIT 1",
                host.id,
                host.id,
            )
        )

    @classmethod
    def stuck(cls, store: Store) -> list[Machine]:
        """Those in the midst of something that no job is about."""
        marks = ", ".join("?" * len(UNSETTLED))
        return cls.where(
            store,
            f"removed IS NULL AND state IN ({marks}) AND NOT EXISTS (SELECT 1 FROM async_job j "
            "WHERE j.job_status = 0 AND j.instance_type = 'VirtualMachine' "
            "AND j.instance_id = vm_instance.id) ORDER BY id",
            *UNSETTLED,
        )


class VolumeState(State):
    """Whether a disk is there."""

    ALLOCATED = "Allocated"
    CREATING = "Creating"
    READY = "Ready"
    EXPUNGED = "Expunged"


class Volume(Record):
    """A disk; `size` is the virtual size in bytes, `path` the file's name in its pool, `base_path`
    the one of the copy that it stands on."""

    TABLE, KIND, RESOURCE = "volumes", "volume", "Volume"
    STATES: ClassVar = {"state": VolumeState}

    name: str
    instance_id: int | None
    pool_id: int | None
    template_id: int | None
    disk_offering_id: int | None
    base_path: str | None
    path: str | None
    size: int | None
    state: VolumeState
    removed: str | None

    @classmethod
    def new_root(
        cls, store: Store, machine: int, size: int | None, template: int, offering: int | None
    ) -> None:
        """The row of a root disk that is to be made at the next start."""
        cls.insert(
            store,
            name=f"ROOT-{machine}",
            instance_id=machine,
            template_id=template,
            disk_offering_id=offering,
            size=size,
            created=now(),
        )

    def unmake(self, store: Store, **columns: Any) -> None:
        """It has no file any more, and is made anew at the next start."""
        self.update(
            store, state=VolumeState.ALLOCATED, pool_id=None, path=None, base_path=None, **columns
        )


class PlacedVolume(Volume):
    """A disk that is on a pool, with the pool's path and its VM's name."""

    directory: str
    machine: str

    @classmethod
    def seen_from(cls, store: Store, host: Host) -> list[PlacedVolume]:
        """The finished disks that a host is to look at; those of shared pools are for the zone's
        first host alone."""
        rows = store.rows(
            "SELECT v.*, s.path AS directory, m.name AS machine FROM volumes v "
            "JOIN storage_pool s ON s.id = v.pool_id JOIN vm_instance m ON m.id = v.instance_id "
            "JOIN reach r ON r.pool_id = s.id WHERE r.host_id = ? AND v.state = 'Ready' "
            "AND v.removed IS NULL AND m.removed IS NULL AND (NOT r.shared OR r.host_id = "
            "(SELECT min(o.id) FROM host o WHERE o.removed IS NULL "
            "AND o.data_center_id = s.data_center_id)) ORDER BY v.id",
            host.id,
        )
        return [cls(row) for row in rows]
