"""What jobs do about networks: each changes the store, then has the router made as that says."""

from __future__ import annotations

from cmk.document import Json
from cmk.errors import ApiError
from cmk.lab.events import record
from cmk.lab.hosts.plug import implement
from cmk.lab.hosts.router import namespace_of, refuse_without, reroute, stop
from cmk.lab.jobs import Job, Work
from cmk.lab.lab import Lab
from cmk.lab.model.account import Account
from cmk.lab.model.affinity import AffinityGroup
from cmk.lab.model.key_pair import KeyPair, UserData
from cmk.lab.model.machine import Machine
from cmk.lab.model.network import Balanced, Network, Policy, PublicAddress, Router, Rule
from cmk.lab.model.security_group import SecurityGroup
from cmk.lab.settings import GUESTS, flag
from cmk.lab.store import Store
from cmk.wire.faults import failed


def route(lab: Lab) -> Json:
    """Make the router what the store says, where there are guests at all."""
    return reroute(lab) if flag(lab.store, GUESTS) else {"refused": {}}


def apply_rule(job: Job) -> None:
    """Bring a rule into force. Raises ApiError 530 where a port of it cannot be opened."""
    rule = Rule.of(job.store, job.instance_id)
    done = route(job.lab)
    refused = done["refused"]
    if rule.is_balancer and done.get("balancers"):
        raise ApiError(530, f"The balancer cannot work so: {done['balancers']}.")
    if rule.ip_address_id is not None and rule.traffic_type == "Ingress":
        address = PublicAddress.of(job.store, rule.ip_address_id).public_ip_address
        for port in rule.ports:
            reason = refused.get(f"{rule.protocol} {address}:{port}")
            if reason:
                raise ApiError(
                    530, f"{address}:{port} ({rule.protocol}) cannot be opened: {reason}"
                )
    rule.update(job.store, state="Active")
    record(job.call, f"{_word(rule)}.OPEN", f"A rule of {rule.protocol} is in force", rule)


def drop_rule(job: Job) -> None:
    """Take a rule out of force, with the one that came with it."""
    rule = Rule.of(job.store, job.instance_id)
    with job.store.change():
        remove_rules(job.store, [rule])
    route(job.lab)
    record(job.call, f"{_word(rule)}.CLOSE", f"A rule of {rule.protocol} is gone", rule)


_WORDS = {Rule.FORWARDING: "NET.RULE", Rule.BALANCING: "LB", Rule.FIREWALL: "FIREWALL"}


def _word(rule: Rule) -> str:
    return _WORDS[rule.purpose]


def undo_rule(job: Job, reason: str) -> None:
    """A rule that cannot be in force is not there."""
    with job.store.change():
        remove_rules(job.store, [Rule.of(job.store, job.instance_id)])
    route(job.lab)


def stands(job: Job, reason: str) -> None:
    """What was deleted stays so; the router is told again at the next change."""


def remove_rules(store: Store, rules: list[Rule]) -> None:
    """Mark rules as removed, and those that came with them."""
    for rule in rules:
        rule.remove(store)
        for balanced in Balanced.there(store, load_balancer_id=rule.id):
            balanced.delete(store)
        for policy in Policy.there(store, load_balancer_id=rule.id):
            policy.remove(store)
        for related in Rule.there(store, related_id=rule.id):
            related.remove(store)


def leave_networks(store: Store, vm: Machine) -> None:
    """A VM that is gone has no NICs, and nothing leads to it."""
    with store.change():
        remove_rules(store, Rule.there(store, instance_id=vm.id))
        for balanced in Balanced.there(store, instance_id=vm.id):
            balanced.delete(store)
        for address in PublicAddress.there(store, vm_id=vm.id):
            remove_rules(store, address.rules(store))
            address.update(store, vm_id=None, nic_id=None)
        for nic in vm.nics(store):
            nic.remove(store)


def take_address(job: Job) -> None:
    """A network has a public address: it is up from now on."""
    address = PublicAddress.of(job.store, job.instance_id)
    if address.network_id is not None:
        with job.store.change():
            implement(job.store, Network.of(job.store, address.network_id))
    record(job.call, "NET.IPASSIGN", f"{address.public_ip_address} was given away", address)


def leave_address(job: Job, reason: str) -> None:
    """An address that cannot be used is nobody's."""
    PublicAddress.of(job.store, job.instance_id).remove(job.store)


def give_back(job: Job) -> None:
    """Remove a public address, with its rules."""
    address = PublicAddress.of(job.store, job.instance_id)
    with job.store.change():
        remove_rules(job.store, address.rules(job.store))
        address.remove(job.store)
    route(job.lab)
    record(job.call, "NET.IPRELEASE", f"{address.public_ip_address} was given back", address)


