"""Affinity groups: VMs that are to be on one host, or on different ones."""

from __future__ import annotations

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, job
from cmk.lab.events import record
from cmk.lab.jobs import Task
from cmk.lab.model.account import Account
from cmk.lab.model.affinity import TYPES, AffinityGroup, set_groups
from cmk.lab.model.machine import OFF, Machine
from cmk.lab.noun import Args, Noun, Row
from cmk.lab.nouns.virtual_machine import MACHINE, refuse_busy
from cmk.lab.ownership import OWNER, owner_of_new, things_of
from cmk.lab.store import now
from cmk.wire.faults import failed, invalid, malformed, nobody


def _facts(call: Call, rows: list[Row]) -> None:
    for row in rows:
        group = AffinityGroup.of(call.store, row["row_id"])
        inside = Machine.among(call.store, set(group.machines(call.store)))
        row["virtualmachineIds"] = [vm.uuid for vm in inside] or None


AFFINITY_GROUP = Noun(
    "affinitygroup",
    "listAffinityGroups",
    "affinity_group_view",
    "id name account domainid domain domainpath project projectid description type "
    "virtualmachineIds",
    _facts,
    is_owned=True,
)


@api(AFFINITY_GROUP)
def list_affinity_groups(call: Call, args: Args) -> Json:
    """Lists affinity groups.

    id: the group with this id
    name: the group with this name
    type: groups of this type
    virtualmachineid: the groups that this VM is in
    """
    return AFFINITY_GROUP.listed(call, args)


@api("type")
def list_affinity_group_types(call: Call, args: Args) -> Json:
    """Lists the types of affinity groups."""
    return {"count": len(TYPES), "affinityGroupType": [{"type": each} for each in TYPES]}


@job(AFFINITY_GROUP, more=OWNER)
def create_affinity_group(call: Call, args: Args) -> Task:
    """Makes an affinity group.

    name*: its name
    type*: host affinity or host anti-affinity, strict or with non-strict before it
    description: a text for people
    """
    owner = owner_of_new(call, args)
    if args["type"].lower() not in TYPES:
        raise invalid(f"type={args['type']} is none of {', '.join(TYPES)}.")
    if AffinityGroup.is_taken(call.store, args["name"], account_id=owner.id):
        raise invalid(f"There is an affinity group {args['name']} already.")
    made = AffinityGroup.add(
        call.store,
        name=args["name"],
        type=args["type"].lower(),
        description=args.get("description"),
        account_id=owner.id,
        created=now(),
    )
    record(call, "AG.CREATE", f"Made the affinity group {made.name}", made)
    return Task(made, answer=AFFINITY_GROUP.answer(call, made))


@job(DONE, more=OWNER)
def delete_affinity_group(call: Call, args: Args) -> Task:
    """Deletes an affinity group that no VM is in.

    id: the group
    name: instead of the id: its name
    """
    if args.get("id"):
        group = call.find(AffinityGroup, args["id"])
    elif args.get("name"):
        group = named(call, owner_of_new(call, args), args["name"])
    else:
        raise malformed("deleteAffinityGroup needs id, or name.")
    inside = group.machines(call.store)
    if inside:
        raise failed(f"The affinity group {group.name} has {len(inside)} VM(s) in it.")
    group.empty(call.store)
    group.delete(call.store)
    record(call, "AG.DELETE", f"Deleted the affinity group {group.name}")
    return Task(group, answer={"success": True})


def named(call: Call, owner: Account, name: str) -> AffinityGroup:
    """A group of an account's by its name. Raises ApiError 431."""
    found = AffinityGroup.first(call.store, account_id=owner.id, name=name)
    if found is None:
        raise nobody(f"There is no affinity group {name} of the account {owner.account_name}.")
    return found


def groups_of(call: Call, args: Args, owner: Account) -> list[AffinityGroup]:
    """The groups that affinitygroupids or affinitygroupnames say."""
    return things_of(call, AffinityGroup, args, "affinitygroup", owner, named)


@job(MACHINE)
def update_vm_affinity_group(call: Call, args: Args) -> Task:
    """Puts a stopped VM into these affinity groups, and into no other.

    id*: the VM
    affinitygroupids: the groups, with commas between; nothing: none
    affinitygroupnames: the same by their names
    """
    vm = call.find(Machine, args["id"])
    refuse_busy(call, vm)
    if args.get("affinitygroupids") is None and args.get("affinitygroupnames") is None:
        told = "updateVMAffinityGroup needs affinitygroupids or affinitygroupnames."
        return Task(vm, refusal=malformed(told))
    if vm.state not in OFF:
        return Task(vm, refusal=invalid(f"{vm.name} is {vm.state}; stop it first."))
    owner = Account.of(call.store, vm.account_id)
    set_groups(call.store, vm.id, groups_of(call, args, owner))
    return Task(vm, answer=MACHINE.answer(call, vm))
