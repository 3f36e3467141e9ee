"""ISOs: register, list, delete, and their way into a VM's drive."""

from __future__ import annotations

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, job
from cmk.lab.jobs import Task
from cmk.lab.model.copy import is_ready
from cmk.lab.model.machine import Machine, MachineState
from cmk.lab.model.template import Iso
from cmk.lab.noun import Args
from cmk.lab.nouns.template import (
    ISO,
    REGISTRATION,
    REGISTRATION_NOTE,
    SHARING,
    deletion,
    registered,
)
from cmk.lab.nouns.virtual_machine import MACHINE, refuse_busy
from cmk.wire.faults import invalid, no_such


@api(ISO, more=REGISTRATION + SHARING, note=REGISTRATION_NOTE)
def register_iso(call: Call, args: Args) -> Json:
    """Registers an ISO, which KVM hosts download straight to primary storage if it is said.

    zoneid*: the zone it is for; -1 for all zones
    bootable: whether a VM can boot from it (default true)
    """
    from cmk.lab.works.registration import register

    iso = register(call, args, "ISO", "None")
    return ISO.listed(call, {"id": iso.uuid})


@api(ISO)
def list_isos(call: Call, args: Args) -> Json:
    """Lists ISOs.

    id: the ISO with this id
    name: the ISO with this name
    zoneid: ISOs of this zone
    bootable: those that a VM can boot from, or cannot
    ispublic: public ones, or others
    isofilter=all|featured|self|selfexecutable|sharedexecutable|executable|community:
        which ones (default: selfexecutable)
    showremoved: also those that were deleted
    """
    return registered(call, ISO, args, args.pop("isofilter", None) or "selfexecutable", is_iso=True)


@job(DONE)
def delete_iso(call: Call, args: Args) -> Task:
    """Deletes an ISO, and its copies on primary storage.

    id*: the ISO
    zoneid: only in this zone
    """
    return deletion(call, args, call.find(Iso, args["id"]))


@job(MACHINE)
def attach_iso(call: Call, args: Args) -> Task:
    """Puts an ISO into a VM's drive.

    id*: the ISO
    virtualmachineid*: the VM
    forced: also when another ISO is in it
    """
    vm = _with_drive(call, args)
    iso = call.use(Iso, args["id"])
    if not iso.is_registered_in(call.store, vm.data_center_id):
        raise no_such("ISO in the VM's zone", "id", args["id"])
    if not is_ready(call.store, iso, vm.data_center_id):
        raise invalid(f"{iso.name} has not come to the image store yet.")
    if vm.iso_id not in (None, iso.id) and not args.get("forced"):
        raise invalid(f"{vm.name} has an ISO in its drive; forced=true takes it out first.")
    return Task(vm, {"iso": iso.id, "was": vm.iso_id})


@job(MACHINE)
def detach_iso(call: Call, args: Args) -> Task:
    """Takes the ISO out of a VM's drive.

    virtualmachineid*: the VM
    forced: also when the guest has locked the tray; the lab always does
    """
    return Task(_with_drive(call, args))


def _with_drive(call: Call, args: Args) -> Machine:
    vm = call.find(Machine, args["virtualmachineid"], "virtualmachineid")
    refuse_busy(call, vm)
    if vm.state not in (MachineState.RUNNING, MachineState.STOPPED):
        raise invalid(f"{vm.name} is {vm.state}; a drive is changed when Running or Stopped.")
    return vm
