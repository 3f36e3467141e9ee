"""Who a request is from: by its signature, by a session, or, on the integration port, the admin."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from cmk.errors import ApiError, NotAuthorised
from cmk.lab.model.account import Domain
from cmk.lab.model.user import User
from cmk.lab.store import Store
from cmk.serve.sessions import Sessions, WebSession
from cmk.wire.signature import given, is_signed

#: The one sentence for an unknown key, a bad signature, an expired request, a disabled user, an
#: unknown API: nobody learns which.
REFUSED = "unable to verify user credentials and/or request signature"

#: What nobody has, for a comparison that takes its time all the same.
_NOBODY = "x" * 86


class Asker(NamedTuple):
    """Who asks, and the session that this is in, if it is in one."""

    user: User
    session: WebSession | None = None


def asker_of(
    store: Store,
    params: Mapping[str, str],
    headers: Mapping[str, str],
    cookies: Mapping[str, str],
    sessions: Sessions,
) -> Asker:
    """Who a request is from. Raises NotAuthorised (401)."""
    key = given(params, "apikey")
    if not key and cookies.get("JSESSIONID"):
        ways = (given(params, "sessionkey"), headers.get("sessionkey"), cookies.get("sessionkey"))
        told = next(filter(None, ways), "")
        session = sessions.find(cookies["JSESSIONID"], told)
        user = User.known(store, session.user) if session else None
        if user is None or session is None or not user.may_ask(store):
            raise NotAuthorised(401, "unable to verify user credentials")
        if session.password != (user.password or ""):  # it was changed meanwhile
            raise NotAuthorised(401, "unable to verify user credentials")
        if user.has_two_factors and not session.has_factor:
            session.is_verified = False
        return Asker(user, session)
    user = User.first(store, api_key=key) if key else None
    secret = user.secret_key if user is not None and user.secret_key else _NOBODY
    is_right = is_signed(params, secret, time.time())
    if user is None or not is_right or not user.may_ask(store):
        raise NotAuthorised(401, REFUSED)
    return Asker(user)


def logged_in(store: Store, username: str, password: str, place: str = "", id: str = "") -> User:
    """The user with this name and password, in the domain with this path (`/sales`; the root is `/`
    or nothing) or this id. Raises NotAuthorised (531)."""
    User.admin(store)
    domain = Domain.known(store, id) if id else Domain.at(store, place)
    user = User.called(store, username, domain.id) if domain else None
    nobody = User.draft(state="enabled", password=None)
    is_right = (user or nobody).has_password(password)
    if user is None or not is_right or not user.may_ask(store):
        raise NotAuthorised(
            531, "Failed to authenticate the user; please provide valid credentials"
        )
    return user


def refuse_strangers(headers: Mapping[str, str]) -> None:
    """On the integration port, which asks nobody: a page of another site in a browser on this
    machine is nobody's admin. Raises ApiError 403."""
    host = headers.get("host", "").rpartition(":")[0].strip("[]") or headers.get("host", "")
    if "origin" in headers or host not in ("localhost", "127.0.0.1", "::1"):
        raise ApiError(403, "The integration port is for programs on this machine.")
