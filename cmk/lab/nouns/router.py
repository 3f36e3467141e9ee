"""The lab's virtual router, as an operator sees it."""

from __future__ import annotations

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import api, job
from cmk.lab.hosts.router import is_up
from cmk.lab.jobs import Task
from cmk.lab.model.network import Network, NetworkState, Router
from cmk.lab.noun import Args, Noun, Row


def _facts(call: Call, rows: list[Row]) -> None:
    state = "Running" if is_up(call.lab) else "Stopped"
    on = [each for each in Network.there(call.store) if each.state != NetworkState.ALLOCATED]
    for row in rows:
        row["state"] = state
        row["nic"] = [
            {
                "networkid": network.uuid,
                "networkname": network.name,
                "ipaddress": network.gateway,
                "traffictype": "Guest",
                "isdefault": False,
            }
            for network in on
            if network.gateway
        ]


ROUTER = Noun(
    "router",
    "listRouters",
    "router_view",
    "id zoneid zonename dns1 name podid podname hostid hostname hypervisor created state account "
    "domainid domain domainpath isredundantrouter role nic",
    _facts,
    is_owned=True,
)


@api(ROUTER)
def list_routers(call: Call, args: Args) -> Json:
    """Lists virtual routers: the lab has one, which runs while VMs do.

    id: the router with this id
    name: the router with this name
    zoneid: routers of this zone
    hostid: routers on this host
    podid: routers of this pod
    state: Running or Stopped
    networkid: the router of this network
    vpcid: the router of this VPC
    """
    state = args.pop("state", None)
    if state and state.lower() != ("running" if is_up(call.lab) else "stopped"):
        return {}
    return ROUTER.listed(call, args)


@job(ROUTER)
def start_router(call: Call, args: Args) -> Task:
    """Starts the virtual router; that a VM starts does so too.

    id*: the router
    """
    return Task(call.find(Router, args["id"]))


@job(ROUTER)
def stop_router(call: Call, args: Args) -> Task:
    """Ends the virtual router: VMs go on without a network.

    id*: the router
    forced: as CloudStack has it
    """
    return Task(call.find(Router, args["id"]))


@job(ROUTER)
def reboot_router(call: Call, args: Args) -> Task:
    """Makes the virtual router anew.

    id*: the router
    forced: as CloudStack has it
    """
    return Task(call.find(Router, args["id"]))
