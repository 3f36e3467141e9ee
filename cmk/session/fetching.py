"""The rows of a list API that completion shows."""

from __future__ import annotations

from typing import Any

from cmk.config.file import Profile
from cmk.environment import Environment
from cmk.session.backend import Connect
from cmk.session.flags import Flags
from cmk.session.session import Session

#: Rows of a list that are fetched for completion: ten pages a minute, and more than anybody chooses
#: from.
COMPLETED = 5000


def fetched(
    environment: Environment,
    connect: Connect,
    profile: Profile,
    api: str,
    keys: tuple[str, str] = ("", ""),
) -> list[dict[str, Any]]:
    """A list API's rows, for completion: with a connection of its own, asking nobody for secrets
    and saying nothing into what is being typed. Raises CmkError, OSError."""
    flags = Flags(apikey=keys[0], secretkey=keys[1])
    session = Session(environment.silent(), flags, connect, profile)
    try:
        return session.list_rows(api, "", COMPLETED)
    finally:
        session.close()
