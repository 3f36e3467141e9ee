"""Second factors: codes that a user's device makes (TOTP, RFC 6238)."""

from __future__ import annotations

from cmk.document import Json
from cmk.errors import ApiError
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api
from cmk.lab.events import record
from cmk.lab.model.user import User
from cmk.lab.noun import Args
from cmk.wire.faults import OTHER, invalid, not_yours, of_extra

#: Steps of 30 s by which a device's clock may be wrong.
_WINDOW = 1


@api("id username accountid secretcode")
def setup_user_two_factor_authentication(call: Call, args: Args) -> Json:
    """Begins with a second factor, or (enable=false) ends with it; it counts from the first code.

    enable: whether there shall be one (default true)
    provider: totp
    userid: the user, for admins that end with another's (default: who asks)
    """
    user = call.find(User, args["userid"], "userid") if args.get("userid") else _asking(call)
    is_admin = call.caller.is_root or call.caller.is_domain_admin
    if user.id != _asking(call).id and not is_admin:
        raise not_yours(user.KIND)
    if args.get("enable") is False:
        user.update(call.store, totp_secret=None, has_two_factors=False)
        record(call, "USER.2FA", f"{user.username} has no second factor any more", user)
        return {"setup2fa": _shown(call, user)}
    if user.id != _asking(call).id:
        raise invalid("Everybody sets up a second factor for themselves.")
    if (args.get("provider") or "totp").lower() != "totp":
        raise invalid("The provider is totp.")
    if user.has_two_factors:
        raise invalid(f"{user.username} has a second factor; enable=false ends with it first.")
    with of_extra("Second factors", "pyotp", "serve"):
        import pyotp

    secret = pyotp.random_base32()
    user.update(call.store, totp_secret=secret)
    return {"setup2fa": {**_shown(call, user), "secretcode": secret}}


def _shown(call: Call, user: User) -> Json:
    account = user.account(call.store)
    return {"id": user.uuid, "username": user.username, "accountid": account.uuid}


def _asking(call: Call) -> User:
    return call.find(User, call.user) if call.user else User.admin(call.store)


@api(DONE)
def validate_user_two_factor_authentication_code(call: Call, args: Args) -> Json:
    """Shows that the user has the second factor; the first time it begins to count.

    codefor2fa*: the code that the device shows
    """
    user = _asking(call)
    if not user.totp_secret or not is_right(user.totp_secret, args["codefor2fa"]):
        raise ApiError(531, "That is not the code of this user's second factor.", OTHER)
    if not user.has_two_factors:
        user.update(call.store, has_two_factors=True)
        record(call, "USER.2FA", f"{user.username} has a second factor now", user)
    return {"success": True}


def is_right(secret: str, code: str) -> bool:
    """Whether a code is the secret's, now or a step beside it."""
    with of_extra("Second factors", "pyotp", "serve"):
        import pyotp

    return code.isascii() and bool(pyotp.TOTP(secret).verify(code, valid_window=_WINDOW))


@api("name description")
def list_user_two_factor_authenticator_providers(call: Call, args: Args) -> Json:
    """Lists the kinds of second factors.

    name: the kind with this name
    """
    known = {"name": "totp", "description": "codes of a device (RFC 6238)"}
    rows = [known] if args.get("name", "totp").lower() == "totp" else []
    return {"count": len(rows), "providers": rows} if rows else {}
