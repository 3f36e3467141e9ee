"""Users: who may ask over HTTP, and the keys that they sign with."""

from __future__ import annotations

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import api, listing
from cmk.lab.events import record
from cmk.lab.model.user import User
from cmk.lab.noun import Args, Noun
from cmk.wire.faults import no_such

USER = Noun(
    "user",
    "listUsers",
    "user_view",
    "id username firstname lastname email created state account accountid accounttype roletype "
    "rolename domain domainid apikey usersource iscallerchilddomain",
    keyword="username",
    is_owned=True,
)

listing(
    USER,
    "users",
    "id",
    """
    username: the user with this name
    account: users of this account
    domainid: users of this domain
    state: users in this state
""",
)


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
def register_user_keys(call: Call, args: Args) -> Json:
    """Makes a new pair of keys for a user; the old ones are good no more.

    id*: the user
    """
    user = call.find(User, args["id"]).renew_keys(call.store)
    record(call, "REGISTER.USER.KEY", f"New keys for {user.username}", user)
    return {"userkeys": {"apikey": user.api_key, "secretkey": user.secret_key}}
