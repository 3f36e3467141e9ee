"""Service offerings (CPU and memory) and disk offerings (size)."""

from __future__ import annotations

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, listing
from cmk.lab.events import record
from cmk.lab.model.offering import DiskOffering, ServiceOffering
from cmk.lab.noun import Args, Noun, changed, deleted
from cmk.lab.store import now
from cmk.wire.faults import invalid

SERVICE_OFFERING = Noun(
    "serviceoffering",
    "listServiceOfferings",
    "service_offering_view",
    "id name displaytext cpunumber cpuspeed memory storagetype iscustomized issystem hosttags "
    "storagetags created",
)
DISK_OFFERING = Noun(
    "diskoffering",
    "listDiskOfferings",
    "disk_offering_view",
    "id name displaytext disksize storagetype iscustomized tags created",
)

listing(
    SERVICE_OFFERING,
    "service offerings",
    "id name",
    """
    cpunumber: offerings with this many CPUs
    cpuspeed: offerings with this many MHz a CPU
    memory: offerings with this many MiB of memory
""",
)
listing(DISK_OFFERING, "disk offerings", "id name")


@api(SERVICE_OFFERING)
def create_service_offering(call: Call, args: Args) -> Json:
    """Makes a service offering.

    name*: its name
    displaytext*: a text for people
    cpunumber: CPUs (default 1)
    cpuspeed: MHz of each CPU (default 500)
    memory: MiB of memory (default 256)
    hosttags: the tag that a host must have
    tags: the tags that a storage pool must have
    """
    cpus, mhz = args.get("cpunumber") or 1, args.get("cpuspeed") or 500
    mib = args.get("memory") or 256
    if not (0 < cpus <= 128 and 0 < mhz <= 100_000 and 32 <= mib <= 1 << 22):
        raise invalid("A service offering has 1 to 128 CPUs, some MHz, and at least 32 MiB.")
    made = ServiceOffering.add(
        call.store,
        name=args["name"],
        display_text=args["displaytext"],
        cpu=cpus,
        speed=mhz,
        ram_size=mib,
        host_tag=args.get("hosttags") or "",
        storage_tags=args.get("tags") or "",
        created=now(),
    )
    record(call, "SERVICE.OFFERING.CREATE", f"Made the service offering {made.name}")
    return SERVICE_OFFERING.answer(call, made)


@api(SERVICE_OFFERING)
def update_service_offering(call: Call, args: Args) -> Json:
    """Changes a service offering.

    id*: the offering
    name: its name
    displaytext: a text for people
    hosttags: the tag that a host must have
    storagetags: the tags that a storage pool must have
    """
    return changed(
        call,
        SERVICE_OFFERING,
        call.find(ServiceOffering, args["id"]),
        name=args.get("name"),
        display_text=args.get("displaytext"),
        host_tag=args.get("hosttags"),
        storage_tags=args.get("storagetags"),
    )


@api(DONE)
def delete_service_offering(call: Call, args: Args) -> Json:
    """Deletes a service offering; VMs that have it keep it.

    id*: the offering
    """
    return deleted(call, call.find(ServiceOffering, args["id"]), [])


@api(DISK_OFFERING)
def create_disk_offering(call: Call, args: Args) -> Json:
    """Makes a disk offering.

    name*: its name
    displaytext*: a text for people
    disksize: GiB (default 5)
    tags: the tags that a storage pool must have
    """
    size = args.get("disksize", 5)
    if not 0 < size <= 1 << 20:
        raise invalid("disksize is in GiB and above 0.")
    made = DiskOffering.add(
        call.store,
        name=args["name"],
        display_text=args["displaytext"],
        disk_size=size << 30,
        storage_tags=args.get("tags") or "",
        created=now(),
    )
    record(call, "DISK.OFFERING.CREATE", f"Made the disk offering {made.name}")
    return DISK_OFFERING.answer(call, made)


@api(DISK_OFFERING)
def update_disk_offering(call: Call, args: Args) -> Json:
    """Changes a disk offering.

    id*: the offering
    name: its name
    displaytext: a text for people
    tags: the tags that a storage pool must have
    """
    return changed(
        call,
        DISK_OFFERING,
        call.find(DiskOffering, args["id"]),
        name=args.get("name"),
        display_text=args.get("displaytext"),
        storage_tags=args.get("tags"),
    )


@api(DONE)
def delete_disk_offering(call: Call, args: Args) -> Json:
    """Deletes a disk offering; disks that have it keep it.

    id*: the offering
    """
    return deleted(call, call.find(DiskOffering, args["id"]), [])
