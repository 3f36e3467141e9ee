"""NICs: what connects VMs to networks."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import api
from cmk.lab.model.machine import Machine
from cmk.lab.model.network import Network, SecondaryAddress
from cmk.lab.noun import Args, Noun, Row
from cmk.lab.store import Store
from cmk.wire.faults import invalid, malformed


def _facts(call: Call, rows: list[Row]) -> None:
    more: dict[int, list[Json]] = {}
    for each in SecondaryAddress.of_nics(call.store, {row["row_id"] for row in rows}):
        told = {"id": each.uuid, "ipaddress": each.ip4_address}
        more.setdefault(each.nic_id, []).append(told)
    for row in rows:
        row["deviceid"] = str(row["deviceid"])
        row["netmask"] = str(IPv4Network(row["cidr"]).netmask) if row["cidr"] else None
        row["secondaryip"] = more.get(row["row_id"], [])


NIC = Noun(
    "nic",
    "listNics",
    "nic_view",
    "id networkid networkname netmask gateway ipaddress traffictype type isdefault macaddress "
    "secondaryip deviceid virtualmachineid vpcid vpcname",
    _facts,
    keyword="networkname",
    order="isdefault DESC, deviceid",
)


def nics_of(call: Call, machines: list[int]) -> dict[int, list[Json]]:
    """The NICs of VMs, by VM, as lists of VMs show them."""
    rows = NIC.raw(call, {"instance_id": machines})
    found: dict[int, list[Json]] = {}
    for row, shown in zip(rows, NIC.shown(call, rows), strict=True):
        shown.pop("virtualmachineid")
        found.setdefault(row["instance_id"], []).append(shown)
    return found


@api(NIC)
def list_nics(call: Call, args: Args) -> Json:
    """Lists the NICs of a VM.

    virtualmachineid*: the VM
    nicid: the NIC with this id
    networkid: the NIC on this network
    """
    call.find(Machine, args["virtualmachineid"], "virtualmachineid")
    nic = args.pop("nicid", None)
    return NIC.listed(call, {**args, "id": nic} if nic else args)


def refuse_foreign(call: Call, network: Network, owner: int) -> None:
    """Raise ApiError 431 for a network that is another account's than a VM's is."""
    if network.account_id != owner and not network.is_for(call.store, owner):
        raise invalid(f"The network {network.name} is not for the VM's account.")


def address_on(store: Store, network: Network, wanted: str | None) -> str | None:
    """The address that a VM gets on a network: the one that was asked for, else a free one; None
    in an L2 network, which has none to give."""
    if not network.cidr:
        if wanted:
            raise invalid(f"The network {network.name} gives no addresses.")
        return None
    if not wanted:
        free = network.free_address(store)
        if free is None:
            raise invalid(f"The network {network.name} has no free address.")
        return free
    try:
        IPv4Address(wanted)
    except ValueError:
        raise malformed(f"'{wanted}' is no IPv4 address.") from None
    if not network.has_address(wanted):
        raise invalid(f"{wanted} is not for guests of the network {network.name} ({network.cidr}).")
    if wanted in network.taken(store):
        raise invalid(f"{wanted} is in use on the network {network.name}.")
    return wanted
