"""How people come into a VM, as it was asked for: key pairs, user data, a password."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import string
from typing import Any, NamedTuple

from cmk.lab.call import Call
from cmk.lab.model.account import Account
from cmk.lab.model.key_pair import KeyPair, UserData
from cmk.lab.model.template import Template
from cmk.lab.noun import Args
from cmk.wire.faults import invalid, malformed, nobody

#: Bytes that user data may have, before and after base64 (CloudStack 4.22: vm.userdata.max.length).
LONGEST = 32768

#: Letters of a password that is made: none that are taken for another.
_LETTERS = "".join(set(string.ascii_letters + string.digits) - set("0O1lI"))


class Access(NamedTuple):
    """The columns of a VM that say it."""

    user_data: str | None = None
    user_data_id: int | None = None
    user_data_details: str | None = None
    keypairs: str | None = None
    public_keys: str | None = None
    new_password: str | None = None


def access_of(call: Call, args: Args, owner: Account, template: Template) -> Access:
    """What the parameters of a deployment say. Raises ApiError 431 for what is not there."""
    columns: dict[str, Any] = {**user_data_of(call, args), **keys_of(call, args, owner)}
    found = Access(**columns)
    if not template.enable_password:
        return found
    return found._replace(new_password=args.get("password") or new_password())


def new_password() -> str:
    """Twelve letters and digits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(12))


def keys_of(call: Call, args: Args, owner: Account) -> dict[str, str | None]:
    """The key pairs that are named, with what guests get of them."""
    names = [name for name in (args.get("keypair"), *(args.get("keypairs") or [])) if name]
    pairs = []
    for name in dict.fromkeys(names):
        pair = KeyPair.first(call.store, account_id=owner.id, name=name)
        if pair is None:
            raise nobody(f"There is no key pair {name} of the account {owner.account_name}.")
        pairs.append(pair)
    return {
        "keypairs": ",".join(pair.name for pair in pairs) or None,
        "public_keys": "\n".join(pair.public_key for pair in pairs) or None,
    }


def user_data_of(call: Call, args: Args) -> dict[str, str | int | None]:
    """The user data that is given or named."""
    given, named = args.get("userdata"), args.get("userdataid")
    if given and named:
        raise invalid("userdata and userdataid exclude each other.")
    registered = call.find(UserData, named, "userdataid") if named else None
    details = args.get("userdatadetails") or {}
    return {
        "user_data": registered.user_data if registered else checked(given),
        "user_data_id": registered.id if registered else None,
        "user_data_details": json.dumps(details) if details else None,
    }


def checked(user_data: str | None) -> str | None:
    """User data as it is kept. Raises ApiError 431 for what is not base64, or too long."""
    if not user_data:
        return None
    text = user_data.strip()
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise malformed("userdata is base64 (RFC 4648).") from None
    if len(text) > LONGEST:
        raise malformed(f"userdata has {len(text)} bytes; {LONGEST} are the most.")
    return text
