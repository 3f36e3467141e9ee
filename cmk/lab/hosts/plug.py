"""How a VM's interfaces hang on its host: on the lab's router, on a bridge of the host's, or in
QEMU's user mode."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from cmk.errors import Unreachable
from cmk.lab.hosts.host import OpenHost
from cmk.lab.hosts.router import public_cidr, reroute
from cmk.lab.lab import Lab
from cmk.lab.model.machine import Machine
from cmk.lab.model.network import USER_MODE, Network, NetworkState, Nic, PublicAddress
from cmk.lab.model.vpc import Vpc
from cmk.lab.store import Store, now
from cmk.router.links import tap_of

if TYPE_CHECKING:
    from cmk.lab.libvirt.domain import Interface

#: The network that QEMU's user mode has by itself.
_QEMUS = "10.0.2.0/24"

#: The detail of a host that names the bridge its guests are on.
BRIDGE = "guest.bridge"


def plug_in(lab: Lab, host: OpenHost, vm: Machine) -> tuple[Interface, ...]:
    """A VM's interfaces for its start, the router told of them first. Raises Unreachable for a
    network that this host has not."""
    store, nics = lab.store, vm.nics(lab.store)
    mode = _mode(host)
    if mode == Nic.ROUTER:
        with store.change():
            for nic in nics:
                nic.update(store, mode=mode)
        reroute(lab)
    else:
        for nic in nics:
            _leave_router(store, host, nic, mode)
    return tuple(interface_of(store, host, nic.again(store)) for nic in nics)


def _mode(host: OpenHost) -> str:
    if host.daemon is not None and host.daemon.namespace is not None:
        return Nic.ROUTER
    return Nic.BRIDGE if host.daemon is None and host.detail(BRIDGE) else Nic.USER


def _leave_router(store: Store, host: OpenHost, nic: Nic, mode: str) -> None:
    network = nic.network(store)
    if network.acl_type != "Domain":
        raise Unreachable(f"it has no router, and the network {network.name} is on the lab's")
    address = nic.ip4_address
    if mode == Nic.USER:
        address = str(IPv4Network(network.cidr).network_address + USER_MODE)
    nic.update(store, mode=mode, ip4_address=address)


def implement(store: Store, network: Network) -> None:
    """A network has guests: from now on it has an address outside, where its offering gives one.
    Raises Unreachable where none is left."""
    if network.acl_type == "Domain":
        return
    if network.state == NetworkState.ALLOCATED:
        network.update(store, state=NetworkState.IMPLEMENTED)
    if network.provides(store, "Firewall"):  # a tier's VPC has an address already
        give_source(store, network)


def give_source(store: Store, place: Network | Vpc) -> None:
    """A network or a VPC has an address by which its VMs reach out. Raises Unreachable where none
    is left."""
    if PublicAddress.there(store, source_nat=1, **place.address_columns):
        return
    free = PublicAddress.free(store, public_cidr(store))
    if free is None:
        raise Unreachable("all of the lab's public addresses are given away")
    PublicAddress.add(
        store,
        public_ip_address=free,
        account_id=place.account_id,
        data_center_id=place.data_center_id,
        source_nat=1,
        allocated=now(),
        **place.address_columns,
    )


def interface_of(store: Store, host: OpenHost, nic: Nic) -> Interface:
    """A NIC as libvirt is told it."""
    from cmk.lab.libvirt.domain import Interface

    if nic.mode == Nic.ROUTER:
        return Interface(nic.mac_address, tap=tap_of(nic.id))
    if nic.mode == Nic.BRIDGE:
        return Interface(nic.mac_address, bridge=host.detail(BRIDGE))
    cidr = nic.network(store).cidr
    return Interface(nic.mac_address, within="" if cidr == _QEMUS else cidr)
