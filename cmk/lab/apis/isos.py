"""ISOs: register, list, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cmk.lab.api import PAGING, Args, Json, api, optional, required
from cmk.lab.apis.templates import REGISTRATION, TEMPLATE, delete
from cmk.lab.fields import fields
from cmk.lab.template_rows import list_rows, one_row

if TYPE_CHECKING:
    from cmk.lab.engine import Lab


@api(
    "registerIso",
    "Registers an ISO that KVM hosts download straight to primary storage",
    *REGISTRATION,
    required("zoneid", "uuid", "the zone it is for; -1 for all zones"),
    optional("bootable", "boolean", "whether a VM can boot from it (default true)"),
    fields=TEMPLATE,
)
def register_iso(lab: Lab, args: Args) -> Json:
    from cmk.lab.registration import Registration, register

    return one_row(lab, register(lab, args, Registration("iso", "ISO", "None")), "iso")


@api(
    "listIsos",
    "Lists ISOs",
    optional("id", "uuid", "the ISO with this id"),
    optional("name", "string", "the ISO with this name"),
    optional("zoneid", "uuid", "ISOs of this zone"),
    optional("bootable", "boolean", "those that a VM can boot from, or cannot"),
    optional("ispublic", "boolean", "public ones, or others"),
    optional("isofilter", "string", "which ones; the lab has one account and shows all"),
    optional("showremoved", "boolean", "also those that were deleted"),
    *PAGING,
    fields=TEMPLATE,
)
def list_isos(lab: Lab, args: Args) -> Json:
    return list_rows(lab, args, "iso", "t.format = 'ISO'")


@api(
    "deleteIso",
    "Deletes an ISO, and its copies on primary storage",
    required("id", "uuid", "the ISO"),
    optional("zoneid", "uuid", "only in this zone"),
    fields=fields("success displaytext"),
    work="cmk.lab.eviction:DELETE_ISO",
)
def delete_iso(lab: Lab, args: Args) -> Json:
    return delete(lab, args, "deleteIso", "iso")
