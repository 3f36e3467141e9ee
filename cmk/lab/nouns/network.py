"""Networks: the lab has one, in which guests reach out and nothing reaches in."""

from __future__ import annotations

from cmk.lab.declaration import listing
from cmk.lab.noun import Noun

NETWORK = Noun(
    "network",
    "listNetworks",
    "network_view",
    "id name displaytext type state traffictype cidr gateway zoneid zonename account domain "
    "domainid domainpath broadcastdomaintype isdefault issystem canusefordeploy created",
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
