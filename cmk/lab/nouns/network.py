"""Networks: the lab has one, in which guests reach out and nothing reaches in."""

from __future__ import annotations

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import api, listing
from cmk.lab.noun import Args, Noun, Row, page_of

#: What QEMU's user mode does for guests.
_SERVICES = [
    {"name": name, "provider": [{"name": "QEMU"}], "capability": []}
    for name in ("Dhcp", "Dns", "SourceNat")
]


#: The one offering: clients want to know it of each network.
_OFFERING: Json = {
    "id": "c5a0e3b6-0101-4c6d-9f00-636d6b2d7301",
    "name": "user-mode",
    "displaytext": "guests reach out, nothing reaches in",
    "traffictype": "Guest",
    "guestiptype": "Isolated",
    "availability": "Optional",
    "state": "Enabled",
    "isdefault": True,
    "specifyvlan": False,
    "forvpc": False,
    "serviceofferingid": "",  # of a router, which there is none of; libcloud wants the field
    "service": _SERVICES,
}


def _facts(call: Call, rows: list[Row]) -> None:
    for row in rows:
        row["service"] = _SERVICES
        row["networkofferingid"] = _OFFERING["id"]
        row["networkofferingname"] = _OFFERING["name"]
        row["networkofferingdisplaytext"] = _OFFERING["displaytext"]


NETWORK = Noun(
    "network",
    "listNetworks",
    "network_view",
    "id name displaytext type state traffictype cidr gateway zoneid zonename account domain "
    "domainid domainpath broadcastdomaintype isdefault issystem canusefordeploy networkofferingid "
    "networkofferingname networkofferingdisplaytext service created",
    _facts,
)

listing(
    NETWORK,
    "networks",
    "id zoneid",
    """
    type: Isolated, Shared or L2
    traffictype: the traffic it carries; the lab has Guest only
""",
)


@api(" ".join(_OFFERING))
def list_network_offerings(call: Call, args: Args) -> Json:
    """Lists the kinds of networks; the lab has one.

    id: the one with this id
    name: the one with this name
    state: those in this state; it is Enabled
    guestiptype: those of this type; it is Isolated
    """
    named = ("id", "name", "state", "guestiptype", "traffictype", "availability")
    wanted = [(name, args[name]) for name in named if args.get(name)]
    is_it = all(str(_OFFERING[name]).lower() == str(value).lower() for name, value in wanted)
    rows = page_of([_OFFERING], args) if is_it else []
    return {"count": 1, "networkoffering": rows} if rows else {}
