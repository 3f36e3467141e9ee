"""VMs: deploy, list, and their life between start and expunge."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING, Any

from cmk.lab import jobs
from cmk.lab.api import PAGING, Args, Json, api, invalid, no_such, optional, required
from cmk.lab.fields import DONE, fields
from cmk.lab.rows import row_of
from cmk.lab.store import new_uuid, now
from cmk.lab.template_rows import is_ready
from cmk.lab.virtual_machine_rows import list_rows, one_row

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

VIRTUAL_MACHINE = fields(
    "id name displayname account domain domainid created state haenable zoneid zonename hostid "
    "hostname templateid templatename templatedisplaytext passwordenabled isoid isoname "
    "isodisplaytext serviceofferingid serviceofferingname cpunumber cpuspeed memory guestosid "
    "ostypeid osdisplayname rootdeviceid rootdevicetype nic hypervisor instancename displayvm "
    "lastupdated"
)

#: CloudStack's rule for host names, from RFC 1123, but not beginning with a digit.
_NAME = re.compile(r"[a-zA-Z](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\Z")

ID = required("id", "uuid", "the VM")

#: What ties a VM to a place.
TIED = (
    optional("hostid", "uuid", "the host it must run on"),
    optional("clusterid", "uuid", "the cluster it must run in"),
    optional("podid", "uuid", "the pod it must run in"),
)


@api(
    "deployVirtualMachine",
    "Creates a VM from a template or an ISO, and starts it",
    required("zoneid", "uuid", "the zone"),
    required("templateid", "uuid", "the template or ISO"),
    required("serviceofferingid", "uuid", "the service offering: CPU and memory"),
    optional("diskofferingid", "uuid", "with an ISO: the size of the blank root disk"),
    optional("name", "string", "the host name: letters, digits and dashes (default: VM-<id>)"),
    optional("displayname", "string", "the name for people (default: the name)"),
    optional("hypervisor", "string", "KVM; needed with an ISO"),
    optional("rootdisksize", "long", "GiB of the root disk, at least the template's"),
    optional("startvm", "boolean", "false: only create it"),
    *TIED,
    optional("networkids", "list", "the lab's one network, if anything"),
    fields=VIRTUAL_MACHINE,
    work="cmk.lab.works.deployment:DEPLOY",
)
def deploy_virtual_machine(lab: Lab, args: Args) -> Json:
    zone = _row(lab, "data_center", "zone", "zoneid", args["zoneid"])
    template = _row(lab, "vm_template", "template or ISO", "templateid", args["templateid"])
    offering = _row(
        lab, "service_offering", "service offering", "serviceofferingid", args["serviceofferingid"]
    )
    if args.get("hypervisor", "KVM").upper() != "KVM":
        raise invalid(f"The lab's hosts run KVM, not {args['hypervisor']}.")
    ties = _ties(lab, args)
    _check_networks(lab, args.get("networkids") or [])
    size, disk_offering = _root_disk(lab, args, template)
    uuid = new_uuid()
    name = _name(args.get("name"), uuid)
    started = args.get("startvm", True)
    with lab.store.change():
        _check_template(lab, zone, template)
        _refuse_taken(lab, name)
        vm = _insert(lab, args, uuid, name, zone, template, offering)
        _insert_disk_and_nic(lab, vm, size, template, disk_offering)
        job = jobs.submit(
            lab, "deployVirtualMachine", {**ties, "startvm": started}, "VirtualMachine", uuid, vm
        )
    jobs.hire(lab)
    return job


def _row(lab: Lab, table: str, kind: str, param: str, uuid: str) -> sqlite3.Row:
    gone = "" if table == "data_center" else " AND removed IS NULL"
    row = lab.store.one(f"SELECT * FROM {table} WHERE uuid = ?{gone}", uuid)
    if row is None:
        raise no_such(kind, param, uuid)
    return row


def _check_template(lab: Lab, zone: sqlite3.Row, template: sqlite3.Row) -> None:
    if not lab.store.value(
        "SELECT 1 FROM template_zone_ref WHERE template_id = ? AND zone_id = ? AND removed IS NULL",
        template["id"],
        zone["id"],
    ):
        raise invalid(f"{template['name']} is not registered in the zone {zone['name']}.")
    if not is_ready(lab, template["id"], zone["id"]):
        raise invalid(
            f"{template['name']} is not ready in the zone {zone['name']}: list templates tells its "
            "status."
        )


def _ties(lab: Lab, args: Args) -> Json:
    """The places that were named; raises ApiError 431 for one that is not there."""
    tables = {"hostid": "host", "clusterid": "cluster", "podid": "host_pod_ref"}
    given = {param: args[param] for param in tables if args.get(param)}
    for param, uuid in given.items():
        _row(lab, tables[param], param.removesuffix("id"), param, uuid)
    return given


def _check_networks(lab: Lab, wanted: list[str]) -> None:
    for uuid in wanted:
        if not lab.store.value("SELECT 1 FROM networks WHERE uuid = ?", uuid.lower()):
            raise no_such("network", "networkids", uuid)


def _root_disk(lab: Lab, args: Args, template: sqlite3.Row) -> tuple[int | None, int | None]:
    """The root disk's size in bytes, where it is known before the download, and its offering."""
    offering = args.get("diskofferingid")
    size = args["rootdisksize"] << 30 if args.get("rootdisksize") is not None else None
    if size is not None and not 0 < size <= 1 << 50:
        raise invalid("rootdisksize is in GiB and above 0.")
    if template["format"] != "ISO":
        if offering:
            raise invalid(
                "diskofferingid goes with an ISO, whose VM needs a blank disk; the lab makes no "
                "data disks. To enlarge the root disk: rootdisksize=GiB."
            )
        if size is not None and template["size"] and size < template["size"]:
            raise invalid(
                f"rootdisksize={args['rootdisksize']} is less than the template has inside "
                f"({template['size']} bytes)."
            )
        return size, None
    if not template["bootable"]:
        raise invalid(f"The ISO {template['name']} is not bootable.")
    if not args.get("hypervisor"):
        raise invalid("Deploying from an ISO needs hypervisor=KVM.")
    if not offering:
        raise invalid("Deploying from an ISO needs diskofferingid, for the root disk.")
    row = _row(lab, "disk_offering", "disk offering", "diskofferingid", offering)
    return size or row["disk_size"], row["id"]


