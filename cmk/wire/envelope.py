"""The one envelope of a reply: `{"listzonesresponse": {…}}`."""

from __future__ import annotations

from typing import Any

from cmk.document import Json

#: The version that the lab says it is: the one whose catalog it is held against.
VERSION = "4.22.0.0"


def enveloped(api: str, content: Any) -> Json:
    """What CloudStack answers to a call of this API."""
    return {f"{api.lower()}response": content}


def content(reply: Json) -> Any:
    """What is inside a reply's envelope."""
    return next(iter(reply.values())) if len(reply) == 1 else reply
