"""Accounts and domains, and what this lab can do."""

from __future__ import annotations

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import api, listing
from cmk.lab.noun import Args, Noun

ACCOUNT = Noun(
    "account",
    "listAccounts",
    "account_view",
    "id name accounttype roletype rolename domainid domain domainpath state isdefault",
    is_owned=True,
)
DOMAIN = Noun("domain", "listDomains", "domain_view", "id name level haschild path state")

listing(
    ACCOUNT,
    "accounts",
    "id name",
    "    domainid: accounts of this domain\n    state: accounts in this state",
)
listing(DOMAIN, "domains", "id name", "    level: domains of this level; the root's is 0")


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
        "cloudstackversion": "4.22.0.0",
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
