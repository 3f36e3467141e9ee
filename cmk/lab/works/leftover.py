"""What an attempt leaves on a host that failed: removed at once, or when the host answers again."""

from __future__ import annotations

from cmk.errors import CmkError
from cmk.lab.call import Call
from cmk.lab.events import record
from cmk.lab.hosts.host import OpenHost
from cmk.lab.model.host import Leftover
from cmk.lab.model.machine import Machine, MachineState, VolumeState
from cmk.lab.model.pool import Pool
from cmk.lab.store import new_uuid, now


def clear_away(host: OpenHost, vm: Machine, pool: Pool) -> None:
    """Undo an attempt to bring a VM up on a host: its domain, and a disk that was made for it.

    The next attempt makes another disk under another name: this one may still be in use where
    nobody can look.
    """
    store = host.lab.store
    with store.change():
        disk = vm.root(store)
        made = disk.path if disk.state != VolumeState.READY else None
        if made:
            disk.unmake(store, uuid=new_uuid())
        left = Leftover.add(
            store, host_id=host.id, pool_id=pool.id, vm_uuid=vm.uuid, path=made, created=now()
        )
    try:
        _remove(host, left)
    except CmkError:
        return  # it stays noted, for when the host can be reached


def collect(call: Call) -> None:
    """Remove what was left on hosts that answer again."""
    for left in Leftover.on_answering_hosts(call.store):
        with OpenHost.of(call.lab, left.host_id) as host:
            try:
                _remove(host, left)
            except CmkError as problem:
                host.row.missed(call.store, problem.message)
                continue
            record(
                call,
                "HOST.CLEANUP",
                f"Removed from host {host.name} what a failed attempt at the VM {left.vm_uuid} "
                "had left there",
            )


def _remove(host: OpenHost, left: Leftover) -> None:
    from cmk.lab.libvirt import domain, storage

    lab = host.lab
    vm = Machine.known(lab.store, left.vm_uuid)
    runs_here = vm and vm.host_id == host.id and vm.state == MachineState.RUNNING
    known = domain.find(host.connection, left.vm_uuid, lab.id)
    if known is not None and not runs_here:
        domain.remove(known)
    if left.path and left.pool_id:
        with host.pool(Pool.of(lab.store, left.pool_id)) as place:
            storage.delete(place, left.path)
    left.delete(lab.store)
