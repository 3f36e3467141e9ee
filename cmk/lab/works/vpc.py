"""What jobs do about VPCs: each changes the store, then has the router made as that says."""

from __future__ import annotations

from cmk.lab.events import record
from cmk.lab.hosts.plug import give_source
from cmk.lab.jobs import Job, Work
from cmk.lab.model.network import Network
from cmk.lab.model.vpc import AclItem, AclList, Vpc
from cmk.lab.store import Store
from cmk.lab.works.routing import remake, remove_rules, route, stands
from cmk.wire.faults import failed


def make(job: Job) -> None:
    """Give a VPC the address by which its tiers reach out. Raises Unreachable."""
    vpc = Vpc.of(job.store, job.instance_id)
    with job.store.change():
        give_source(job.store, vpc)
    record(job.call, "VPC.CREATE", f"Made the VPC {vpc.name}", vpc)


def undo_make(job: Job, reason: str) -> None:
    """A VPC that has no address is not there."""
    remove_vpc(job.store, Vpc.of(job.store, job.instance_id))


def remove(job: Job) -> None:
    """Remove a VPC, with its addresses and its lists."""
    vpc = Vpc.of(job.store, job.instance_id)
    with job.store.change():
        if vpc.tiers(job.store):  # one came while this waited
            raise failed(f"The VPC {vpc.name} has a network.")
        remove_vpc(job.store, vpc)
    route(job.lab)
    record(job.call, "VPC.DELETE", f"Deleted the VPC {vpc.name}", vpc)


def remove_vpc(store: Store, vpc: Vpc) -> None:
    """The same in the store: what was made for it goes too."""
    with store.change():
        for address in vpc.addresses(store):
            remove_rules(store, address.rules(store))
            address.remove(store)
        for acl in vpc.lists(store):
            remove_list(store, acl)
        vpc.remove(store)


def remove_list(store: Store, acl: AclList) -> None:
    """Remove a list with its rules."""
    for item in acl.items(store):
        item.remove(store)
    acl.remove(store)


def restart(job: Job) -> None:
    """Make the router anew for a VPC."""
    remake(job)
    vpc = Vpc.of(job.store, job.instance_id)
    record(job.call, "VPC.RESTART", f"Restarted the VPC {vpc.name}", vpc)


def apply_item(job: Job) -> None:
    """Bring a rule of a list into force, where it stands now."""
    item = AclItem.of(job.store, job.instance_id)
    if item.removed:  # with its list, while this waited
        raise failed(f"Rule {item.number} is gone.")
    route(job.lab)
    item.update(job.store, state="Active")
    record(job.call, "NETWORK.ACL.ITEM.UPDATE", f"Rule {item.number} is in force", item)


def undo_item(job: Job, reason: str) -> None:
    """A rule that cannot be brought into force is not there."""
    AclItem.of(job.store, job.instance_id).remove(job.store)


def restore_item(job: Job, reason: str) -> None:
    """A rule that cannot be in force as it was to be is as it was."""
    item = AclItem.of(job.store, job.instance_id)
    if "was" in job.info:
        item.update(job.store, **job.info["was"])
        route(job.lab)


def remove_item(job: Job) -> None:
    """Take a rule out of its list."""
    item = AclItem.of(job.store, job.instance_id)
    item.remove(job.store)
    route(job.lab)
    record(job.call, "NETWORK.ACL.ITEM.DELETE", f"Rule {item.number} is gone", item)


def replace(job: Job) -> None:
    """Have a tier keep to another list."""
    tier = Network.of(job.store, job.instance_id)
    acl = AclList.of(job.store, job.info["acl"])
    if acl.removed or tier.removed:  # while this waited
        raise failed(f"The list {acl.name} or the network {tier.name} is gone.")
    tier.update(job.store, network_acl_id=acl.id)
    route(job.lab)
    record(job.call, "NETWORK.ACL.REPLACE", f"{tier.name} keeps to {acl.name}", tier)


def restore(job: Job, reason: str) -> None:
    """A tier that cannot keep to another list keeps to the one that it had."""
    tier = Network.of(job.store, job.instance_id)
    tier.update(job.store, network_acl_id=job.info["was"])
    route(job.lab)


MAKE = Work(make, undo_make)
REMOVE = Work(remove, stands)
RESTART = Work(restart, stands)
ADD_ITEM = Work(apply_item, undo_item)
APPLY_ITEM = Work(apply_item, restore_item)
REMOVE_ITEM = Work(remove_item, stands)
REPLACE = Work(replace, restore)
