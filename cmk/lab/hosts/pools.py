"""Which hosts reach which storage pools; pools tried before they are taken in, emptied before they
go."""

from __future__ import annotations

import os
from contextlib import suppress

from cmk.document import Json
from cmk.errors import CmkError, Unreachable
from cmk.lab.hosts.host import OpenHost
from cmk.lab.lab import Lab
from cmk.lab.model.host import Host, HostState
from cmk.lab.model.pool import Pool
from cmk.lab.store import Store, new_uuid
from cmk.wire.faults import invalid


def any_host(lab: Lab, pool: Pool) -> OpenHost:
    """A host that reaches a pool. Raises Unreachable where there is none."""
    hosts = Host.reaching(lab.store, pool.id)
    if not hosts:
        raise Unreachable(f"No host reaches the storage pool {pool.name} any more")
    return OpenHost(lab, hosts[0])


def pool_of(lab: Lab, host: Host) -> Pool:
    """A pool that a host reaches, its own before shared ones. Raises Unreachable."""
    pools = Pool.reached_by(lab.store, host.id)
    if not pools:
        raise Unreachable("it has no storage pool that is Up")
    return pools[0]


def measure(host: OpenHost, pool: Pool) -> None:
    """Write down a pool's capacity and use, as this host sees them."""
    room = host.agent.ask("space", pool=pool.path)
    pool.measured(host.lab.store, room["total"], room["free"])


def measure_own(store: Store) -> None:
    """The same for the pools of the lab's own host, which needs no asking."""
    own = Host.own(store)
    for pool in Pool.there(store, host_id=own.id) if own else []:
        with suppress(OSError):  # it is not there yet: then nothing is known
            found = os.statvfs(pool.path)
            total, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
            pool.measured(store, total, free)


def try_pool(lab: Lab, pool: Pool) -> Json:
    """Have every host that will reach a new pool use it, and one see what another wrote.

    Its capacity and use in bytes. Raises ApiError 431 with the host that cannot.
    """
    hosts = [
        host
        for host in Host.there(lab.store, data_center_id=pool.data_center_id)
        if host.status == HostState.UP
        and pool.host_id in (None, host.id)
        and pool.cluster_id in (None, host.cluster_id)
    ]
    if not hosts:
        raise invalid("There is no host Up that would reach the pool.")
    mark = f"{pool.path}/cmk-{new_uuid()}"
    room: Json = {}
    for row in hosts:
        with OpenHost(lab, row) as host:
            try:
                if row is hosts[0]:
                    host.reach.run(f"mkdir -p '{pool.path}' && : > '{mark}'")
                else:
                    host.reach.run(f"test -e '{mark}'")
                with host.pool(pool):
                    found = host.agent.ask("space", pool=pool.path)
                if row is hosts[-1]:
                    host.reach.run(f"rm -f '{mark}'")
            except CmkError as problem:
                raise invalid(
                    f"Host {row.name} cannot use {pool.path} as the pool: {problem.message}"
                ) from None
            room = {"capacity": found["total"], "used": found["total"] - found["free"]}
    return room


def empty_pool(lab: Lab, pool: Pool, forced: bool) -> None:
    """Remove the lab's copies of templates from a pool."""
    try:
        for name in pool.files(lab.store):
            with any_host(lab, pool) as host:
                host.agent.ask("remove", pool=pool.path, name=name)
    except CmkError as problem:
        if not forced:
            raise invalid(
                f"The copies on {pool.name} cannot be removed: {problem.message}; forced=true "
                "leaves them."
            ) from None
    with lab.store.change():
        pool.forget_files(lab.store)
