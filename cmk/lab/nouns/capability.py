"""What this lab says that it can do."""

from __future__ import annotations

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import api
from cmk.lab.noun import Args
from cmk.wire.envelope import VERSION


@api(
    "cloudstackversion securitygroupsenabled dynamicrolesenabled userpublictemplateenabled "
    "supportELB projectinviterequired allowusercreateprojects regionsecondaryenabled "
    "kvmsnapshotenabled allowuserviewdestroyedvm allowuserexpungerecovervm defaultuipagesize "
    "kubernetesserviceenabled customdiskofferingminsize customdiskofferingmaxsize "
    "dynamicscalingenabled"
)
def list_capabilities(call: Call, args: Args) -> Json:
    """Tells which version this is, and what it can do."""
    told = {
        "securitygroupsenabled": False,
        "dynamicrolesenabled": True,
        "cloudstackversion": VERSION,
        "userpublictemplateenabled": True,
        "supportELB": "false",
        "projectinviterequired": False,
        "allowusercreateprojects": False,
        "customdiskofferingminsize": 1,
        "customdiskofferingmaxsize": 1024,
        "regionsecondaryenabled": False,
        "kvmsnapshotenabled": False,
        "allowuserviewdestroyedvm": True,
        "allowuserexpungerecovervm": True,
        "kubernetesserviceenabled": False,
        "defaultuipagesize": 20,
        "dynamicscalingenabled": False,
    }
    return {"capability": told}