def _name(wanted: str | None, uuid: str) -> str:
    if not wanted:
        return f"VM-{uuid}"
    if not _NAME.match(wanted):
        raise invalid(
            f"'{wanted}' is no name for a VM: 1 to 63 letters, digits and dashes, beginning with a "
            "letter and not ending in a dash."
        )
    return wanted


def _refuse_taken(lab: Lab, name: str) -> None:
    if lab.store.value(
        "SELECT 1 FROM vm_instance WHERE name = ? COLLATE NOCASE AND removed IS NULL "
        "AND state <> 'Error'",
        name,
    ):
        raise invalid(f"The vm with hostName {name} already exists in the network.")


def _insert(
    lab: Lab,
    args: Args,
    uuid: str,
    name: str,
    zone: sqlite3.Row,
    template: sqlite3.Row,
    offering: sqlite3.Row,
) -> int:
    from cmk.lab.engine import ADMIN_ACCOUNT

    vm = lab.store.insert(
        "vm_instance",
        uuid=uuid,
        name=name,
        display_name=args.get("displayname") or name,
        state="Starting" if args.get("startvm", True) else "Stopped",
        account_id=ADMIN_ACCOUNT,
        data_center_id=zone["id"],
        vm_template_id=template["id"],
        iso_id=template["id"] if template["format"] == "ISO" else None,
        service_offering_id=offering["id"],
        guest_os_id=template["guest_os_id"],
        created=now(),
        update_time=now(),
    )
    # CloudStack's instance names: i-<account>-<number>-<instance.name>
    own = lab.store.value("SELECT count(*) FROM host WHERE url = 'embedded' AND removed IS NULL")
    suffix = "VM" if own else lab.id[:8]
    lab.store.update("vm_instance", vm, instance_name=f"i-{ADMIN_ACCOUNT}-{vm}-{suffix}")
    return vm


