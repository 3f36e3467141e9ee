"""ISOs: register, list, delete, and their way into a VM's drive."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from cmk.lab.api import PAGING, Args, Json, api, invalid, no_such, optional, required
from cmk.lab.fields import DONE
from cmk.lab.jobs import hire, submit
from cmk.lab.nouns.template import REGISTRATION, TEMPLATE, delete
from cmk.lab.nouns.virtual_machine import VIRTUAL_MACHINE, refuse_busy
from cmk.lab.rows import row_of
from cmk.lab.template_rows import is_ready, list_rows, one_row

if TYPE_CHECKING:
    from cmk.lab.engine import Lab


@api(
    "registerIso",
    "Registers an ISO, which KVM hosts download straight to primary storage if it is said",
    *REGISTRATION,
    required("zoneid", "uuid", "the zone it is for; -1 for all zones"),
    optional("bootable", "boolean", "whether a VM can boot from it (default true)"),
    fields=TEMPLATE,
    aftermath="cmk.lab.works.secondary_storage:DOWNLOAD",
)
def register_iso(lab: Lab, args: Args) -> Json:
    from cmk.lab.works.registration import Registration, register

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
    fields=DONE,
    work="cmk.lab.works.collection:DELETE_ISO",
)
def delete_iso(lab: Lab, args: Args) -> Json:
    return delete(lab, args, "deleteIso", "iso")


@api(
    "attachIso",
    "Puts an ISO into a VM's drive",
    required("id", "uuid", "the ISO"),
    required("virtualmachineid", "uuid", "the VM"),
    optional("forced", "boolean", "also when another ISO is in it"),
    fields=VIRTUAL_MACHINE,
    work="cmk.lab.works.attachment:ATTACH",
)
def attach_iso(lab: Lab, args: Args) -> Json:
    with lab.store.change():
        vm = _vm_with_drive(lab, args["virtualmachineid"])
        iso = lab.store.one(
            "SELECT t.* FROM vm_template t JOIN template_zone_ref r ON r.template_id = t.id "
            "WHERE t.uuid = ? AND t.format = 'ISO' AND t.removed IS NULL AND r.removed IS NULL "
            "AND r.zone_id = ?",
            args["id"],
            vm["data_center_id"],
        )
        if iso is None:
            raise no_such("ISO in the VM's zone", "id", args["id"])
        if not is_ready(lab, iso["id"], vm["data_center_id"]):
            raise invalid(f"{iso['name']} has not come to the image store yet.")
        if vm["iso_id"] not in (None, iso["id"]) and not args.get("forced"):
            raise invalid(f"{vm['name']} has an ISO in its drive; forced=true takes it out first.")
        job = _submit(lab, "attachIso", vm, iso=iso["id"], was=vm["iso_id"])
    hire(lab)
    return job


@api(
    "detachIso",
    "Takes the ISO out of a VM's drive",
    required("virtualmachineid", "uuid", "the VM"),
    optional("forced", "boolean", "also when the guest has locked the tray; the lab always does"),
    fields=VIRTUAL_MACHINE,
    work="cmk.lab.works.attachment:DETACH",
)
def detach_iso(lab: Lab, args: Args) -> Json:
    with lab.store.change():
        vm = _vm_with_drive(lab, args["virtualmachineid"])
        if vm["iso_id"] is None:
            raise invalid(f"{vm['name']} has no ISO in its drive.")
        job = _submit(lab, "detachIso", vm)
    hire(lab)
    return job


def _vm_with_drive(lab: Lab, uuid: str) -> sqlite3.Row:
    vm = row_of(lab, "vm_instance", "VM", uuid, "virtualmachineid")
    refuse_busy(lab, vm)
    if vm["state"] not in ("Running", "Stopped"):
        raise invalid(f"{vm['name']} is {vm['state']}; a drive is changed when Running or Stopped.")
    return vm


def _submit(lab: Lab, cmd: str, vm: sqlite3.Row, **info: int | None) -> Json:
    return submit(lab, cmd, info, "VirtualMachine", vm["uuid"], vm["id"])
