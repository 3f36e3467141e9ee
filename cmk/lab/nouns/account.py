"""Accounts: who owns things."""

from __future__ import annotations

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, job
from cmk.lab.events import record
from cmk.lab.jobs import Task
from cmk.lab.model.account import ADMIN_ACCOUNT, Account, AccountState, Domain, Role
from cmk.lab.model.machine import Machine, MachineState
from cmk.lab.noun import Args, Noun, Row
from cmk.lab.nouns.domain import LIMITS
from cmk.lab.nouns.resource_limit import shown
from cmk.lab.nouns.user import USER, add_user
from cmk.lab.ownership import account_named, domain_named
from cmk.lab.store import now
from cmk.wire.faults import failed, invalid, not_yours


def _facts(call: Call, rows: list[Row]) -> None:
    """Users, limits and totals."""
    for row in rows:
        account = Account.of(call.store, row["row_id"])
        row.update(shown(call, account))
        machines = Machine.there(call.store, account_id=account.id)
        row["vmrunning"] = sum(vm.state is MachineState.RUNNING for vm in machines)
        row["vmstopped"] = sum(vm.state is MachineState.STOPPED for vm in machines)
        row["user"] = USER.all_with(call, account_id=account.id)


ACCOUNT = Noun(
    "account",
    "listAccounts",
    "account_view",
    "id name accounttype roleid roletype rolename domainid domain domainpath state created "
    f"isdefault vmrunning vmstopped {LIMITS} user",
    _facts,
    is_owned=True,
)


@api(ACCOUNT)
def list_accounts(call: Call, args: Args) -> Json:
    """Lists accounts.

    id: the account with this id
    name: the account with this name
    accounttype: accounts of this type: 0 user, 1 root admin, 2 domain admin
    state: accounts in this state: enabled, disabled, locked
    details: how much of each is wanted
    """
    args.pop("details", None)
    if args.get("name") and not args.get("domainid"):  # CloudStack looks everywhere then
        args.setdefault("listall", True)
    return ACCOUNT.listed(call, args)


@api(ACCOUNT)
def create_account(call: Call, args: Args) -> Json:
    """Makes an account, with its first user.

    username*: the first user's name, and the account's where none is given
    password*: the password
    firstname*: the first name
    lastname*: the last name
    email*: the address
    account: the account's name
    domainid: the domain (default: the caller's)
    accounttype: 0 user (default), 1 root admin, 2 domain admin
    roleid: the role; it goes before accounttype
    timezone: the user's time zone; the lab keeps UTC
    """
    domain = call.caller.domain(call.store)
    if args.get("domainid"):
        domain = domain_named(call, args["domainid"])
    name = args.get("account") or args["username"]
    with call.store.change():
        if Account.called(call.store, name, domain.id) is not None:
            raise invalid(f"There is an account {name} in the domain {domain.path} already.")
        account = Account.add(
            call.store,
            account_name=name,
            domain_id=domain.id,
            role_id=_role(call, args).id,
            created=now(),
        )
        add_user(call, account, args)
    record(call, "ACCOUNT.CREATE", f"Made the account {name} in {domain.path}", account)
    return ACCOUNT.answer(call, account)


def _role(call: Call, args: Args) -> Role:
    """The role of a new account; nobody gives more than they have."""
    if args.get("roleid"):
        role = call.find(Role, args["roleid"], "roleid")
    else:
        known = Role.first(call.store, account_type=args.get("accounttype", 0))
        if known is None:
            raise invalid("accounttype is 0 user, 1 root admin or 2 domain admin.")
        role = known
    if not call.caller.is_root and role.account_type in (1, 3):
        raise not_yours(role.KIND)
    return role


@api(ACCOUNT)
def update_account(call: Call, args: Args) -> Json:
    """Changes an account.

    id: the account; or its name and domain
    account: its present name
    domainid: its domain
    newname: its new name
    roleid: its new role
    """
    account = _named(call, args)
    changes: Json = {}
    if args.get("newname") and args["newname"] != account.account_name:
        if Account.called(call.store, args["newname"], account.domain_id) is not None:
            raise invalid(f"There is an account {args['newname']} in this domain already.")
        changes["account_name"] = args["newname"]
    if args.get("roleid"):
        if account.id in (ADMIN_ACCOUNT, call.caller.id):
            raise invalid("The admin's role, and one's own, cannot be changed.")
        changes["role_id"] = _role(call, args).id
    if changes:
        account.update(call.store, **changes)
        record(call, "ACCOUNT.UPDATE", f"Changed the account {account.account_name}", account)
    return ACCOUNT.answer(call, account)


def _named(call: Call, args: Args) -> Account:
    """The account that is named by its id, or by its name and its domain's id."""
    if args.get("id"):
        return call.find(Account, args["id"])
    if not (args.get("account") and args.get("domainid")):
        raise invalid("An account is named by id=, or by account= and domainid=.")
    return account_named(call, args["account"], call.find(Domain, args["domainid"], "domainid"))


def _become(call: Call, account: Account, state: AccountState) -> None:
    if account.id in (ADMIN_ACCOUNT, call.caller.id) and state is not AccountState.ENABLED:
        raise invalid("The admin's account, and one's own, stay enabled.")
    account.update(call.store, state=state)
    record(call, f"ACCOUNT.{state.upper()}", f"{account.account_name} is {state}", account)


@api(ACCOUNT)
def enable_account(call: Call, args: Args) -> Json:
    """Lets an account's users ask again.

    id: the account; or its name and domain
    account: its name
    domainid: its domain
    """
    account = _named(call, args)
    _become(call, account, AccountState.ENABLED)
    return ACCOUNT.answer(call, account)


@job(ACCOUNT)
def disable_account(call: Call, args: Args) -> Task:
    """Lets an account's users ask no more, and stops its VMs; or only locks it.

    lock*: true: it keeps what it has running, and gets nothing new
    id: the account; or its name and domain
    account: its name
    domainid: its domain
    """
    account = _named(call, args)
    locked = bool(args["lock"])
    _become(call, account, AccountState.LOCKED if locked else AccountState.DISABLED)
    return Task(account, {"stop": not locked})


@api(ACCOUNT)
def lock_account(call: Call, args: Args) -> Json:
    """Lets an account keep what it has, and get nothing new.

    account*: its name
    domainid*: its domain
    """
    account = _named(call, args)
    _become(call, account, AccountState.LOCKED)
    return ACCOUNT.answer(call, account)


@job(DONE)
def delete_account(call: Call, args: Args) -> Task:
    """Deletes an account with its users and all that is theirs.

    id*: the account
    """
    account = call.find(Account, args["id"])
    if account.id in (ADMIN_ACCOUNT, call.caller.id):
        return Task(account, refusal=failed("The admin's account, and one's own, stay."))
    account.update(call.store, state=AccountState.DISABLED)
    return Task(account, {"accounts": [account.id]})
