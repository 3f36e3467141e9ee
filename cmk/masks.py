"""What may be shown of parameters, rows, URLs and settings: one table of what is a secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: What stands where a secret was.
HIDDEN = "***"

#: Parts of a name, its dots and dashes left out, that make what it names a secret: parameters of
#: APIs, settings of the category Secure (CloudStack 4.22), request headers, keys of profiles.
_TELLING = (
    *("password", "passwd", "secret", "token", "privatekey", "codefor2fa", "apikey", "sessionkey"),
    *("accesskey", "psk", "presharedkey", "passphrase", "bindpass", "truststorepass"),
    *("encryptionkey", "encryptioniv", "hashkey", "singlesignonkey", "authkey", "credential"),
    *("hmac", "samlresponse", "kubeconfig", "jsessionid", "snmpcommunity"),
    "userdatadetails",
)
#: Whole names: `key` lets into Swift, and `pass` would be in too many others.
_NAMES = frozenset(("key", "pass", "pwd", "userdata", "cookie", "jwt", "otp", "totp"))
_NAMES |= {"pin", "pincode", "staticpin"}
#: Names of a URL's query that let in whoever has them: Azure's, Akamai's, nginx's, common ones.
_OF_URLS = frozenset(("auth", "code", "hdnea", "hdnts", "hdntl", "__gda__", "md5", "st", "sas"))
_OF_URLS |= {"sid", "session", "sessionid", "ticket", "verify"}

#: In a URL: who is to be let in (also where the password has signs that no URL may), and what lets
#: in whoever has it.
#: Compiled at their first use: most commands show no URL.
_USER = (
    r"(\w+://)(?:[^/?#\s:@]*:[^/?#\s]*@|[^/\s:@]*:(?!\d*(?:[/?#\s]|\Z))[^\s@]*@"
    r"|(?:(?<=http://)|(?<=https://))[^/?#\s]*@)"  # elsewhere a user alone is no secret: ssh's
)
_QUERY = r"([?&;#])([^=&;#?\s]+)=([^&\s]+)"


def is_secret(name: str) -> bool:
    """Whether what has this name must not be shown, logged or remembered."""
    lowered = name.lower()
    if "http_header:" in lowered:
        return True
    plain = re.sub(r"[._-]", "", lowered)
    if plain.endswith("passwordenabled"):
        return False
    return plain in _NAMES or any(part in plain for part in _TELLING)


def in_text(text: str) -> str:
    """A text whose URLs, if it has any, show no user and nothing that lets in."""
    if "://" not in text:
        return text
    return re.sub(_QUERY, _let_in, re.sub(_USER, rf"\1{HIDDEN}@", text))


def _let_in(found: re.Match[str]) -> str:
    """A name and a value of a URL's query, without what lets in whoever has it."""
    from urllib.parse import unquote

    name = unquote(found[2]).lower()
    telling = "key" in name or "signature" in name or name.endswith("sig")
    if telling or name in _OF_URLS or is_secret(name):
        return f"{found[1]}{found[2]}={HIDDEN}"
    # Behind a `;` or a `#` of the value there may be others.
    return f"{found[1]}{found[2]}={re.sub(_QUERY, _let_in, found[3])}"


def lets_in(url: str) -> bool:
    """Whether a URL holds a user, a password, or what else lets in whoever has it."""
    return in_text(url) != url


def hidden(name: str, value: str) -> str:
    """The value of a parameter as it may be shown: JSON that names a secret is one."""
    if is_secret(name) or (value[:1] in ("{", "[") and is_secret(value)):
        return HIDDEN
    return in_text(value)


def mask(params: Mapping[str, Any], verb: str = "") -> dict[str, Any]:
    """Parameters, or a row, as they may be shown.

    `details[0].key=password` makes a secret of `details[0].value`, and so does `name=…password` of
    `value`. What is listed by its `key` (tags, details) is listed by a name.
    """
    telling = any(is_secret(str(v)) for k, v in params.items() if k.endswith(("key", "name")))
    shown = {}
    for name, value in params.items():
        if not value or (verb == "list" and name.lower() == "key"):
            shown[name] = value
        elif is_secret(name) or (telling and name.endswith("value")):
            shown[name] = HIDDEN
        else:
            shown[name] = hidden(name, value) if isinstance(value, str) else value
    return shown
