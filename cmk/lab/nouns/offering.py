"""Service offerings (CPU and memory) and disk offerings (size)."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from cmk.lab.api import PAGING, Args, Json, api, invalid, optional, required
from cmk.lab.events import record
from cmk.lab.fields import DONE, fields
from cmk.lab.query import Query, listing, present
from cmk.lab.rows import change, delete, row_of
from cmk.lab.store import new_uuid, now

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

SERVICE_OFFERING = fields(
    "id name displaytext cpunumber cpuspeed memory storagetype iscustomized issystem hosttags "
    "storagetags created"
)
DISK_OFFERING = fields(
    "id name displaytext disksize storagetype iscustomized tags created", tags="string"
)


@api(
    "listServiceOfferings",
    "Lists service offerings",
    optional("id", "uuid", "the offering with this id"),
    optional("name", "string", "the offering with this name"),
    optional("cpunumber", "integer", "offerings with this many CPUs"),
    optional("cpuspeed", "integer", "offerings with this many MHz a CPU"),
    optional("memory", "integer", "offerings with this many MiB of memory"),
    *PAGING,
    fields=SERVICE_OFFERING,
)
def list_service_offerings(lab: Lab, args: Args) -> Json:
    query = Query("*", "service_offering", "removed IS NULL")
    query.equal("uuid", args.get("id")).equal("name", args.get("name"))
    query.equal("cpu", args.get("cpunumber")).equal("speed", args.get("cpuspeed"))
    query.equal("ram_size", args.get("memory")).contains("name", args.get("keyword"))
    return listing(lab.store, args, "serviceoffering", query, "id", _service_offering)


@api(
    "listDiskOfferings",
    "Lists disk offerings",
    optional("id", "uuid", "the offering with this id"),
    optional("name", "string", "the offering with this name"),
    *PAGING,
    fields=DISK_OFFERING,
)
def list_disk_offerings(lab: Lab, args: Args) -> Json:
    query = Query("*", "disk_offering", "removed IS NULL")
    query.equal("uuid", args.get("id")).equal("name", args.get("name"))
    query.contains("name", args.get("keyword"))
    return listing(lab.store, args, "diskoffering", query, "id", _disk_offering)


@api(
    "createServiceOffering",
    "Makes a service offering",
    required("name", "string", "its name"),
    required("displaytext", "string", "a text for people"),
    optional("cpunumber", "integer", "CPUs (default 1)"),
    optional("cpuspeed", "integer", "MHz of each CPU (default 500)"),
    optional("memory", "integer", "MiB of memory (default 256)"),
    optional("hosttags", "string", "the tag that a host must have"),
    optional("tags", "string", "the tags that a storage pool must have"),
    fields=SERVICE_OFFERING,
)
def create_service_offering(lab: Lab, args: Args) -> Json:
    cpus, mhz, mib = (
        args.get("cpunumber") or 1,
        args.get("cpuspeed") or 500,
        args.get("memory") or 256,
    )
    if not (0 < cpus <= 128 and 0 < mhz <= 100_000 and 32 <= mib <= 1 << 22):
        raise invalid("A service offering has 1 to 128 CPUs, some MHz, and at least 32 MiB.")
    uuid = new_uuid()
    lab.store.insert(
        "service_offering",
        uuid=uuid,
        name=args["name"],
        display_text=args["displaytext"],
        cpu=cpus,
        speed=mhz,
        ram_size=mib,
        host_tag=args.get("hosttags") or "",
        storage_tags=args.get("tags") or "",
        created=now(),
    )
    record(lab, "SERVICE.OFFERING.CREATE", f"Made the service offering {args['name']}")
    return {"serviceoffering": list_service_offerings(lab, {"id": uuid})["serviceoffering"][0]}


@api(
    "updateServiceOffering",
    "Changes a service offering",
    required("id", "uuid", "the offering"),
    optional("name", "string", "its name"),
    optional("displaytext", "string", "a text for people"),
    optional("hosttags", "string", "the tag that a host must have"),
    optional("storagetags", "string", "the tags that a storage pool must have"),
    fields=SERVICE_OFFERING,
)
def update_service_offering(lab: Lab, args: Args) -> Json:
    row = row_of(lab, "service_offering", "service offering", args["id"])
    change(
        lab,
        "service_offering",
        row,
        name=args.get("name"),
        display_text=args.get("displaytext"),
        host_tag=args.get("hosttags"),
        storage_tags=args.get("storagetags"),
    )
    shown = list_service_offerings(lab, {"id": args["id"]})
    return {"serviceoffering": shown["serviceoffering"][0]}


@api(
    "deleteServiceOffering",
    "Deletes a service offering; VMs that have it keep it",
    required("id", "uuid", "the offering"),
    fields=DONE,
)
def delete_service_offering(lab: Lab, args: Args) -> Json:
    return delete(lab, "service_offering", "service offering", args["id"])


@api(
    "createDiskOffering",
    "Makes a disk offering",
    required("name", "string", "its name"),
    required("displaytext", "string", "a text for people"),
    optional("disksize", "long", "GiB (default 5)"),
    optional("tags", "string", "the tags that a storage pool must have"),
    fields=DISK_OFFERING,
)
def create_disk_offering(lab: Lab, args: Args) -> Json:
    size = args.get("disksize") if args.get("disksize") is not None else 5
    if not isinstance(size, int) or not 0 < size <= 1 << 20:
        raise invalid("disksize is in GiB and above 0.")
    uuid = new_uuid()
    lab.store.insert(
        "disk_offering",
        uuid=uuid,
        name=args["name"],
        display_text=args["displaytext"],
        disk_size=size << 30,
        storage_tags=args.get("tags") or "",
        created=now(),
    )
    record(lab, "DISK.OFFERING.CREATE", f"Made the disk offering {args['name']}")
    return {"diskoffering": list_disk_offerings(lab, {"id": uuid})["diskoffering"][0]}


@api(
    "updateDiskOffering",
    "Changes a disk offering",
    required("id", "uuid", "the offering"),
    optional("name", "string", "its name"),
    optional("displaytext", "string", "a text for people"),
    optional("tags", "string", "the tags that a storage pool must have"),
    fields=DISK_OFFERING,
)
def update_disk_offering(lab: Lab, args: Args) -> Json:
    row = row_of(lab, "disk_offering", "disk offering", args["id"])
    change(
        lab,
        "disk_offering",
        row,
        name=args.get("name"),
        display_text=args.get("displaytext"),
        storage_tags=args.get("tags"),
    )
    return {"diskoffering": list_disk_offerings(lab, {"id": args["id"]})["diskoffering"][0]}


@api(
    "deleteDiskOffering",
    "Deletes a disk offering; disks that have it keep it",
    required("id", "uuid", "the offering"),
    fields=DONE,
)
def delete_disk_offering(lab: Lab, args: Args) -> Json:
    return delete(lab, "disk_offering", "disk offering", args["id"])


def _service_offering(row: sqlite3.Row) -> Json:
    return present(
        id=row["uuid"],
        name=row["name"],
        displaytext=row["display_text"],
        cpunumber=row["cpu"],
        cpuspeed=row["speed"],
        memory=row["ram_size"],
        storagetype="local",
        iscustomized=False,
        issystem=False,
        hosttags=row["host_tag"] or None,
        storagetags=row["storage_tags"] or None,
        created=row["created"],
    )


def _disk_offering(row: sqlite3.Row) -> Json:
    return present(
        id=row["uuid"],
        name=row["name"],
        displaytext=row["display_text"],
        disksize=row["disk_size"] >> 30,
        storagetype="local",
        iscustomized=False,
        tags=row["storage_tags"] or None,
        created=row["created"],
    )
