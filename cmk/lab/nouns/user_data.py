"""User data: what guests do at their first boot, kept under a name or given to one VM."""

from __future__ import annotations

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, job, listing
from cmk.lab.jobs import Task
from cmk.lab.model.key_pair import UserData
from cmk.lab.model.machine import OFF, Machine, MachineState
from cmk.lab.noun import Args, Noun
from cmk.lab.nouns.guest_access import checked, new_password, user_data_of
from cmk.lab.nouns.virtual_machine import MACHINE, refuse_busy
from cmk.lab.ownership import OWNER, owner_of_new
from cmk.wire.faults import failed, invalid, malformed

USER_DATA = Noun(
    "userdata",
    "listUserData",
    "user_data_view",
    "id name account accountid domain domainid domainpath project projectid userdata params",
    is_owned=True,
)

listing(USER_DATA, "user data", "id name")


@api(DONE, more=OWNER)
def register_user_data(call: Call, args: Args) -> Json:
    """Keeps user data under a name.

    name*: its name
    userdata*: base64, or @FILE
    params: the names of what it leaves open, with commas between
    """
    owner = owner_of_new(call, args)
    if UserData.is_taken(call.store, args["name"], account_id=owner.id):
        raise invalid(f"There is user data {args['name']} already.")
    body = checked(args["userdata"])
    if body is None:
        raise malformed("userdata is empty.")
    found = UserData.add(
        call.store,
        account_id=owner.id,
        name=args["name"],
        user_data=body,
        params=args.get("params") or "",
    )
    return USER_DATA.answer(call, found)


@api(DONE, more=OWNER)
def delete_user_data(call: Call, args: Args) -> Json:
    """Forgets registered user data; VMs keep theirs.

    id*: the user data
    """
    found = call.find(UserData, args["id"])
    users = [vm.name for vm in Machine.there(call.store, user_data_id=found.id)]
    if users:
        raise failed(f"The user data {found.name} is in use by: {', '.join(users[:5])}.")
    found.remove(call.store)
    return {"success": True}


@api("virtualmachineid userdata")
def get_virtual_machine_user_data(call: Call, args: Args) -> Json:
    """Shows the user data of a VM, as base64.

    virtualmachineid*: the VM
    """
    vm = call.find(Machine, args["virtualmachineid"], "virtualmachineid")
    shown = {"virtualmachineid": vm.uuid, "userdata": vm.user_data or ""}
    return {"virtualmachineuserdata": shown}


@api(MACHINE, more=OWNER)
def reset_user_data_for_virtual_machine(call: Call, args: Args) -> Json:
    """Changes the user data of a stopped VM.

    id*: the VM
    userdata: base64, or @FILE
    userdataid: registered user data instead
    userdatadetails: the values of what that leaves open
    """
    vm = call.find(Machine, args["id"])
    refuse_busy(call, vm)
    if vm.state not in OFF:
        raise invalid(f"{vm.name} is {vm.state}; stop it first.")
    vm.update(call.store, **user_data_of(call, args))
    return MACHINE.answer(call, vm)


@job(MACHINE)
def reset_password_for_virtual_machine(call: Call, args: Args) -> Task:
    """Gives a stopped VM a new password, which its guest takes when it next boots.

    id*: the VM
    password: the new one (default: one is made)
    """
    vm = call.find(Machine, args["id"])
    refuse_busy(call, vm)
    if not vm.template(call.store).enable_password:
        raise invalid(f"The template of {vm.name} is not passwordenabled: its guest would not ask.")
    if vm.state is not MachineState.STOPPED:
        raise invalid(f"{vm.name} is {vm.state}; stop it first.")
    password = args.get("password") or new_password()
    vm.update(call.store, new_password=password)
    answer = MACHINE.answer(call, vm)
    answer["virtualmachine"]["password"] = password
    return Task(vm, answer=answer)
