"""Service offerings (CPU and memory) and disk offerings (size)."""

from __future__ import annotations

from cmk.lab.model.record import Record


class ServiceOffering(Record):
    """CPU and memory of VMs: `speed` in MHz, `ram_size` in MiB; tags as text with commas."""

    TABLE, KIND, RESOURCE = "service_offering", "service offering", "ServiceOffering"

    name: str
    display_text: str
    cpu: int
    speed: int
    ram_size: int
    host_tag: str
    storage_tags: str
    removed: str | None


class DiskOffering(Record):
    """The size of disks, in bytes."""

    TABLE, KIND, RESOURCE = "disk_offering", "disk offering", "DiskOffering"

    name: str
    display_text: str
    disk_size: int
    storage_tags: str
    removed: str | None


def tags_of(text: str) -> set[str]:
    """Tags that are written with commas between them."""
    return {tag.strip() for tag in text.split(",") if tag.strip()}
