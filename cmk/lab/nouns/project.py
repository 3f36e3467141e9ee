"""Projects: what several accounts have together."""

from __future__ import annotations

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, job
from cmk.lab.events import record
from cmk.lab.jobs import Task
from cmk.lab.model.account import Account, Project
from cmk.lab.noun import Args, Noun, Row
from cmk.lab.ownership import owner_of_new, require
from cmk.wire.faults import failed, invalid, nobody, not_yours


def _owners(call: Call, rows: list[Row]) -> None:
    """Their admins, by name."""
    for row in rows:
        members = MEMBER.all_with(call, projectid=row["id"], role="Admin")
        row["owner"] = [{"account": each["account"]} for each in members]


PROJECT = Noun(
    "project",
    "listProjects",
    "project_view",
    "id name displaytext domain domainid state created owner",
    _owners,
)
MEMBER = Noun(
    "projectaccount",
    "listProjectAccounts",
    "project_account_view",
    "projectid project accountid account accounttype role domain domainid",
    keyword="account",
)


@api(PROJECT)
def list_projects(call: Call, args: Args) -> Json:
    """Lists projects: those that the caller is in; an admin with listall sees all of its domain.

    id: the project with this id
    name: the project with this name
    state=Active|Suspended: projects in this state
    account: projects that this account is in
    domainid: projects of this domain
    listall: all that the caller may see
    details: how much of each is wanted
    """
    args.pop("details", None)
    caller = call.caller
    one = owner_of_new(call, {k: args.pop(k, None) for k in ("account", "domainid")})
    accounts = Project.accounts_of(call.store, one.id)
    if args.pop("listall", False) or args.get("id"):
        accounts = [
            project.project_account_id
            for project in Project.there(call.store)
            if caller.is_above(call.store, project.project_account_id)
        ]
    return PROJECT.listed(call, {**args, "account_id": accounts}) if accounts else {}


@api(MEMBER)
def list_project_accounts(call: Call, args: Args) -> Json:
    """Lists the accounts of a project.

    projectid*: the project
    account: the account with this name
    role=Admin|Regular: accounts in this role
    """
    project = call.find(Project, args["projectid"], "projectid")
    return MEMBER.listed(call, {**args, "projectid": project.uuid})


@job(PROJECT)
def create_project(call: Call, args: Args) -> Task:
    """Makes a project, in which an account is admin.

    name*: its name
    displaytext: a text for people (default: the name)
    account: the account (default: the caller)
    domainid: the account's domain
    """
    owner = owner_of_new(call, args)
    require(call, owner, project=1)
    if Project.is_taken(call.store, args["name"], domain_id=owner.domain_id):
        raise invalid(f"There is a project {args['name']} in this domain already.")
    project = Project.begin(
        call.store, args["name"], args.get("displaytext") or args["name"], owner
    )
    record(call, "PROJECT.CREATE", f"Made the project {project.name}", project)
    return Task(project, answer=PROJECT.answer(call, project))


def _led(call: Call, uuid: str, param: str = "id") -> Project:
    """A project that the caller is an admin of, or above."""
    project = call.find(Project, uuid, param)
    caller = call.caller
    if project.role_of(call.store, caller.id) == "Regular" and not caller.is_root:
        raise not_yours(project.KIND)
    return project


@job(PROJECT)
def update_project(call: Call, args: Args) -> Task:
    """Changes a project.

    id*: the project
    name: its new name
    displaytext: its new text
    account: an account in it that becomes its admin
    """
    project = _led(call, args["id"])
    if args.get("account"):
        member = _member(call, project, args["account"])
        _require_lead(call, project, member)
        project.admit(call.store, member.id, "Admin")
    changes = {"name": args.get("name"), "display_text": args.get("displaytext")}
    given = {name: value for name, value in changes.items() if value}
    if given:
        project.update(call.store, **given)
    record(call, "PROJECT.UPDATE", f"Changed the project {project.name}", project)
    return Task(project, answer=PROJECT.answer(call, project))


def _require_lead(call: Call, project: Project, member: Account) -> None:
    """An Admin's projects are counted."""
    if project.role_of(call.store, member.id) != "Admin":
        require(call, member, project=1)


def _member(call: Call, project: Project, name: str) -> Account:
    found = Account.called(call.store, name, project.domain_id)
    if found is None:
        raise nobody(f"There is no account {name} in the project's domain.")
    return found


@job(DONE)
def add_account_to_project(call: Call, args: Args) -> Task:
    """Lets an account use what a project has.

    projectid*: the project
    account: the account
    roletype: Admin or Regular (default)
    """
    project = _led(call, args["projectid"], "projectid")
    if not args.get("account"):
        raise invalid("The lab sends no mail: name an account=.")
    role = (args.get("roletype") or "Regular").capitalize()
    if role not in ("Admin", "Regular"):
        raise invalid("roletype is Admin or Regular.")
    member = _member(call, project, args["account"])
    if project.role_of(call.store, member.id) is not None:
        raise invalid(f"{member.account_name} is in the project {project.name} already.")
    if role == "Admin":
        _require_lead(call, project, member)
    project.admit(call.store, member.id, role)
    return Task(project, answer={"success": True})


@job(DONE)
def delete_account_from_project(call: Call, args: Args) -> Task:
    """Takes an account out of a project.

    projectid*: the project
    account*: the account
    """
    project = _led(call, args["projectid"], "projectid")
    member = _member(call, project, args["account"])
    if project.role_of(call.store, member.id) is None:
        raise invalid(f"{member.account_name} is not in the project {project.name}.")
    if not project.is_led_by_others(call.store, member.id):
        raise invalid(f"{member.account_name} is the last Admin of the project {project.name}.")
    project.dismiss(call.store, member.id)
    return Task(project, answer={"success": True})


@job(PROJECT)
def suspend_project(call: Call, args: Args) -> Task:
    """Lets a project get nothing new.

    id*: the project
    """
    return _settled(call, args, "Suspended")


@job(PROJECT)
def activate_project(call: Call, args: Args) -> Task:
    """Lets a suspended project get things again.

    id*: the project
    """
    return _settled(call, args, "Active")


def _settled(call: Call, args: Args, state: str) -> Task:
    project = _led(call, args["id"])
    project.update(call.store, state=state)
    record(call, "PROJECT.UPDATE", f"The project {project.name} is {state}", project)
    return Task(project, answer=PROJECT.answer(call, project))


@job(DONE)
def delete_project(call: Call, args: Args) -> Task:
    """Deletes a project with all that it has.

    id*: the project
    cleanup: also where it has something (default true)
    """
    project = _led(call, args["id"])
    if args.get("cleanup") is False and project.has_things(call.store):
        return Task(project, refusal=failed(f"{project.name} is not empty; say cleanup=true."))
    return Task(project)
