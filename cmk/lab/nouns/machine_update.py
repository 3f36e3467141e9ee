"""What can be changed of a VM as a row: its names, its OS type, its user data."""

from __future__ import annotations

from typing import Any

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import api
from cmk.lab.model.account import Account
from cmk.lab.model.machine import OFF, Machine
from cmk.lab.model.security_group import SecurityGroup
from cmk.lab.model.template import OsType
from cmk.lab.noun import Args, changed
from cmk.lab.nouns.deployment import free_name
from cmk.lab.nouns.guest_access import user_data_of
from cmk.lab.nouns.security_group import groups_named
from cmk.lab.nouns.virtual_machine import MACHINE, refuse_busy
from cmk.wire.faults import invalid


@api(MACHINE)
def update_virtual_machine(call: Call, args: Args) -> Json:
    """Changes a VM; what its guest has to learn, of a stopped one.

    id*: the VM
    displayname: its new name for people
    name: its new host name; of a stopped VM
    ostypeid: the OS type inside it
    userdata: base64, or @FILE; of a stopped VM
    userdataid: registered user data instead
    userdatadetails: the values of what that leaves open
    securitygroupids: the security groups that it is in from now on; of a stopped VM
    securitygroupnames: the same by their names
    """
    with call.store.change():
        vm = call.find(Machine, args["id"])
        refuse_busy(call, vm)
        columns: dict[str, Any] = {"display_name": args.get("displayname")}
        if args.get("ostypeid"):
            columns["guest_os_id"] = call.find(OsType, args["ostypeid"], "ostypeid").id
        name = args.get("name")
        if name and name != vm.name:
            columns["name"] = free_name(call, name, vm.id)
        if args.get("userdata") or args.get("userdataid"):
            columns |= user_data_of(call, args)
        if args.get("securitygroupids") or args.get("securitygroupnames"):
            if vm.state not in OFF:
                raise invalid(f"{vm.name} is {vm.state}; its groups change when it is off.")
            owner = Account.of(call.store, vm.account_id)
            SecurityGroup.put(call.store, vm.id, groups_named(call, args, owner))
        if vm.state not in OFF and columns.keys() & {"name", "user_data"}:
            raise invalid(f"{vm.name} is {vm.state}; its name and user data change when it is off.")
        return changed(call, MACHINE, vm, **columns)
