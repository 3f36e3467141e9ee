"""Users: who may ask over HTTP, by which keys, password and second factor."""

from __future__ import annotations

import re
from typing import Any

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, job, listing
from cmk.lab.events import record
from cmk.lab.jobs import Task
from cmk.lab.model.account import Account
from cmk.lab.model.user import User, UserState, shown_keys
from cmk.lab.noun import Args, Noun
from cmk.lab.ownership import owner_of_new
from cmk.lab.store import now
from cmk.wire.faults import invalid, no_such

USER = Noun(
    "user",
    "listUsers",
    "user_view",
    "id username firstname lastname email created state account accountid accounttype roleid "
    "roletype rolename domain domainid apikey usersource iscallerchilddomain isdefault "
    "is2faenabled is2famandated",
    keyword="username",
    is_owned=True,
)

listing(
    USER,
    "users",
    "id",
    """
    username: the user with this name
    accounttype: users of accounts of this type: 0 user, 1 root admin, 2 domain admin
    state: users in this state
""",
)

#: As in CloudStack's forms: letters, digits and what addresses have.
_NAME = re.compile(r"[\w.@+-]{1,190}\Z")


def _check_name(name: str) -> None:
    if not _NAME.match(name):
        raise invalid(f"'{name}' is no name for a user: letters, digits and . _ - @ +.")


def add_user(call: Call, account: Account, args: Args) -> User:
    """Add a user to an account, with a name that its domain has not."""
    name = args["username"]
    _check_name(name)
    if User.called(call.store, name, account.domain_id) is not None:
        raise invalid(f"There is a user {name} in this domain already.")
    user = User.add(
        call.store,
        username=name,
        account_id=account.id,
        firstname=args["firstname"],
        lastname=args["lastname"],
        email=args["email"],
        created=now(),
    )
    user.set_password(call.store, args["password"])
    return user


@api(USER)
def create_user(call: Call, args: Args) -> Json:
    """Makes a user of an account.

    account*: the account
    username*: its name
    password*: its password
    firstname*: the first name
    lastname*: the last name
    email*: the address
    domainid: the account's domain (default: the caller's)
    timezone: its time zone; the lab keeps UTC
    """
    account = owner_of_new(call, {"account": args["account"], "domainid": args.get("domainid")})
    with call.store.change():
        user = add_user(call, account, args)
    record(call, "USER.CREATE", f"Made the user {user.username}", user)
    return USER.answer(call, user)


@api(USER)
def update_user(call: Call, args: Args) -> Json:
    """Changes a user.

    id*: the user
    username: the new name
    firstname: the first name
    lastname: the last name
    email: the address
    password: the new password
    currentpassword: the present one, which whoever is no admin has to give with a new one
    """
    user = call.find(User, args["id"])
    changes: dict[str, Any] = {
        name: args[name]
        for name in ("username", "firstname", "lastname", "email")
        if args.get(name)
    }
    name = changes.get("username", user.username)
    if user.is_first_admin and name != user.username:
        raise invalid("The admin keeps its name.")
    _check_name(name)
    domain = user.account(call.store).domain_id
    if name != user.username and User.called(call.store, name, domain) is not None:
        raise invalid(f"There is a user {name} in this domain already.")
    if args.get("password"):
        is_admin = call.caller.is_root or call.caller.is_domain_admin
        if not is_admin and not user.has_password(args.get("currentpassword") or ""):
            raise invalid("currentpassword is not the present one.")
        user.set_password(call.store, args["password"])
    if changes:
        user.update(call.store, **changes)
    record(call, "USER.UPDATE", f"Changed the user {user.username}", user)
    return USER.answer(call, user)


@api(DONE)
def delete_user(call: Call, args: Args) -> Json:
    """Deletes a user; the account stays.

    id*: the user
    """
    user = call.find(User, args["id"])
    if user.is_first_admin:
        raise invalid("The admin stays.")
    user.remove(call.store)
    record(call, "USER.DELETE", f"Deleted the user {user.username}", user)
    return {"success": True}


def _become(call: Call, args: Args, state: UserState) -> User:
    user = call.find(User, args["id"])
    if user.is_first_admin and state is not UserState.ENABLED:
        raise invalid("The admin stays enabled.")
    user.update(call.store, state=state)
    record(call, f"USER.{state.upper()}", f"{user.username} is {state}", user)
    return user


@api(USER)
def enable_user(call: Call, args: Args) -> Json:
    """Lets a user ask again.

    id*: the user
    """
    return USER.answer(call, _become(call, args, UserState.ENABLED))


@api(USER)
def lock_user(call: Call, args: Args) -> Json:
    """Lets a user ask no more, until it is enabled.

    id*: the user
    """
    return USER.answer(call, _become(call, args, UserState.LOCKED))


@job(USER)
def disable_user(call: Call, args: Args) -> Task:
    """Lets a user ask no more.

    id*: the user
    """
    user = _become(call, args, UserState.DISABLED)
    return Task(user, answer=USER.answer(call, user))


@api(USER)
def get_user(call: Call, args: Args) -> Json:
    """Finds the user that a key is of.

    userapikey*: the API key
    """
    user = User.first(call.store, api_key=args["userapikey"])
    if user is None or not call.sees(user):
        raise no_such("user", "userapikey", "***")
    return USER.answer(call, user)


@api("apikey secretkey")
def get_user_keys(call: Call, args: Args) -> Json:
    """Shows a user's keys.

    id*: the user
    """
    return {"userkeys": shown_keys(call.find(User, args["id"]))}


@api("apikey secretkey")
def register_user_keys(call: Call, args: Args) -> Json:
    """Makes a new pair of keys for a user; the old ones are good no more.

    id*: the user
    """
    user = call.find(User, args["id"]).renew_keys(call.store)
    record(call, "REGISTER.USER.KEY", f"New keys for {user.username}", user)
    return {"userkeys": shown_keys(user)}
