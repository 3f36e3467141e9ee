"""Networks: the lab has one, in which guests reach out and nothing reaches in."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from cmk.lab.api import PAGING, Args, Json, api, optional
from cmk.lab.fields import fields
from cmk.lab.query import Query, listing, present

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

NETWORK = fields(
    "id name displaytext type state traffictype cidr gateway zoneid zonename account domain "
    "domainid broadcastdomaintype isdefault issystem canusefordeploy created"
)


@api(
    "listNetworks",
    "Lists networks",
    optional("id", "uuid", "the network with this id"),
    optional("zoneid", "uuid", "networks of this zone"),
    optional("type", "string", "Isolated, Shared or L2"),
    optional("traffictype", "string", "the traffic it carries; the lab has Guest only"),
    *PAGING,
    fields=NETWORK,
)
def list_networks(lab: Lab, args: Args) -> Json:
    query = Query(
        "n.*, z.uuid AS zoneid, z.name AS zonename",
        "networks n JOIN data_center z ON z.id = n.data_center_id",
    )
    query.equal("n.uuid", args.get("id")).equal("z.uuid", args.get("zoneid"))
    query.equal("'Isolated'", args.get("type")).equal("'Guest'", args.get("traffictype"))
    query.contains("n.name", args.get("keyword"))
    return listing(lab.store, args, "network", query, "n.id", lambda row: _network(lab, row))


def _network(lab: Lab, row: sqlite3.Row) -> Json:
    return present(
        id=row["uuid"],
        name=row["name"],
        displaytext=row["display_text"],
        type="Isolated",
        state="Implemented",
        traffictype="Guest",
        cidr=row["cidr"],
        gateway=row["gateway"],
        zoneid=row["zoneid"],
        zonename=row["zonename"],
        **lab.owner,
        broadcastdomaintype="Native",
        isdefault=True,
        issystem=False,
        canusefordeploy=True,
        created=row["created"],
    )
