"""Networks: the lab has one, in which guests reach out and nothing reaches in."""

from __future__ import annotations

from cmk.lab.call import Call
from cmk.lab.declaration import listing
from cmk.lab.noun import Noun, Row

#: What QEMU's user mode does for guests.
_SERVICES = [
    {"name": name, "provider": [{"name": "QEMU"}], "capability": []}
    for name in ("Dhcp", "Dns", "SourceNat")
]


def _services(call: Call, rows: list[Row]) -> None:
    for row in rows:
        row["service"] = _SERVICES


NETWORK = Noun(
    "network",
    "listNetworks",
    "network_view",
    "id name displaytext type state traffictype cidr gateway zoneid zonename account domain "
    "domainid domainpath broadcastdomaintype isdefault issystem canusefordeploy service created",
    _services,
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
