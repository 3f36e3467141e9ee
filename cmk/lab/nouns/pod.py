"""Pods and clusters: how a zone's hosts are grouped."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from cmk.lab.api import PAGING, Args, Json, api, invalid, no_such, optional, required
from cmk.lab.events import record
from cmk.lab.fields import DONE, fields
from cmk.lab.query import Query, listing, present
from cmk.lab.rows import change, delete, row_of
from cmk.lab.store import new_uuid

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

POD = fields("id name zoneid zonename gateway netmask startip allocationstate", startip="list")
CLUSTER = fields(
    "id name podid podname zoneid zonename hypervisortype clustertype allocationstate managedstate"
)
STATE = optional("allocationstate", "string", "Enabled or Disabled", ("Enabled", "Disabled"))


@api(
    "createPod",
    "Makes a pod in a zone",
    required("zoneid", "uuid", "the zone"),
    required("name", "string", "its name"),
    optional("gateway", "string", "its router's address"),
    optional("netmask", "string", "its netmask"),
    optional("startip", "string", "the first address of hosts"),
    STATE,
    fields=POD,
)
def create_pod(lab: Lab, args: Args) -> Json:
    zone = row_of(lab, "data_center", "zone", args["zoneid"], "zoneid")["id"]
    given = {key: args[key] for key in ("gateway", "netmask", "startip") if args.get(key)}
    with lab.store.change():
        _refuse_taken(lab, "host_pod_ref", "data_center_id", zone, args["name"])
        id = lab.store.insert(
            "host_pod_ref",
            uuid=new_uuid(),
            name=args["name"],
            data_center_id=zone,
            allocation_state=args.get("allocationstate") or "Enabled",
            **given,
        )
    record(lab, "POD.CREATE", f"Made the pod {args['name']}")
    return {"pod": _one(lab, _pods(), id, _pod)}


@api(
    "listPods",
    "Lists pods",
    optional("id", "uuid", "the pod with this id"),
    optional("name", "string", "the pod with this name"),
    optional("zoneid", "uuid", "pods of this zone"),
    *PAGING,
    fields=POD,
)
def list_pods(lab: Lab, args: Args) -> Json:
    query = _pods().equal("p.uuid", args.get("id")).equal("p.name", args.get("name"))
    query.equal("z.uuid", args.get("zoneid")).contains("p.name", args.get("keyword"))
    return listing(lab.store, args, "pod", query, "p.id", _pod)


@api(
    "updatePod",
    "Changes a pod",
    required("id", "uuid", "the pod"),
    optional("name", "string", "its name"),
    STATE,
    fields=POD,
)
def update_pod(lab: Lab, args: Args) -> Json:
    row = row_of(lab, "host_pod_ref", "pod", args["id"])
    change(
        lab,
        "host_pod_ref",
        row,
        name=args.get("name"),
        allocation_state=args.get("allocationstate"),
    )
    return {"pod": _one(lab, _pods(), row["id"], _pod)}


@api(
    "deletePod", "Deletes a pod that has no cluster", required("id", "uuid", "the pod"), fields=DONE
)
def delete_pod(lab: Lab, args: Args) -> Json:
    return delete(lab, "host_pod_ref", "pod", args["id"], ("cluster", "pod_id"))


@api(
    "addCluster",
    "Makes a cluster in a pod",
    required("zoneid", "uuid", "the zone"),
    required("podid", "uuid", "the pod"),
    required("clustername", "string", "its name"),
    required("clustertype", "string", "CloudManaged", ("CloudManaged",)),
    required("hypervisor", "string", "KVM"),
    STATE,
    fields=CLUSTER,
)
def add_cluster(lab: Lab, args: Args) -> Json:
    if args["hypervisor"].upper() != "KVM":
        raise invalid(f"The lab's hosts run KVM, not {args['hypervisor']}.")
    pod = lab.store.one(
        "SELECT p.*, z.uuid AS zone FROM host_pod_ref p JOIN data_center z "
        "ON z.id = p.data_center_id WHERE p.uuid = ? AND p.removed IS NULL",
        args["podid"],
    )
    if pod is None or pod["zone"] != args["zoneid"]:
        raise no_such("pod in this zone", "podid", args["podid"])
    with lab.store.change():
        _refuse_taken(lab, "cluster", "pod_id", pod["id"], args["clustername"])
        id = lab.store.insert(
            "cluster",
            uuid=new_uuid(),
            name=args["clustername"],
            pod_id=pod["id"],
            allocation_state=args.get("allocationstate") or "Enabled",
        )
    record(lab, "CLUSTER.CREATE", f"Made the cluster {args['clustername']}")
    return {"count": 1, "cluster": [_one(lab, _clusters(), id, _cluster)]}


@api(
    "listClusters",
    "Lists clusters",
    optional("id", "uuid", "the cluster with this id"),
    optional("name", "string", "the cluster with this name"),
    optional("podid", "uuid", "clusters of this pod"),
    optional("zoneid", "uuid", "clusters of this zone"),
    optional("hypervisor", "string", "KVM"),
    *PAGING,
    fields=CLUSTER,
)
def list_clusters(lab: Lab, args: Args) -> Json:
    query = _clusters().equal("c.uuid", args.get("id")).equal("c.name", args.get("name"))
    query.equal("p.uuid", args.get("podid")).equal("z.uuid", args.get("zoneid"))
    query.equal("'KVM'", args.get("hypervisor")).contains("c.name", args.get("keyword"))
    return listing(lab.store, args, "cluster", query, "c.id", _cluster)


@api(
    "updateCluster",
    "Changes a cluster",
    required("id", "uuid", "the cluster"),
    optional("clustername", "string", "its name"),
    STATE,
    fields=CLUSTER,
)
def update_cluster(lab: Lab, args: Args) -> Json:
    row = row_of(lab, "cluster", "cluster", args["id"])
    change(
        lab,
        "cluster",
        row,
        name=args.get("clustername"),
        allocation_state=args.get("allocationstate"),
    )
    return {"cluster": _one(lab, _clusters(), row["id"], _cluster)}


@api(
    "deleteCluster",
    "Deletes a cluster that has no host",
    required("id", "uuid", "the cluster"),
    fields=DONE,
)
def delete_cluster(lab: Lab, args: Args) -> Json:
    return delete(lab, "cluster", "cluster", args["id"], ("host", "cluster_id"))


def _refuse_taken(lab: Lab, table: str, column: str, owner: int, name: str) -> None:
    if lab.store.value(
        f"SELECT 1 FROM {table} WHERE {column} = ? AND name = ? COLLATE NOCASE AND removed IS NULL",
        owner,
        name,
    ):
        raise invalid(f"There is one with the name {name} already.")


def _pods() -> Query:
    return Query(
        "p.*, z.uuid AS zoneid, z.name AS zonename",
        "host_pod_ref p JOIN data_center z ON z.id = p.data_center_id",
        "p.removed IS NULL",
    )


def _clusters() -> Query:
    return Query(
        "c.*, p.uuid AS podid, p.name AS podname, z.uuid AS zoneid, z.name AS zonename",
        "cluster c JOIN host_pod_ref p ON p.id = c.pod_id "
        "JOIN data_center z ON z.id = p.data_center_id",
        "c.removed IS NULL",
    )


def _one(lab: Lab, query: Query, id: int, shown: Any) -> Json:
    alias = "p" if shown is _pod else "c"
    _, rows = query.equal(f"{alias}.id", id).rows(lab.store, {}, f"{alias}.id")
    found: Json = shown(rows[0])
    return found


def _pod(row: sqlite3.Row) -> Json:
    return present(
        id=row["uuid"],
        name=row["name"],
        zoneid=row["zoneid"],
        zonename=row["zonename"],
        gateway=row["gateway"],
        netmask=row["netmask"],
        startip=[row["startip"]],
        allocationstate=row["allocation_state"],
    )


def _cluster(row: sqlite3.Row) -> Json:
    return present(
        id=row["uuid"],
        name=row["name"],
        podid=row["podid"],
        podname=row["podname"],
        zoneid=row["zoneid"],
        zonename=row["zonename"],
        hypervisortype="KVM",
        clustertype="CloudManaged",
        allocationstate=row["allocation_state"],
        managedstate="Managed",
    )
