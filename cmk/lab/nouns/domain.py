"""Domains: the tree that accounts stand in."""

from __future__ import annotations

import re

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, job
from cmk.lab.events import record
from cmk.lab.jobs import Task
from cmk.lab.model.account import ROOT_DOMAIN, Account, Domain
from cmk.lab.model.limit import RESOURCES
from cmk.lab.noun import Args, Noun, Row
from cmk.lab.nouns.resource_limit import shown
from cmk.lab.ownership import domain_named
from cmk.lab.store import now
from cmk.wire.faults import failed, invalid

#: The fields of limits, totals and what is left, of accounts and domains.
LIMITS = " ".join(
    f"{each.field}limit {each.field}total {each.field}available" for each in RESOURCES
)


def _limits(call: Call, rows: list[Row]) -> None:
    for row in rows:
        row.update(shown(call, Domain.of(call.store, row["row_id"])))


DOMAIN = Noun(
    "domain",
    "listDomains",
    "domain_view",
    f"id name level parentdomainid parentdomainname haschild path state created {LIMITS}",
    _limits,
    order="path",
)

_NAME = re.compile(r"[^/\x00-\x1f]{1,190}\Z")


def _listed(call: Call, args: Args, top: Domain, is_whole: bool) -> Json:
    """The page of the domains below one, or of that alone."""
    found = top.below(call.store) if is_whole else [top]
    return DOMAIN.listed(call, {**args, "row_id": [each.id for each in found]})


@api(DOMAIN)
def list_domains(call: Call, args: Args) -> Json:
    """Lists domains: a root admin's all of them, another's own, with listall those below it too.

    id: the domain with this id
    name: the domain with this name
    level: domains of this level; the root's is 0
    listall: also those below
    details: how much of each is wanted
    """
    args.pop("details", None)
    whole = bool(args.pop("listall", False)) or bool(args.get("id")) or call.caller.is_root
    return _listed(call, args, call.caller.domain(call.store), whole)


@api(DOMAIN)
def list_domain_children(call: Call, args: Args) -> Json:
    """Lists the domains below one.

    id: the domain (default: the caller's)
    name: the domain with this name
    isrecursive: also those that are further below
    listall: the same
    """
    top = call.caller.domain(call.store)
    if args.get("id"):
        top = domain_named(call, args.pop("id"), "id")
    deep = bool(args.pop("isrecursive", False)) | bool(args.pop("listall", False))
    below = [each for each in top.below(call.store) if each.id != top.id]
    found = [each.id for each in below if deep or each.parent == top.id]
    return DOMAIN.listed(call, {**args, "row_id": found}) if found else {}


@api(DOMAIN)
def create_domain(call: Call, args: Args) -> Json:
    """Makes a domain.

    name*: its name
    parentdomainid: the domain that it is in (default: the caller's)
    """
    parent = call.caller.domain(call.store)
    if args.get("parentdomainid"):
        parent = domain_named(call, args["parentdomainid"], "parentdomainid")
    with call.store.change():
        path = f"{parent.path}/{_name(call, args['name'], parent)}"
        domain = Domain.add(
            call.store, name=args["name"], path=path, parent=parent.id, created=now()
        )
    record(call, "DOMAIN.CREATE", f"Made the domain {domain.path}", domain)
    return DOMAIN.answer(call, domain)


def _name(call: Call, name: str, parent: Domain) -> str:
    if not _NAME.match(name):
        raise invalid(f"'{name}' is no name for a domain: it has no slashes.")
    if Domain.is_taken(call.store, name, parent=parent.id):
        raise invalid(f"There is a domain {parent.path}/{name} already.")
    return name


@api(DOMAIN)
def update_domain(call: Call, args: Args) -> Json:
    """Renames a domain.

    id*: the domain
    name: its new name
    """
    domain = call.find(Domain, args["id"])
    if args.get("name") and args["name"] != domain.name:
        if domain.parent is None:
            raise invalid("The root domain keeps its name.")
        with call.store.change():
            domain.rename(
                call.store, _name(call, args["name"], Domain.of(call.store, domain.parent))
            )
        record(call, "DOMAIN.UPDATE", f"Renamed a domain to {args['name']}", domain)
    return DOMAIN.answer(call, domain)


@job(DONE)
def delete_domain(call: Call, args: Args) -> Task:
    """Deletes a domain.

    id*: the domain
    cleanup: also with what is in it: domains, accounts and all that is theirs
    """
    domain = domain_named(call, args["id"], "id")
    if domain.id in (ROOT_DOMAIN, call.caller.domain_id):
        raise invalid("The root domain, and one's own, cannot be deleted.")
    within = domain.below(call.store)
    accounts = [
        account for each in within for account in Account.there(call.store, domain_id=each.id)
    ]
    if (len(within) > 1 or accounts) and not args.get("cleanup"):
        return Task(domain, refusal=failed(f"{domain.path} is not empty; cleanup=true empties it."))
    return Task(domain, {"accounts": [account.id for account in accounts]})
