"""Clusters: the hosts of a pod that are alike."""

from __future__ import annotations

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, listing
from cmk.lab.events import record
from cmk.lab.model.place import Cluster, Pod, Zone
from cmk.lab.noun import Args, Noun, changed, deleted, kvm_only
from cmk.wire.faults import invalid, no_such

CLUSTER = Noun(
    "cluster",
    "listClusters",
    "cluster_view",
    "id name podid podname zoneid zonename hypervisortype clustertype allocationstate managedstate",
)

listing(
    CLUSTER,
    "clusters",
    "id name podid zoneid",
    """
    hypervisor: KVM
""",
)


@api(CLUSTER)
def add_cluster(call: Call, args: Args) -> Json:
    """Makes a cluster in a pod.

    zoneid*: the zone
    podid*: the pod
    clustername*: its name
    clustertype*=CloudManaged: CloudManaged
    hypervisor*: KVM
    allocationstate=Enabled|Disabled: Enabled or Disabled
    """
    kvm_only(args)
    with call.store.change():
        pod = Pod.known(call.store, args["podid"])
        if pod is None or Zone.of(call.store, pod.data_center_id).uuid != args["zoneid"]:
            raise no_such("pod in this zone", "podid", args["podid"])
        if Cluster.is_taken(call.store, args["clustername"], pod_id=pod.id):
            raise invalid(f"There is one with the name {args['clustername']} already.")
        cluster = Cluster.add(
            call.store,
            name=args["clustername"],
            pod_id=pod.id,
            allocation_state=args.get("allocationstate") or "Enabled",
        )
    record(call, "CLUSTER.CREATE", f"Made the cluster {cluster.name}")
    return {"count": 1, "cluster": [CLUSTER.one(call, cluster.uuid)]}


@api(CLUSTER)
def update_cluster(call: Call, args: Args) -> Json:
    """Changes a cluster.

    id*: the cluster
    clustername: its name
    allocationstate=Enabled|Disabled: Enabled or Disabled
    """
    state = args.get("allocationstate")
    cluster = call.find(Cluster, args["id"])
    return changed(call, CLUSTER, cluster, name=args.get("clustername"), allocation_state=state)


@api(DONE)
def delete_cluster(call: Call, args: Args) -> Json:
    """Deletes a cluster that has no host.

    id*: the cluster
    """
    with call.store.change():
        cluster = call.find(Cluster, args["id"])
        return deleted(call, cluster, cluster.users(call.store))