def _insert_disk_and_nic(
    lab: Lab, vm: int, size: int | None, template: sqlite3.Row, disk_offering: int | None
) -> None:
    created = now()
    lab.store.insert(
        "volumes",
        uuid=new_uuid(),
        name=f"ROOT-{vm}",
        instance_id=vm,
        template_id=template["id"],
        disk_offering_id=disk_offering,
        size=size,
        created=created,
    )
    # Locally administered, QEMU's own prefix, then the lab's and the VM's number.
    tail = int(lab.id[:2], 16) << 16 | vm & 0xFFFF
    mac = f"52:54:00:{tail >> 16:02x}:{tail >> 8 & 0xFF:02x}:{tail & 0xFF:02x}"
    network = lab.store.value("SELECT id FROM networks ORDER BY id LIMIT 1")
    lab.store.insert("nics", uuid=new_uuid(), instance_id=vm, network_id=network, mac_address=mac)


@api(
    "listVirtualMachines",
    "Lists VMs",
    optional("id", "uuid", "the VM with this id"),
    optional("ids", "list", "the VMs with these ids"),
    optional("name", "string", "the VM with this name"),
    optional("state", "string", "VMs in this state, such as Running; Present: all of them"),
    optional("zoneid", "uuid", "VMs of this zone"),
    optional("hostid", "uuid", "VMs on this host"),
    optional("templateid", "uuid", "VMs made from this template"),
    optional("isoid", "uuid", "VMs with this ISO in their drive"),
    optional("serviceofferingid", "uuid", "VMs with this service offering"),
    optional("hypervisor", "string", "KVM"),
    *PAGING,
    fields=VIRTUAL_MACHINE,
)
def list_virtual_machines(lab: Lab, args: Args) -> Json:
    return list_rows(lab, args)


def _transition(
    lab: Lab, uuid: str, param: str, states: tuple[str, ...], to: str, cmd: str, **info: Any
) -> Json:
    """Move a VM out of one of these states and queue the job that does what is due then."""
    with lab.store.change():
        vm = row_of(lab, "vm_instance", "VM", uuid, param)
        _require(vm, states, cmd)
        refuse_busy(lab, vm)
        lab.store.update("vm_instance", vm["id"], state=to, update_time=now())
        told = {"was": vm["state"], **info}
        job = jobs.submit(lab, cmd, told, "VirtualMachine", vm["uuid"], vm["id"])
    jobs.hire(lab)
    return job


def refuse_busy(lab: Lab, vm: sqlite3.Row) -> None:
    """Raise ApiError 431 while a job is at work on the VM."""
    busy = jobs.pending(lab, "VirtualMachine", vm["id"])
    if busy:
        raise invalid(f"{vm['name']} is busy with {busy}; wait until that job has ended.")


def _require(vm: sqlite3.Row, states: tuple[str, ...], cmd: str) -> None:
    if vm["state"] not in states:
        raise invalid(
            f"{cmd} is for a VM that is {' or '.join(states)}; {vm['name']} is {vm['state']}."
        )


@api(
    "startVirtualMachine",
    "Starts a VM",
    ID,
    *TIED,
    fields=VIRTUAL_MACHINE,
    work="cmk.lab.works.deployment:START",
)
def start_virtual_machine(lab: Lab, args: Args) -> Json:
    ties = _ties(lab, args)
    return _transition(
        lab, args["id"], "id", ("Stopped",), "Starting", "startVirtualMachine", **ties
    )


@api(
    "stopVirtualMachine",
    "Stops a VM: by its power button, by force when it does not react",
    ID,
    optional("forced", "boolean", "switch it off at once"),
    fields=VIRTUAL_MACHINE,
    work="cmk.lab.works.lifecycle:STOP",
)
def stop_virtual_machine(lab: Lab, args: Args) -> Json:
    return _transition(
        lab,
        args["id"],
        "id",
        ("Running",),
        "Stopping",
        "stopVirtualMachine",
        forced=args.get("forced", False),
    )


