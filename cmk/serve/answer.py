"""One request of CloudStack's API, from its parameters to the reply; knows no web framework."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmk.catalog.index import lab as lab_catalog
from cmk.catalog.index import shipped
from cmk.errors import ApiError, CmkError, NotAuthorised
from cmk.lab.call import Call
from cmk.lab.engine import run
from cmk.lab.lab import Lab
from cmk.lab.model.user import User
from cmk.lab.nouns import is_exactly
from cmk.lab.nouns.nothing import METRICS, NEVER_TRUE, NOBODYS, NOTHING
from cmk.serve.gate import REFUSED, Asker, asker_of, logged_in, refuse_strangers
from cmk.serve.replies import Reply, refusal, reply_of
from cmk.serve.sessions import IDLE, Sessions
from cmk.wire.envelope import content
from cmk.wire.faults import malformed
from cmk.wire.signature import given

#: What is about the request and not for the API.
_ABOUT = frozenset(
    ["command", "apikey", "signature", "signatureversion", "expires", "response", "sessionkey", "_"]
)

#: What the web UI asks before anybody has logged in, and what a lab says to it.
_TO_ANYBODY = frozenset(["listGuiThemes", "listOauthProvider"])

#: What it asks about things that a lab has not, and the answers.
_FIXED = {
    "cloudianIsEnabled": {"cloudianisenabled": {"enabled": False}},
    "quotaIsEnabled": {"isenabled": {"isenabled": False}},
}

#: Envelopes that are not called as their APIs are.
_ENVELOPES = {"listLdapConfigurations": "ldapconfigurationresponse"}

#: What a real server has and does not let anybody call, and the web UI asks all the same.
_NOT_HERE = frozenset(["listAndSwitchSamlAccount"])

#: What is answered before the second factor was shown, and the one that shows it.
_SHOWS_FACTOR = "validateUserTwoFactorAuthenticationCode"
_BEFORE_FACTOR = frozenset([_SHOWS_FACTOR, "listApis", "listUserTwoFactorAuthenticatorProviders"])
#: So often a session may show a wrong code.
_TRIES = 5

#: Bytes of user data that a GET may hold, as in CloudStack.
_USER_DATA_BY_GET = 4096


@dataclass(frozen=True)
class Request:
    """What came in; header names in lower case."""

    method: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    is_integration: bool = False
    #: The server as the client has named it: http://127.0.0.1:8080
    origin: str = "http://localhost"


def _is_there(command: str) -> bool:
    return is_exactly(command) or any(
        command in table for table in (NOTHING, METRICS, _FIXED, _TO_ANYBODY)
    )


def _finds_nothing(api: str, params: Mapping[str, str]) -> bool:
    """Whether a list is asked for those that have what nothing in a lab has."""
    known, declared = shipped().get(api), lab_catalog().get(api)
    if known is None or declared is None or known.verb != "list":
        return False
    given = {key.partition("[")[0].lower(): value for key, value in params.items() if value}
    return any(
        known.param(name) is not None
        and declared.param(name) is None
        and (name in NOBODYS or (name in NEVER_TRUE and value.lower() == "true"))
        for name, value in given.items()
    )


class Answerer:
    """Answers requests of one lab, in as many threads as ask: each has a store of its own."""

    def __init__(
        self, place: str | Path, variables: Mapping[str, str], tell: Callable[[str], None]
    ) -> None:
        """`tell` gets what is for who runs the server."""
        self._place, self._variables, self._tell = place, variables, tell
        self._mine = threading.local()
        self.sessions = Sessions()
        self.is_secure = False

    @property
    def lab(self) -> Lab:
        """This thread's. Raises ConfigurationError where the lab cannot be used."""
        lab: Lab | None = getattr(self._mine, "lab", None)
        if lab is None:
            lab = self._mine.lab = Lab(self._place, self._variables)
        return lab

    def answer(self, request: Request) -> Reply:
        """The reply, whatever comes in and whatever goes wrong."""
        command, form = given(request.params, "command"), given(request.params, "response")
        envelope = _ENVELOPES.get(command) or (f"{command.lower()}response" if command else "null")
        try:
            if not _is_there(command) and command not in ("login", "logout", ""):
                envelope = "errorresponse"
            reply = self._answered(request, command, envelope, form)
        except ApiError as problem:
            reply = refusal(envelope, problem, form)
        except CmkError as problem:
            reply = refusal(envelope, ApiError(530, problem.message), form)
        except Exception as problem:
            import traceback

            self._tell(traceback.format_exc())
            told = f"This is a bug in cmk: {type(problem).__name__}"
            reply = refusal(envelope, ApiError(530, told), form)
        reply.api = command or "-"
        return reply

    def _answered(self, request: Request, command: str, envelope: str, form: str) -> Reply:
        if command == "login":
            return self._login(request, form)
        if command in _TO_ANYBODY:
            return reply_of(envelope, {}, form)
        if command == "logout":
            if not self.sessions.end(request.cookies.get("JSESSIONID", "")):
                raise malformed("There is no session to log out of.")
            return reply_of(envelope, {"description": "success"}, form)
        asker = self._asker(request)
        if not _is_there(command):
            known = shipped().get(command)
            if command in _NOT_HERE or (known is not None and known.name == command):
                raise ApiError(432, f"The API {command} is not there in a lab.")
            raise NotAuthorised(401, REFUSED)
        session = asker.session
        if session is not None and not session.is_verified and command not in _BEFORE_FACTOR:
            raise NotAuthorised(511, "The second factor has to be shown first.", 4295)
        reply = reply_of(envelope, self._content(request, asker, command), form)
        reply.who = asker.user.username
        return reply

    def _content(self, request: Request, asker: Asker, command: str) -> Mapping[str, Any]:
        """What an API answers."""
        if command in NOTHING:
            return {}
        if command in _FIXED:
            return _FIXED[command]
        params = {k: v for k, v in request.params.items() if k.lower() not in _ABOUT}
        if request.method == "GET" and len(params.get("userdata", "")) > _USER_DATA_BY_GET:
            raise ApiError(431, "User data is too long for http GET request", 4350)
        api = METRICS.get(command, command)
        if _finds_nothing(api, params):
            return {}
        account = asker.user.account(self.lab.store)
        call = Call(self.lab, account, self._tell, request.origin, asker.user.uuid)
        try:
            told: Mapping[str, Any] = content(run(call, api, params, is_lenient=True))
        except ApiError:
            if command == _SHOWS_FACTOR and asker.session is not None:
                self._failed(request, asker)
            raise
        if command == _SHOWS_FACTOR and asker.session is not None:
            asker.session.is_verified = asker.session.has_factor = True
        return told

    def _failed(self, request: Request, asker: Asker) -> None:
        """A wrong code: nobody tries all of them in one session."""
        assert asker.session is not None
        asker.session.failures += 1
        if asker.session.failures >= _TRIES:
            self.sessions.end(request.cookies.get("JSESSIONID", ""))

    def _asker(self, request: Request) -> Asker:
        store = self.lab.store
        if request.is_integration:
            refuse_strangers(request.headers)
            return Asker(User.admin(store))
        return asker_of(store, request.params, request.headers, request.cookies, self.sessions)

    def _login(self, request: Request, form: str) -> Reply:
        """Begin a session: its cookie, and the key that each call of it brings."""
        if request.method != "POST":
            raise NotAuthorised(405, "login has to be posted")
        store = self.lab.store
        told_of = (given(request.params, n) for n in ("username", "password", "domain", "domainid"))
        user = logged_in(store, *told_of)
        has_two = bool(user.has_two_factors)
        cookie, session = self.sessions.begin(user.uuid, user.password or "", has_two)
        account = user.account(store)
        told = {
            "username": user.username,
            "userid": user.uuid,
            "domainid": account.domain(store).uuid,
            "timeout": int(IDLE),
            "account": account.account_name,
            "firstname": user.firstname,
            "lastname": user.lastname,
            "type": str(account.role(store).account_type),
            "timezone": "UTC",
            "timezoneoffset": "0.0",
            "registered": "false",
            "sessionkey": session.key,
            "is2faenabled": str(has_two).lower(),
            "is2faverified": str(not has_two).lower(),
            "issuerfor2fa": "CloudStack",
            "managementserverid": self.lab.id,
        }
        reply = reply_of("loginresponse", told, form)
        reply.who = user.username
        end = "; Path=/client; HttpOnly; SameSite=Strict" + ("; Secure" if self.is_secure else "")
        reply.headers.append(("Set-Cookie", f"JSESSIONID={cookie}{end}"))
        reply.headers.append(("Set-Cookie", f"sessionkey={session.key}{end}"))
        return reply
