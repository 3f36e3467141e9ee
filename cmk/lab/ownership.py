"""Whom a new thing belongs to, and whose things a list shows: CloudStack's rules (4.22).

A list shows an account its own things. `listall=true` shows an admin those of its whole domain,
`domainid=` those of a domain (with `isrecursive=true` also of all below it), `account=` those of
one account there, `projectid=` those of a project, and with -1 those of all projects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from cmk.errors import ApiError
from cmk.lab.call import Call
from cmk.lab.model.account import Account, AccountState, Domain, Project
from cmk.lab.model.limit import excess
from cmk.lab.model.ownership import Owners, Projects
from cmk.lab.model.record import Record
from cmk.wire.faults import ALLOCATION, invalid, nobody, not_yours

R = TypeVar("R", bound=Record)

#: Finds an account's thing by its name.
Called = Callable[[Call, Account, str], R]

#: The parameters by which a list says whose things it is about.
SCOPE = ("account", "domainid", "projectid", "listall", "isrecursive")

#: Whom a thing is of that a call makes, as its parameters (see owner_of_new).
OWNER = """
    account: the account that it is of, in the domain that is named (default: the caller)
    domainid: the account's domain
    projectid: the project that it is of
"""

#: Stands for all projects.
ALL_PROJECTS = "-1"


def owners(call: Call, args: dict[str, Any], is_one: bool) -> Owners:
    """Take the parameters of SCOPE out of `args`: whose things they are about; `is_one` where a
    list is about things that are named by their ids.

    Raises ApiError 431 for an account, domain or project that is not there, NotAuthorised (531) for
    one that is not the caller's.
    """
    account, domainid, projectid, listall, isrecursive = (args.pop(name, None) for name in SCOPE)
    caller = call.caller
    domain = domain_named(call, domainid) if domainid else None
    named = account_named(call, account, domain or caller.domain(call.store)) if account else None
    if projectid == ALL_PROJECTS:
        return _of_all_projects(call, bool(listall))
    if projectid:
        project = call.find(Project, projectid, "projectid")
        return Owners([project.project_account_id])
    projects = Projects.TOO if is_one else Projects.SKIPPED
    if named is not None:
        return Owners([named.id], projects=projects)
    if domain is not None and (caller.is_root or caller.is_domain_admin):
        return Owners(None, domain.id, bool(isrecursive), projects)
    if caller.is_root:
        return Owners(None if listall or is_one else [caller.id], projects=projects)
    if caller.is_domain_admin and (listall or is_one):
        return Owners(None, caller.domain_id, True, projects)
    mine = [caller.id, *(Project.accounts_of(call.store, caller.id) if is_one else [])]
    return Owners(mine, projects=projects)


def _of_all_projects(call: Call, listall: bool) -> Owners:
    if call.caller.is_root:
        return Owners(projects=Projects.TOO if listall else Projects.ALONE)
    theirs = Project.accounts_of(call.store, call.caller.id)
    return Owners([*theirs, *([call.caller.id] if listall else [])])


def domain_named(call: Call, uuid: str, param: str = "domainid") -> Domain:
    """A domain that the caller may name: its own, or for an admin one below it. Raises ApiError
    431, NotAuthorised (531) for any other."""
    domain, caller = call.find(Domain, uuid, param), call.caller
    if caller.is_root or caller.domain_id == domain.id:
        return domain
    if not (caller.is_domain_admin and caller.domain(call.store).holds(call.store, domain.id)):
        raise not_yours(domain.KIND)
    return domain


def account_named(call: Call, name: str, domain: Domain) -> Account:
    """An account by its name that the caller may act for."""
    found = Account.called(call.store, name, domain.id)
    if found is None:
        raise nobody(f"There is no account {name} in the domain {domain.path}.")
    if not call.sees(found):
        raise not_yours(found.KIND)
    return found


def owner_of_new(call: Call, args: dict[str, Any]) -> Account:
    """Whom that belongs to which a call makes: who is named by account= and domainid=, or by
    projectid=, else the caller. Raises ApiError 431, NotAuthorised (531) as for a list."""
    if args.get("projectid"):
        if args.get("account"):
            raise invalid("account and projectid exclude each other.")
        project = call.find(Project, args["projectid"], "projectid")
        if project.state != "Active":
            raise invalid(f"The project {project.name} is {project.state}: it gets nothing new.")
        return Account.of(call.store, project.project_account_id)
    if args.get("account"):
        domain = domain_named(call, args["domainid"]) if args.get("domainid") else None
        owner = account_named(call, args["account"], domain or call.caller.domain(call.store))
        if owner.state is not AccountState.ENABLED:
            raise invalid(
                f"The account {owner.account_name} is {owner.state}: it gets nothing new."
            )
        return owner
    return call.caller


def things_of(
    call: Call, kind: type[R], args: dict[str, Any], word: str, owner: Account, called: Called[R]
) -> list[R]:
    """An account's things that the parameters `word`ids or `word`names say, for a VM of its own.
    Raises ApiError 431, NotAuthorised (531)."""
    ids, names = args.get(f"{word}ids") or [], args.get(f"{word}names") or []
    if ids and names:
        raise invalid(f"{word}ids and {word}names exclude each other.")
    found = [call.find(kind, each, f"{word}ids") for each in dict.fromkeys(ids)]
    if any(thing.owner != owner.id for thing in found):
        raise invalid(f"{word}ids: groups of the account {owner.account_name}, as its VMs.")
    return found or [called(call, owner, each) for each in dict.fromkeys(names)]


def whose_limits(call: Call, args: dict[str, Any]) -> Account | Domain:
    """The account or the domain that limits are asked of. Raises as for a list."""
    domain = domain_named(call, args["domainid"]) if args.get("domainid") else None
    if args.get("account"):
        return account_named(call, args["account"], domain or call.caller.domain(call.store))
    if args.get("projectid"):
        project = call.find(Project, args["projectid"], "projectid")
        return Account.of(call.store, project.project_account_id)
    return domain or call.caller


def require(call: Call, account: Account, **wanted: int) -> None:
    """Raise ApiError 535 where an account may not have this much more of these resources."""
    found = excess(call.store, account, wanted)
    if found is not None:
        raise ApiError(
            535,
            f"That would pass a limit of {found.whose}: {found.resource.name} {found.limit}, of "
            f"which {found.total} are used.",
            ALLOCATION,
        )
