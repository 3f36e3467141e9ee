"""The signature of a request, as CloudStack's ApiServer checks it (signature version 3).

The server encodes each value with Java's URLEncoder (a blank as %20), puts `name=value` in the
order of the names, lower-cases the whole, and takes the base64 of its HMAC. Names stay as they are.
"""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Mapping
from urllib.parse import quote

ALGORITHMS = ("sha1", "sha512")

#: Seconds that a signed request is good for; the server refuses more than 15 minutes.
LIFETIME = 600


def java_encode(value: str) -> str:
    """A value as Java's URLEncoder writes it, but a blank as %20.

    Unreserved are A-Z a-z 0-9 . - * _ only: `~`, which RFC 3986 leaves alone, becomes %7E.
    """
    return quote(value, safe=".-*_", errors="replace").replace("~", "%7E")


def text_to_sign(params: Mapping[str, str]) -> str:
    """What the HMAC is taken of."""
    pairs = [f"{name}={java_encode(params[name])}" for name in sorted(params)]
    return "&".join(pairs).lower()


def signature(params: Mapping[str, str], secret: str, algorithm: str = "sha1") -> str:
    """The base64 of the HMAC with `sha1` or `sha512`."""
    digest = hmac.digest(
        secret.encode(), text_to_sign(params).encode("utf-8", "replace"), algorithm
    )
    return base64.b64encode(digest).decode()


#: What in a request is no part of what is signed, in any case of its letters.
_SIGNATURE = "signature"


def given(params: Mapping[str, str], name: str) -> str:
    """A parameter of a request by its name in any case; "" where there is none."""
    return next((value for key, value in params.items() if key.lower() == name), "")


def is_signed(params: Mapping[str, str], secret: str, now: float) -> bool:
    """Whether the whole of a request was signed with this secret, and has not expired, as
    CloudStack's ApiServer checks it; `now` in seconds since the epoch."""
    told = given(params, _SIGNATURE)
    whole = {key: value for key, value in params.items() if key.lower() != _SIGNATURE}
    # Each is computed, and compared in a time that says nothing about where they differ.
    found = told.encode("utf-8", "replace")
    right = [hmac.compare_digest(signature(whole, secret, a).encode(), found) for a in ALGORITHMS]
    if not told or not any(right):
        return False
    if given(params, "signatureversion") != "3":
        return True
    expires = moment_of(given(params, "expires"))
    return expires is not None and expires > now


def moment_of(text: str) -> float | None:
    """Seconds since the epoch of an `expires` in one of the forms that clients send:
    2026-11-28T08:00:00+0000, …+00:00, …Z; None for what is none."""
    from datetime import datetime

    for form in ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z"):
        try:
            return datetime.strptime(text, form).timestamp()
        except (ValueError, OverflowError):
            continue
    return None


def signed(
    params: Mapping[str, str], key: str, secret: str, algorithm: str, now: float | None = None
) -> dict[str, str]:
    """The parameters with apiKey, expiry and signature; `now` in seconds since the epoch."""
    moment = time.time() if now is None else now
    expires = time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime(moment + LIFETIME))
    whole = {
        **params,
        "apiKey": key,
        "response": "json",
        "signatureversion": "3",
        "expires": expires,
    }
    return {**whole, "signature": signature(whole, secret, algorithm)}
