"""The lab's virtual router as the store wants it: the whole of it at once, whenever something has
changed (see cmk.router for the shape)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from cmk.document import Json
from cmk.lab.directory import held
from cmk.lab.hosts.access_list import about, access, entrances, lets_here
from cmk.lab.hosts.host import OpenHost
from cmk.lab.hosts.lab_key import public_key
from cmk.lab.hosts.security import groups_of_guest
from cmk.lab.lab import Lab
from cmk.lab.model.machine import LOADING, Machine
from cmk.lab.model.network import Balanced, Network, Nic, Policy, PublicAddress, Rule
from cmk.lab.settings import PUBLIC_CIDR, setting
from cmk.lab.store import Store
from cmk.wire.faults import invalid

if TYPE_CHECKING:
    from cmk.lab.libvirt.namespace import Namespace

#: Where the router has the public addresses inside: slirp4netns' own network.
_INSIDE = IPv4Address("100.64.1.0")


def public_cidr(store: Store) -> str:
    """The block of 127/8 that the lab's public addresses are of: by default one of its own."""
    lab = store.lab_id
    own = f"127.{64 + int(lab[:2], 16) % 128}.{int(lab[2:4], 16)}.0/24"
    return setting(store, PUBLIC_CIDR) or own


def reroute(lab: Lab) -> Json:
    """Make the router what the store says, where it runs or has to: `refused` are the ports that
    could not be opened, with the reason. Raises Unreachable."""
    router = namespace_of(lab)
    if router is None:
        return {"refused": {}}
    with held(_lock(lab)):
        return _made(lab, router)


def _lock(lab: Lab) -> Path:
    return lab.directory.jobs / "router.lock"


def _made(lab: Lab, router: Namespace) -> Json:
    """The same, alone with the router."""
    state = state_of(lab.store, public_key(lab.directory))
    if not state["networks"] and not router.is_held:
        router.stop()
        return {"refused": {}}
    router.ensure()
    done = router.apply(state)
    for machine in Machine.there(lab.store):
        if machine.new_password and set(machine.addresses(lab.store)) & set(done["fetched"]):
            machine.update(lab.store, new_password=None)
    return done


def namespace_of(lab: Lab) -> Namespace | None:
    """The router of the lab's own host; None where there can be none."""
    host = OpenHost.own(lab)
    daemon = host.daemon if host is not None else None
    return daemon.namespace if daemon is not None else None


def is_up(lab: Lab) -> bool:
    """Whether the router runs."""
    router = namespace_of(lab)
    return router is not None and router.is_held


def stop(lab: Lab) -> None:
    """End the router."""
    router = namespace_of(lab)
    if router is not None:
        with held(_lock(lab)):
            router.stop()


def settle(lab: Lab) -> None:
    """What the router does not need any more goes, and the router with the last VM that runs."""
    router = namespace_of(lab) if is_up(lab) else None
    if router is None:
        return
    with held(_lock(lab)):
        if any(vm.state in LOADING for vm in Machine.there(lab.store)):
            _made(lab, router)
        else:
            router.stop()


def state_of(store: Store, lab_key: str) -> Json:
    """What the router has to be: networks that have guests on it now, and what leads to them;
    `lab_key` is let in by all of them."""
    machines = {vm.id: vm for vm in Machine.there(store) if vm.state in LOADING}
    networks: list[Json] = []
    metadata: Json = {}
    for network in Network.there(store):
        nics = [nic for nic in network.nics(store) if nic.mode == Nic.ROUTER]
        guests = [(machines[nic.instance_id], nic) for nic in nics if nic.instance_id in machines]
        if not guests:
            continue
        networks.append(_network(store, network, guests))
        if network.provides(store, "UserData"):
            outside = _outside(store, network)
            metadata |= {
                nic.ip4_address: metadata_of(store, vm, nic, outside, lab_key)
                for vm, nic in guests
                if nic.ip4_address
            }
    there = {network["id"] for network in networks}
    publics = [
        _public(store, address)
        for address in PublicAddress.there(store)
        if any(network.id in there for network in address.networks(store))
    ]
    return {"networks": networks, "publics": publics, "metadata": metadata}


def _network(store: Store, network: Network, guests: list[tuple[Machine, Nic]]) -> Json:
    offering = network.offering(store)
    within = IPv4Network(network.cidr) if network.cidr else None
    return {
        "id": network.id,
        "address": network.gateway,
        "prefix": within.prefixlen if within else 0,
        "netmask": str(within.netmask) if within else "",
        "mac": f"02:{store.lab_id[:2]}:00:00:{network.id >> 8 & 0xFF:02x}:{network.id & 0xFF:02x}",
        "domain": network.network_domain,
        "outgoing": "allow" if offering.egress_policy else "deny",
        "egress": [_egress(rule) for rule in Rule.there(store, network_id=network.id)
                   if rule.traffic_type == "Egress"],
        "services": sorted(offering.provides),
        "vpc": network.vpc_id or 0,
        "access": access(store, network),
        "guests": [
            {
                "nic": nic.id,
                "mac": nic.mac_address,
                "address": nic.ip4_address or "",
                "addresses": nic.all_addresses(store),
                "name": vm.name.lower(),
                "groups": groups_of_guest(store, vm, network) if offering.is_shared else None,
            }
            for vm, nic in guests
        ],
    }  # fmt: skip


def _egress(rule: Rule) -> Json:
    return {
        **about(rule),
        "sources": Rule.list_of(rule.source_cidrs),
        "destinations": Rule.list_of(rule.destination_cidrs),
    }


