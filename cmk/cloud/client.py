"""A CloudStack management server as a backend: requests signed or in a session, answers checked."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cmk.catalog import Catalog
from cmk.cloud.transport import (
    PASSING,
    Answer,
    RequestsTransport,
    Transport,
    Trust,
    redirected,
    send_patiently,
)
from cmk.config.credentials import Credentials, Keys, Password
from cmk.config.file import Config, Profile
from cmk.document import Json, loads
from cmk.environment import Environment
from cmk.errors import CmkError, NotAuthorised, Unreachable
from cmk.masks import HIDDEN, in_text, mask
from cmk.wire.envelope import enveloped
from cmk.wire.faults import fault_of
from cmk.wire.signature import ALGORITHMS, signed

if TYPE_CHECKING:
    from cmk.cloud.login import KeptSession, LoginSession

#: Seconds that two clocks may differ before it is said.
SKEW = 300

#: What says who asks, and that it is so for this request alone: without the secret it is no key.
_OF_CURL = ("apiKey", "signature")


class Cloud:
    """One management server, asked as one user."""

    pauses = (0.2, 2.0)

    def __init__(
        self,
        profile: Profile,
        environment: Environment,
        credentials: Callable[[], Credentials],
        transport: Transport | None = None,
    ) -> None:
        self._profile = profile
        self._url = profile.url
        self._environment = environment
        self._find_credentials = credentials
        self._credentials: Credentials | None = None
        self._transport = transport or self._own_transport()
        self._catalog: Catalog | None = None
        self._is_synced = False
        self._session: LoginSession | None = None
        self._algorithm = ""
        self.debug: Callable[[str], None] | None = None

    def _own_transport(self) -> Transport:
        settings = self._profile.settings
        verify = settings.get("verifycert", "true").lower() not in ("false", "0", "no")
        if not verify and self._environment.error_is_terminal:
            self._environment.say(
                f"Warning: the certificate of {self._profile.url} is not verified "
                "(verifycert = false)."
            )
        trust = Trust(verify, settings.get("cacert", ""))
        return RequestsTransport(self._profile.url, trust, self._environment.variables)

    # the seam

    def call(self, api: str, params: dict[str, str]) -> Json:
        """One API call. Raises ApiError as the server refuses, Unreachable, CmkError."""
        content = self._call(api, params, patient=is_read(api))
        return enveloped(api, content)

    def job(self, jobid: str, deadline: float | None = None) -> Json:
        found = self._call("queryAsyncJobResult", {"jobid": jobid}, True, deadline)
        status = str(found.get("jobstatus"))
        if status not in ("0", "1", "2"):
            raise CmkError(f"The server's answer about job {jobid} has no jobstatus of 0, 1 or 2.")
        return {**found, "jobstatus": int(status)}

    def catalog(self) -> Catalog:
        """What was synced from this server, else the index that ships with cmk."""
        from cmk.catalog.index import load, place

        is_new = not self._is_synced and Path(place(self._environment, self._url)).exists()
        if self._catalog is None or is_new:
            self._is_synced = is_new
            self._catalog = load(self._environment, self._url)
        return self._catalog

    def learn(self, seconds: float | None = None) -> bool:
        """Fetch the server's own catalog, with one try of so many seconds where that is said.
        Raises what a call raises."""
        from cmk.catalog.index import load, save

        deadline = None if seconds is None else time.monotonic() + seconds
        apis = self._call("listApis", {}, seconds is None, deadline).get("api")
        if not isinstance(apis, list) or not apis:
            raise CmkError("The server's answer to listApis has no APIs.")
        save(self._environment, self._url, apis)
        self._catalog = load(self._environment, self._url)
        return True

    def greeted(self, seconds: float) -> tuple[str, str]:
        """The server's version, and the Date that it tells (RFC 9110), within so many seconds.
        Raises what a call raises."""
        answer = self._answered("listCapabilities", {}, False, time.monotonic() + seconds)
        told = self._content(answer).get("capability")
        version = told.get("cloudstackversion") if isinstance(told, dict) else None
        return str(version or "of some version"), answer.headers.get("date", "")

    def as_curl(self, api: str, params: dict[str, str]) -> list[str]:
        """The words of the equivalent call of curl, signed; secrets are `***`, and it works when
        they are put in again."""
        fields = self._authorised({"command": api, **params})
        words = ["curl"]
        for cookie in self._cookies().items():
            words += ["--cookie", f"{cookie[0]}={HIDDEN}"]
        if not self._posts:
            words.append("--get")
        shown = {**mask(fields), **{key: fields[key] for key in _OF_CURL if key in fields}}
        for name, value in shown.items():
            words += ["--data-urlencode", f"{name}={value}"]
        return [*words, in_text(self._profile.url)]

    def upload(
        self, url: str, headers: Mapping[str, str], file: Path, tell: Callable[[int], None]
    ) -> None:
        """Send a file to where the server said that it takes one. Raises CmkError as it refuses,
        Unreachable."""
        answer = self._transport.upload(url, headers, file, tell)
        if answer.status >= 300:
            first = answer.body.decode("utf-8", "replace").strip().splitlines()[:1]
            raise CmkError(
                f"The server does not take {file.name}: HTTP {answer.status} "
                f"{first[0][:200] if first else answer.reason}"
            )

    def close(self) -> None:
        self._transport.close()

    # requests

    @property
    def _posts(self) -> bool:
        return self._profile.settings.get("postrequest", "true").lower() != "false"

    def _call(
        self, api: str, params: Mapping[str, str], patient: bool, deadline: float | None = None
    ) -> Json:
        return self._content(self._answered(api, params, patient, deadline))

    def _answered(
        self, api: str, params: Mapping[str, str], patient: bool, deadline: float | None
    ) -> Answer:
        answer = self._send(api, params, patient, deadline)
        if answer.status == 401:
            answer = self._second_try(api, params, patient, answer, deadline)
        return answer

    def _send(
        self, api: str, params: Mapping[str, str], patient: bool, deadline: float | None = None
    ) -> Answer:
        fields = self._authorised({"command": api, **params}, deadline)
        began = time.monotonic()
        if patient:
            answer = send_patiently(
                self._transport, fields, self._posts, self._tell_person, deadline
            )
        else:
            answer = self._transport.send(fields, self._posts, deadline)
        if self.debug is not None:
            shown = " ".join(f"{k}={v}" for k, v in mask(params).items())
            method = "POST" if self._posts else "GET"
            self.debug(
                f"{method} {in_text(self._profile.url)} command={api} {shown} -> "
                f"HTTP {answer.status}, {len(answer.body)} bytes, "
                f"{time.monotonic() - began:.3f} s"
            )
        return answer

    def _tell_person(self, text: str) -> None:
        """To whom waits at a terminal; a script has no use for it."""
        if self._environment.error_is_terminal:
            self._environment.say_once(text)

    def _second_try(
        self,
        api: str,
        params: Mapping[str, str],
        patient: bool,
        refused: Answer,
        deadline: float | None,
    ) -> Answer:
        """After a 401: log in anew, or sign with the other algorithm where `auto` says so."""
        if isinstance(self._credentials, Password):
            self._session, self._transport.cookies = None, {}
            self._kept().forget()
            return self._send(api, params, patient, deadline)
        if self._wanted_algorithm() != "auto" or self._algorithm:
            return refused
        self._algorithm = ALGORITHMS[1]
        answer = self._send(api, params, patient, deadline)
        if answer.status == 401:
            self._algorithm = ""
            return refused
        self._remember_algorithm()
        return answer

    def _wanted_algorithm(self) -> str:
        return self._profile.settings.get("signaturealgorithm", "sha1").lower()

    def _remember_algorithm(self) -> None:
        config = Config.read(self._environment.config_file)
        if self._profile.name in config.profiles:
            config.write(self._profile.name, {"signaturealgorithm": self._algorithm})

    def _authorised(self, params: dict[str, str], deadline: float | None = None) -> dict[str, str]:
        if self._credentials is None:
            self._credentials = self._find_credentials()
        if isinstance(self._credentials, Keys):
            wanted = self._algorithm or self._wanted_algorithm()
            algorithm = wanted if wanted in ALGORITHMS else ALGORITHMS[0]
            return signed(params, self._credentials.apikey, self._credentials.secretkey, algorithm)
        key = self._logged_in(self._credentials, deadline)
        return {**params, "response": "json", "sessionkey": key}

    # a session

    def _logged_in(self, password: Password, deadline: float | None) -> str:
        if self._session is None:
            self._session = self._kept().read() if self._keeps else None
            if self._session is not None:
                self._transport.cookies = self._session.cookies
        if self._session is None:
            self._session = self._new_session(password, deadline)
        return self._session.key

    def _new_session(self, password: Password, deadline: float | None = None) -> LoginSession:
        from cmk.cloud.login import LoginSession, log_in, no_code

        def ask(params: dict[str, str]) -> dict[str, object]:
            return dict(self._content(self._transport.send(params, True, deadline)))

        environment = self._environment
        can_ask = environment.input_is_terminal and environment.error_is_terminal
        asked = (lambda: environment.ask_secret("Second factor: ")) if can_ask else no_code
        key = log_in(ask, password.username, password.password, password.domain, asked)
        session = LoginSession(key, self._cookies())
        if self._keeps:
            self._kept().write(session)
        return session

    def log_in(self) -> None:
        """Begin a session now. Raises NotAuthorised; CmkError where the profile has keys."""
        if self._credentials is None:
            self._credentials = self._find_credentials()
        if not isinstance(self._credentials, Password):
            raise CmkError("This profile signs its requests with keys; there is nothing to log in.")
        self._kept().forget()
        self._session = self._new_session(self._credentials)
        if not self._keeps:
            self._kept().write(self._session)  # it was asked for by name

    def log_out(self) -> bool:
        """End the session that is kept, if there is one."""
        session = self._session or self._kept().read()
        self._kept().forget()
        if session is None:
            return False
        self._transport.cookies = session.cookies
        self._transport.send(
            {"command": "logout", "response": "json", "sessionkey": session.key}, post=True
        )
        self._session = None
        return True

    def _cookies(self) -> Mapping[str, str]:
        return self._transport.cookies

    @property
    def _keeps(self) -> bool:
        """Whether the session outlives this process: the profile says so, or `login` was used."""
        wanted = self._profile.settings.get("savesession", "false").lower() == "true"
        return wanted or self._kept().path.exists()

    def _kept(self) -> KeptSession:
        from cmk.cloud.login import kept_session

        return kept_session(self._environment, self._profile)

    # answers

    def _content(self, answer: Answer) -> Json:
        """What is inside the envelope of an answer. Raises the error that it is."""
        if 300 <= answer.status < 400:
            raise redirected(answer)
        try:
            document = loads(answer.body)
        except ValueError:
            raise self._no_json(answer) from None
        content = document
        if isinstance(document, dict) and len(document) == 1:
            name = next(iter(document))
            content = document[name] if name.lower().endswith("response") else document
        if isinstance(content, dict) and ("errorcode" in content or "errortext" in content):
            raise self._refusal(answer, content)
        if answer.status >= 400 or not isinstance(document, dict) or not isinstance(content, dict):
            raise self._no_json(answer)
        return content

    def _refusal(self, answer: Answer, content: Json) -> CmkError:
        problem = fault_of(content, answer.status)
        if problem.errorcode == 401:
            problem.hint = self._clock(answer) or (
                f"Credentials come from {self._profile.chosen_by}; are they of this server?"
            )
        return problem

    def _clock(self, answer: Answer) -> str:
        """That this machine's clock is wrong, by the server's Date, if it is."""
        try:
            theirs = email.utils.parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
        except (TypeError, ValueError, OverflowError):
            return ""
        ahead = time.time() - theirs
        if abs(ahead) < SKEW:
            return ""
        side = "ahead of" if ahead > 0 else "behind"
        return (
            f"This machine's clock is {abs(ahead) / 60:.0f} minutes {side} the server's; signed "
            "requests expire by it."
        )

    def _no_json(self, answer: Answer) -> CmkError:
        """An answer that is none: its status and its first line."""
        text = answer.body.decode("utf-8", "replace").strip()
        first = next((line.strip() for line in text.splitlines() if line.strip()), "")[:200]
        status = f"HTTP {answer.status} {answer.reason}".strip()
        told = f"{self._place} answered {status}, and no JSON as CloudStack's API does: "
        problem = told + (first or "nothing at all")
        if answer.status in PASSING:
            return Unreachable(problem)
        if answer.status in (401, 403):
            return NotAuthorised(answer.status, problem)
        return CmkError(problem, "Does the URL end in /client/api?" if answer.status == 404 else "")

    @property
    def _place(self) -> str:
        parts = urlsplit(self._profile.url)
        return parts._replace(query="", netloc=parts.netloc.rpartition("@")[2]).geturl()


def is_read(api: str) -> bool:
    """Whether an API changes nothing, so that it may be sent twice."""
    name = api.lower()
    return name.startswith(("list", "query")) or (
        name.startswith("get") and not name.startswith("getuploadparams")
    )