def end_static_nat(job: Job) -> None:
    """A public address leads nowhere any more."""
    address = PublicAddress.of(job.store, job.instance_id)
    with job.store.change():
        remove_rules(job.store, address.rules(job.store))
        address.update(job.store, vm_id=None, nic_id=None)
    route(job.lab)
    record(job.call, "STATICNAT.DISABLE", f"{address.public_ip_address} leads nowhere", address)


def update(job: Job) -> None:
    """The router is told of a network's new names."""
    route(job.lab)


def balance(job: Job) -> None:
    """The router is told of a balancer's change. Raises ApiError 530 where haproxy refuses it."""
    trouble = route(job.lab).get("balancers")
    if trouble:
        raise ApiError(530, f"The balancer cannot work so: {trouble}.")


def undo_policy(job: Job, reason: str) -> None:
    """A policy that cannot be in force is not there."""
    Policy.of(job.store, job.instance_id).remove(job.store)
    route(job.lab)


def remove(job: Job) -> None:
    """Remove a network, with its addresses and all rules."""
    network = Network.of(job.store, job.instance_id)
    with job.store.change():
        if network.nics(job.store):  # a VM came while this waited
            raise failed(f"The network {network.name} has NICs of VMs on it.")
        _remove_addresses(job.store, network)
        network.remove(job.store)
    route(job.lab)
    record(job.call, "NETWORK.DELETE", f"Deleted the network {network.name}", network)


def apply_group(job: Job) -> None:
    """Have a security group's rules be in force."""
    found = SecurityGroup.among(job.store, {job.instance_id})
    if not found:  # it was deleted while this waited
        raise failed("The security group is gone.")
    [group] = found
    route(job.lab)
    record(job.call, "SG.AUTH", f"The rules of the security group {group.name} changed", group)


def drop_policy(job: Job) -> None:
    """A balancer does without a policy."""
    Policy.of(job.store, job.instance_id).remove(job.store)
    route(job.lab)


def _remove_addresses(store: Store, network: Network) -> None:
    """A network's public addresses, and all rules."""
    with store.change():
        remove_rules(store, Rule.there(store, network_id=network.id))
        for address in PublicAddress.there(store, network_id=network.id):
            address.remove(store)


def remove_all_of(job: Job, account: Account) -> None:
    """Take an account's networks, and what else it has for VMs that are gone already; a network
    that others' VMs are on stays."""
    store = job.store
    for network in Network.there(store, account_id=account.id):
        if network.id == Network.default(store).id:
            continue
        _remove_addresses(store, network)
        if not network.nics(store):
            network.remove(store)
    with store.change():
        for data in UserData.there(store, account_id=account.id):
            data.remove(store)
        for pair in KeyPair.there(store, account_id=account.id):
            pair.delete(store)
        for group in AffinityGroup.there(store, account_id=account.id):
            if not group.machines(store):
                group.empty(store)
                group.delete(store)
        for guarding in SecurityGroup.there(store, account_id=account.id):
            if not guarding.machines(store):
                for rule in guarding.namers(store):  # of others, about VMs that nobody has
                    rule.delete(store)
                guarding.dissolve(store)
    route(job.lab)


def remake(job: Job) -> None:
    """Make the router anew, from nothing where that was asked."""
    if job.info.get("cleanup") and job.call.caller.is_root:  # it is everybody's
        stop(job.lab)
    route(job.lab)


def restart(job: Job) -> None:
    """Make the router anew for a network."""
    remake(job)
    network = Network.of(job.store, job.instance_id)
    record(job.call, "NETWORK.RESTART", f"Restarted the network {network.name}", network)


def start_router(job: Job) -> None:
    """Have the router run, also where no VM does."""
    with_router = namespace_of(job.lab)
    if with_router is None:
        refuse_without(job.lab, "That")
        return  # there are no guests at all
    with_router.ensure()
    route(job.lab)
    record(job.call, "ROUTER.START", "Started the router", Router.of(job.store, job.instance_id))


def stop_router(job: Job) -> None:
    """End the router."""
    stop(job.lab)
    record(job.call, "ROUTER.STOP", "Stopped the router", Router.of(job.store, job.instance_id))


def reboot_router(job: Job) -> None:
    """End the router, and have it run again."""
    stop_router(job)
    start_router(job)


APPLY_GROUP = Work(apply_group, stands)
APPLY_RULE = Work(apply_rule, undo_rule)
CHANGE_RULE = Work(apply_rule, stands)
DROP_RULE = Work(drop_rule, stands)
TAKE_ADDRESS = Work(take_address, leave_address)
GIVE_BACK = Work(give_back, stands)
END_STATIC_NAT = Work(end_static_nat, stands)
UPDATE = Work(update, stands)
BALANCE = Work(balance, stands)
ADD_POLICY = Work(balance, undo_policy)
DROP_POLICY = Work(drop_policy, stands)
REMOVE = Work(remove, stands)
RESTART = Work(restart, stands)
START_ROUTER = Work(start_router, stands)
STOP_ROUTER = Work(stop_router, stands)
REBOOT_ROUTER = Work(reboot_router, stands)