def _public(store: Store, address: PublicAddress) -> Json:
    number = int(IPv4Address(address.public_ip_address))
    block = IPv4Network(public_cidr(store), strict=False)
    place = (number - int(block.network_address)) & 0xFFFF
    rules = address.rules(store)
    opened = None if address.network_id is None else _opened(rules)
    sources = address.networks(store) if address.source_nat else []
    return {
        "address": address.public_ip_address,
        "inside": str(_INSIDE + place),
        "sources": [network.id for network in sources],
        "forwards": list(_forwards(store, address, rules, opened)),
        "balancers": list(_balancers(store, rules, opened)),
    }


#: Ports that a firewall lets in, as (protocol, port); None: a VPC's list says it later.
_Opened = set[tuple[str, int]] | None


def _opened(rules: list[Rule]) -> _Opened:
    return {
        (rule.protocol, port)
        for rule in rules
        if rule.purpose == Rule.FIREWALL and lets_here(rule.source_cidrs)
        for port in rule.ports
        if rule.protocol in ("tcp", "udp")
    }


def _forwards(
    store: Store, address: PublicAddress, rules: list[Rule], opened: _Opened
) -> Iterator[Json]:
    """The ports of a public address that lead somewhere, and that its firewall lets in."""
    if address.nic_id is not None:
        nic = Nic.of(store, address.nic_id)
        to = address.dest_ip_address or nic.ip4_address
        ports = entrances(store, nic.network(store)) if opened is None else opened
        yield from (
            {"protocol": protocol, "port": port, "to": to, "at": port}
            for protocol, port in sorted(ports)
        )
    for rule in rules:
        if rule.purpose != Rule.FORWARDING or rule.nic_id is None:
            continue
        to = rule.dest_ip_address or Nic.of(store, rule.nic_id).ip4_address
        for port in rule.ports:
            if opened is None or (rule.protocol, port) in opened:
                at = (rule.dest_port_start or 0) + port - rule.ports.start
                yield {"protocol": rule.protocol, "port": port, "to": to, "at": at}


def _balancers(store: Store, rules: list[Rule], opened: _Opened) -> Iterator[Json]:
    """The ports of a public address that several VMs share, and that its firewall lets in."""
    for rule in rules:
        port = rule.ports.start
        if not rule.is_balancer or (opened is not None and ("tcp", port) not in opened):
            continue
        servers = [
            {
                "name": Machine.of(store, each.instance_id).name,
                "address": f"{Nic.of(store, each.nic_id).ip4_address}:{rule.dest_port_start}",
            }
            for each in Balanced.there(store, load_balancer_id=rule.id)
        ]
        yield {
            "id": rule.id,
            "protocol": "tcp",
            "port": port,
            "algorithm": rule.algorithm,
            "servers": servers,
            "sticky": _sticky(store, rule),
            "check": _check(store, rule),
        }


def _sticky(store: Store, rule: Rule) -> Json:
    policy = Policy.first(store, load_balancer_id=rule.id, kind=Policy.STICKINESS)
    if policy is None:
        return {}
    params = json.loads(policy.params)
    return {
        "method": policy.method,
        "name": params.get(
            "cookie-name", "SERVERID" if policy.method == "LbCookie" else "JSESSIONID"
        ),
        "size": params.get("tablesize", "200k"),
        "expire": params.get("expire") or params.get("holdtime") or "30m",
        "length": params.get("length", "52"),
    }


def _check(store: Store, rule: Rule) -> Json:
    policy = Policy.first(store, load_balancer_id=rule.id, kind=Policy.HEALTH)
    params = json.loads(policy.params) if policy else {}
    found: Json = {"path": params["pingpath"]} if params.get("pingpath") else {}
    if "intervaltime" in params:
        found["inter"] = f"{params['intervaltime']}s"
    for word, name in (("rise", "healthythreshold"), ("fall", "unhealthythreshold")):
        if name in params:
            found[word] = params[name]
    return found


def keys_of(vm: Machine, lab_key: str) -> list[str]:
    """What a guest lets in: the key pairs that were named for it, and the lab's own."""
    return [*(vm.public_keys or "").splitlines(), lab_key]


def _outside(store: Store, network: Network) -> str:
    """The address by which a network reaches out, or its router's where it has none."""
    source = PublicAddress.first(store, source_nat=1, **network.address_columns)
    return source.public_ip_address if source else network.gateway


def metadata_of(store: Store, vm: Machine, nic: Nic, outside: str, lab_key: str) -> Json:
    """What a guest may be told over HTTP, under the names of CloudStack's virtual router; `outside`
    is its network's public address."""
    values = {
        "availability-zone": vm.zone_name(store),
        "cloud-identifier": f"CloudStack-{{{store.lab_id}}}",
        "instance-id": vm.uuid,
        "local-hostname": vm.name,
        "local-ipv4": nic.ip4_address,
        "public-hostname": outside,
        "public-ipv4": outside,
        "public-keys": "\n".join(keys_of(vm, lab_key)),
        "service-offering": vm.offering(store).name,
        "vm-id": vm.uuid,
        **json.loads(vm.user_data_details or "{}"),
    }
    return {"values": values, "userdata": vm.user_data or "", "password": vm.new_password or ""}


def refuse_without(lab: Lab, what: str) -> None:
    """Raise ApiError 431 for what this machine's router would be needed for, and cannot be had."""
    host = OpenHost.own(lab)
    if host is None or not host.has_guests:
        return
    reason = host.router_lack
    if reason:
        raise invalid(f"{what} needs the lab's virtual router, which cannot be had: {reason}.")