@api(
    "rebootVirtualMachine",
    "Resets a running VM",
    ID,
    optional("forced", "boolean", "off and on again: a new QEMU"),
    fields=VIRTUAL_MACHINE,
    work="cmk.lab.works.lifecycle:REBOOT",
)
def reboot_virtual_machine(lab: Lab, args: Args) -> Json:
    return _transition(
        lab,
        args["id"],
        "id",
        ("Running",),
        "Stopping" if args.get("forced") else "Running",
        "rebootVirtualMachine",
        forced=args.get("forced", False),
    )


@api(
    "destroyVirtualMachine",
    "Destroys a VM: it is switched off, and can be recovered until it is expunged",
    ID,
    optional("expunge", "boolean", "remove its disks too; nothing can be recovered"),
    fields=VIRTUAL_MACHINE,
    work="cmk.lab.works.lifecycle:DESTROY",
)
def destroy_virtual_machine(lab: Lab, args: Args) -> Json:
    return _transition(
        lab,
        args["id"],
        "id",
        ("Running", "Stopped", "Error", "Destroyed"),
        "Stopping",
        "destroyVirtualMachine",
        expunge=args.get("expunge", False),
    )


@api(
    "recoverVirtualMachine", "Makes a destroyed VM a stopped one again", ID, fields=VIRTUAL_MACHINE
)
def recover_virtual_machine(lab: Lab, args: Args) -> Json:
    with lab.store.change():
        vm = row_of(lab, "vm_instance", "VM", args["id"], "id")
        _require(vm, ("Destroyed",), "recoverVirtualMachine")
        refuse_busy(lab, vm)
        lab.store.update("vm_instance", vm["id"], state="Stopped", update_time=now())
    return {"virtualmachine": one_row(lab, vm["id"])}


@api(
    "expungeVirtualMachine",
    "Removes a destroyed VM and its disks for good",
    ID,
    fields=DONE,
    work="cmk.lab.works.lifecycle:EXPUNGE",
)
def expunge_virtual_machine(lab: Lab, args: Args) -> Json:
    return _transition(
        lab, args["id"], "id", ("Destroyed", "Error"), "Expunging", "expungeVirtualMachine"
    )


@api(
    "restoreVirtualMachine",
    "Reinstalls a VM: its root disk is made anew from the template",
    required("virtualmachineid", "uuid", "the VM"),
    optional("templateid", "uuid", "another template to reinstall from"),
    fields=VIRTUAL_MACHINE,
    work="cmk.lab.works.lifecycle:RESTORE",
)
def restore_virtual_machine(lab: Lab, args: Args) -> Json:
    vm = row_of(lab, "vm_instance", "VM", args["virtualmachineid"], "virtualmachineid")
    _require(vm, ("Running", "Stopped"), "restoreVirtualMachine")
    zone = lab.store.one("SELECT * FROM data_center WHERE id = ?", vm["data_center_id"])
    template = lab.store.one("SELECT * FROM vm_template WHERE id = ?", vm["vm_template_id"])
    if args.get("templateid"):
        template = _row(lab, "vm_template", "template", "templateid", args["templateid"])
    assert zone is not None and template is not None  # rows refer to them
    if template["removed"]:
        raise invalid(
            f"The template {template['name']} of {vm['name']} was deleted; give another templateid."
        )
    _check_template(lab, zone, template)
    volume = lab.store.one(
        "SELECT * FROM volumes WHERE instance_id = ? AND removed IS NULL", vm["id"]
    )
    assert volume is not None  # made with the VM
    if (template["format"] == "ISO") != (vm["iso_id"] is not None):
        source = "an ISO" if vm["iso_id"] else "a template"
        raise invalid(f"{vm['name']} can be reinstalled from {source} only.")
    return _transition(
        lab,
        vm["uuid"],
        "virtualmachineid",
        ("Running", "Stopped"),
        "Stopping",
        "restoreVirtualMachine",
        volume=volume["id"],
        size=volume["size"],
        template=template["id"],
        running=vm["state"] == "Running",
    )
