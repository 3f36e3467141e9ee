"""Limits of what accounts and domains may have."""

from __future__ import annotations

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import api
from cmk.lab.model.account import Account, Domain
from cmk.lab.model.limit import (
    RESOURCES,
    UNLIMITED,
    Resource,
    limit_of_account,
    limit_of_domain,
    set_limit,
    total,
)
from cmk.lab.model.ownership import Owners
from cmk.lab.noun import Args
from cmk.lab.ownership import whose_limits
from cmk.wire.faults import invalid, not_yours

FIELDS = "account domain domainid domainpath resourcetype resourcetypename max"


def shown(call: Call, whose: Account | Domain) -> Json:
    """Limits, totals and what is left, as accounts and domains show them."""
    told: Json = {}
    for resource in RESOURCES:
        if isinstance(whose, Account):
            most, has = limit_of_account(call.store, resource, whose), Owners([whose.id])
        else:
            most = limit_of_domain(call.store, resource, whose)
            has = Owners(None, whose.id, True)
        used = total(call.store, resource, has)
        left = "Unlimited" if most == UNLIMITED else str(max(0, most - used))
        told[f"{resource.field}limit"] = "Unlimited" if most == UNLIMITED else str(most)
        told[f"{resource.field}total"] = used
        told[f"{resource.field}available"] = left
    return told


def _limit(call: Call, whose: Account | Domain, resource: Resource) -> Json:
    if isinstance(whose, Account):
        domain = whose.domain(call.store)
        told: Json = {"account": whose.account_name}
        most = limit_of_account(call.store, resource, whose)
    else:
        domain, told, most = whose, {}, limit_of_domain(call.store, resource, whose)
    return {
        **told,
        "domainid": domain.uuid,
        "domain": domain.name,
        "domainpath": domain.path,
        "resourcetype": str(resource.number),
        "resourcetypename": resource.name,
        "max": most,
    }


def _resource(number: int) -> Resource:
    if not 0 <= number < len(RESOURCES):
        raise invalid(f"resourcetype is a number from 0 to {len(RESOURCES) - 1}.")
    return RESOURCES[number]


@api(FIELDS)
def list_resource_limits(call: Call, args: Args) -> Json:
    """Lists limits: of the caller, of an account, or of a domain.

    account: the account, in the domain that is named
    domainid: the domain
    projectid: the project
    resourcetype: the number of one type: 0 VMs, 2 volumes, 4 templates, 8 CPUs, 9 MiB of memory, 10
        GiB of primary storage
    resourcetypename: the name of one type, such as user_vm
    """
    whose = whose_limits(call, args)
    number, name = args.get("resourcetype"), args.get("resourcetypename")
    found = [_resource(number)] if number is not None else list(RESOURCES)
    rows = [_limit(call, whose, each) for each in found if name in (None, each.name)]
    return {"count": len(rows), "resourcelimit": rows} if rows else {}


@api(FIELDS)
def update_resource_limit(call: Call, args: Args) -> Json:
    """Sets how much of a type of thing an account or a domain may have.

    resourcetype*: the number of the type: 0 VMs, 2 volumes, 4 templates, 8 CPUs, 9 MiB of memory,
        10 GiB of primary storage
    account: the account, in the domain that is named
    domainid: the domain
    projectid: the project
    max: the most; -1 is no limit
    """
    whose = whose_limits(call, args)
    if isinstance(whose, Account) and whose.is_root:
        raise invalid("A root admin has no limits.")
    caller = call.caller
    own = caller.id if isinstance(whose, Account) else caller.domain_id
    if not caller.is_root and whose.id == own:
        raise not_yours("limit")
    most = args.get("max", UNLIMITED)
    if most < UNLIMITED:
        raise invalid("max counts from 0; -1 is no limit.")
    resource = _resource(args["resourcetype"])
    set_limit(call.store, resource, whose, most)
    return {"resourcelimit": _limit(call, whose, resource)}


@api("account domain domainid resourcetype resourcetypename resourcecount")
def update_resource_count(call: Call, args: Args) -> Json:
    """Counts what an account or a domain has; the lab always does.

    domainid*: the domain
    account: the account in it
    projectid: the project
    resourcetype: the number of one type
    """
    whose = whose_limits(call, args)
    if isinstance(whose, Account):
        has, domain = Owners([whose.id]), whose.domain(call.store)
    else:
        has, domain = Owners(None, whose.id, True), whose
    number = args.get("resourcetype")
    found = [_resource(number)] if number is not None else list(RESOURCES)
    rows = [
        {
            "domainid": domain.uuid,
            "domain": domain.name,
            "resourcetype": str(each.number),
            "resourcetypename": each.name,
            "resourcecount": total(call.store, each, has),
        }
        for each in found
    ]
    return {"count": len(rows), "resourcecount": rows}
