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
    return quote(value, safe=".-*_").replace("~", "%7E")


def text_to_sign(params: Mapping[str, str]) -> str:
    """What the HMAC is taken of."""
    pairs = [f"{name}={java_encode(params[name])}" for name in sorted(params)]
    return "&".join(pairs).lower()


def signature(params: Mapping[str, str], secret: str, algorithm: str = "sha1") -> str:
    """The base64 of the HMAC with `sha1` or `sha512`."""
    digest = hmac.digest(secret.encode(), text_to_sign(params).encode(), algorithm)
    return base64.b64encode(digest).decode()


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
