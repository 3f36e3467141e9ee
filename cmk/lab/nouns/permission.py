"""Who may use a template or an ISO that is not their own."""

from __future__ import annotations

from typing import Any

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api
from cmk.lab.events import record
from cmk.lab.model.account import Account, Domain, Project
from cmk.lab.model.template import DiskTemplate, Iso, Template
from cmk.lab.noun import Args
from cmk.wire.faults import invalid, nobody

SHOWN = "id ispublic domainid account projectids"

_PERMISSIONS = """
    accounts: accounts, with commas between
    projectids: projects
    op=add|remove|reset: what becomes of those; reset takes the right from all
    ispublic: whether all accounts may use it
    isfeatured: whether it is featured; for admins
    isextractable: whether it may be extracted; for admins
"""


def _shown(call: Call, template: Template) -> Json:
    accounts, projects = [], []
    for number in template.permitted(call.store):
        project = Project.first(call.store, project_account_id=number)
        if project is not None:
            projects.append(project.uuid)
        else:
            accounts.append(Account.of(call.store, number).account_name)
    owner = Account.of(call.store, template.account_id)
    told: Json = {
        "id": template.uuid,
        "ispublic": bool(template.public),
        "domainid": Domain.of(call.store, owner.domain_id).uuid,
    }
    if accounts:
        told["account"] = accounts
    if projects:
        told["projectids"] = projects
    return {"templatepermission": told}


@api(SHOWN)
def list_template_permissions(call: Call, args: Args) -> Json:
    """Tells who may use a template.

    id*: the template
    """
    return _shown(call, call.find(DiskTemplate, args["id"]))


@api(SHOWN)
def list_iso_permissions(call: Call, args: Args) -> Json:
    """Tells who may use an ISO.

    id*: the ISO
    """
    return _shown(call, call.find(Iso, args["id"]))


@api(DONE, more=_PERMISSIONS)
def update_template_permissions(call: Call, args: Args) -> Json:
    """Says who may use a template.

    id*: the template
    """
    return _updated(call, args, call.find(DiskTemplate, args["id"]))


@api(DONE, more=_PERMISSIONS)
def update_iso_permissions(call: Call, args: Args) -> Json:
    """Says who may use an ISO.

    id*: the ISO
    """
    return _updated(call, args, call.find(Iso, args["id"]))


def _updated(call: Call, args: Args, template: Template) -> Json:
    op = (args.get("op") or "").lower()
    if op not in ("", "add", "remove", "reset"):
        raise invalid("op is add, remove or reset.")
    named = _accounts(call, args, template)
    if named and op not in ("add", "remove"):
        raise invalid("op=add or op=remove says what becomes of accounts and projectids.")
    columns: dict[str, Any] = {
        column: args[name]
        for name, column in (
            ("ispublic", "public"),
            ("isfeatured", "featured"),
            ("isextractable", "extractable"),
        )
        if args.get(name) is not None
    }
    if not (call.caller.is_root or call.caller.is_domain_admin) and set(columns) - {"public"}:
        raise invalid("isfeatured and isextractable are for admins.")
    with call.store.change():
        if op == "reset":
            template.forbid(call.store)
            columns |= {"public": False, "featured": False}
        for account in named:
            (template.permit if op == "add" else template.forbid)(call.store, account)
        if columns:
            template.update(call.store, **columns)
        label = template.kind.upper()
        record(call, f"{label}.PERMISSION", f"Who may use {template.name} was changed", template)
    return {"success": True}


def _accounts(call: Call, args: Args, template: Template) -> list[int]:
    domain = Account.of(call.store, template.account_id).domain_id
    found = []
    for name in args.get("accounts") or []:
        account = Account.called(call.store, name, domain)
        if account is None:
            raise nobody(f"There is no account {name} in the {template.kind}'s domain.")
        found.append(account.id)
    for uuid in args.get("projectids") or []:
        found.append(call.find(Project, uuid, "projectids").project_account_id)
    return found
