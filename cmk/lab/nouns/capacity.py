"""What zones have of memory, CPUs and storage, and have given away; and who runs VMs there."""

from __future__ import annotations

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import api
from cmk.lab.model.capacity import HostCapacity, PoolCapacity
from cmk.lab.model.copy import ImageStore
from cmk.lab.model.host import Host
from cmk.lab.model.network import Router
from cmk.lab.model.place import Cluster, Pod, Zone
from cmk.lab.model.pool import Pool
from cmk.lab.model.record import Record
from cmk.lab.noun import ANY, Args, page_of
from cmk.lab.settings import number

#: CloudStack's numbers of what is told here.
MEMORY, CPU, STORAGE, STORAGE_ALLOCATED = 0, 1, 2, 3


@api("type name zoneid zonename capacityallocated capacityused capacitytotal percentused")
def list_capacity(call: Call, args: Args) -> Json:
    """Tells how much memory (0), CPU (1) and storage (2, given away: 3) zones have.

    zoneid: of this zone
    type: of this number
    fetchlatest: it always is
    """
    zones = Zone.there(call.store)
    if args.get("zoneid") not in (None, ANY):
        zones = [call.find(Zone, args["zoneid"], "zoneid")]
    rows = [row for zone in zones for row in _of(call, zone)]
    rows = [row for row in rows if args.get("type") in (None, row["type"])]
    return {"count": len(rows), "capacity": page_of(rows, args)} if rows else {}


def _of(call: Call, zone: Zone) -> list[Json]:
    hosts, pools = HostCapacity.of_zone(call.store, zone), PoolCapacity.of_zone(call.store, zone)
    cpus = hosts.mhz * number(call.store, "cpu.overprovisioning.factor")
    given = pools.capacity * number(call.store, "storage.overprovisioning.factor")
    told = (
        (MEMORY, "MEMORY", hosts.used_memory, hosts.memory),
        (CPU, "CPU", hosts.used_mhz, cpus),
        (STORAGE, "STORAGE", pools.used, pools.capacity),
        (STORAGE_ALLOCATED, "STORAGE_ALLOCATED", pools.allocated, given),
    )
    return [
        {
            "type": kind,
            "name": name,
            "zoneid": zone.uuid,
            "zonename": zone.name,
            "capacityallocated": used,
            "capacityused": used,
            "capacitytotal": total,
            "percentused": f"{100 * used / total:.2f}".rstrip("0").rstrip(".") if total else "0",
        }
        for kind, name, used, total in told
    ]


@api("name")
def list_hypervisors(call: Call, args: Args) -> Json:
    """Lists the hypervisors that hosts run.

    zoneid: of this zone
    """
    return {"count": 1, "hypervisor": [{"name": "KVM"}]}


@api("zones pods clusters hosts storagepools imagestores systemvms routers managementservers")
def list_infrastructure(call: Call, args: Args) -> Json:
    """Counts what a lab is made of."""
    kinds: dict[str, type[Record]] = {
        "zones": Zone,
        "pods": Pod,
        "clusters": Cluster,
        "hosts": Host,
        "storagepools": Pool,
        "imagestores": ImageStore,
        "routers": Router,
    }
    told = {name: len(kind.there(call.store)) for name, kind in kinds.items()}
    return {"infrastructure": {**told, "systemvms": 0, "managementservers": 1}}
