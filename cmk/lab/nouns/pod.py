"""Pods: parts of a zone."""

from __future__ import annotations

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, listing
from cmk.lab.events import record
from cmk.lab.model.place import Pod, Zone
from cmk.lab.noun import Args, Noun, Row, changed, deleted
from cmk.wire.faults import invalid


def _address_as_list(call: Call, rows: list[Row]) -> None:
    for row in rows:
        row["startip"] = [row["startip"]]


POD = Noun(
    "pod",
    "listPods",
    "pod_view",
    "id name zoneid zonename gateway netmask startip allocationstate",
    _address_as_list,
)

listing(POD, "pods", "id name zoneid")


@api(POD)
def create_pod(call: Call, args: Args) -> Json:
    """Makes a pod in a zone.

    zoneid*: the zone
    name*: its name
    gateway: its router's address
    netmask: its netmask
    startip: the first address of hosts
    allocationstate=Enabled|Disabled: Enabled or Disabled
    """
    given = {key: args[key] for key in ("gateway", "netmask", "startip") if args.get(key)}
    with call.store.change():
        zone = call.find(Zone, args["zoneid"], "zoneid")
        if Pod.is_taken(call.store, args["name"], data_center_id=zone.id):
            raise invalid(f"There is one with the name {args['name']} already.")
        pod = Pod.add(
            call.store,
            name=args["name"],
            data_center_id=zone.id,
            allocation_state=args.get("allocationstate") or "Enabled",
            **given,
        )
    record(call, "POD.CREATE", f"Made the pod {pod.name}")
    return POD.answer(call, pod)


@api(POD)
def update_pod(call: Call, args: Args) -> Json:
    """Changes a pod.

    id*: the pod
    name: its name
    allocationstate=Enabled|Disabled: Enabled or Disabled
    """
    state = args.get("allocationstate")
    pod = call.find(Pod, args["id"])
    return changed(call, POD, pod, name=args.get("name"), allocation_state=state)


@api(DONE)
def delete_pod(call: Call, args: Args) -> Json:
    """Deletes a pod that has no cluster.

    id*: the pod
    """
    with call.store.change():
        pod = call.find(Pod, args["id"])
        return deleted(call, pod, pod.users(call.store))
