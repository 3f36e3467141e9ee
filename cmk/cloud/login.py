"""Logging in with a name and a password: the session that stands for the two afterwards."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cmk.config.file import Profile
from cmk.environment import Environment
from cmk.errors import CmkError, NoCredentials
from cmk.files import name_of, put

#: Seconds that a session kept between two calls is used for; the server's own limit is 30 minutes.
KEPT = 900

#: Asks one request and gives what is inside its envelope.
Ask = Callable[[dict[str, str]], dict[str, object]]


@dataclass(frozen=True)
class LoginSession:
    """What a login gave: the key that each request carries, and the cookies."""

    key: str
    cookies: Mapping[str, str] = field(default_factory=dict)


def log_in(ask: Ask, username: str, password: str, domain: str, ask_code: Callable[[], str]) -> str:
    """The session key, after the second factor where the account has one.

    Raises NotAuthorised, NoCredentials.
    """
    params = {"command": "login", "username": username, "password": password, "response": "json"}
    if domain:
        params["domain"] = domain if domain.startswith("/") else f"/{domain}"
    found = ask(params)
    key = found.get("sessionkey")
    if not isinstance(key, str) or not key:
        raise CmkError("The server's answer to the login has no sessionkey.")
    if _says(found, "is2faenabled") and not _says(found, "is2faverified"):
        code = ask_code()
        ask(
            {
                "command": "validateUserTwoFactorAuthenticationCode",
                "codefor2fa": code,
                "sessionkey": key,
                "response": "json",
            }
        )
    return key


def _says(found: Mapping[str, object], name: str) -> bool:
    return str(found.get(name, "")).lower() == "true"


def no_code() -> str:
    """Where nobody can be asked for a second factor."""
    raise NoCredentials("The account has a second factor, which only a terminal can be asked for.")


def kept_session(environment: Environment, profile: Profile) -> KeptSession:
    """The file of a profile's user, whether it is there or not."""
    names = [profile.settings.get(key, "") for key in ("username", "domain")]
    user = name_of(profile.url, profile.name, *names)
    return KeptSession(_sessions(environment) / f"{name_of(profile.name)}-{user}.json")


def forget_sessions(environment: Environment, profile: str) -> None:
    """Remove what is kept for any user of a profile."""
    for path in _sessions(environment).glob(f"{name_of(profile)}-*.json"):
        path.unlink(missing_ok=True)


def _sessions(environment: Environment) -> Path:
    return Path(environment.state_directory, "sessions")


class KeptSession:
    """A session in a file of its own, for one user and a quarter of an hour."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> LoginSession | None:
        """The session, unless it is too old, for others to see, or damaged."""
        try:
            found = self.path.stat()
            if found.st_mode & 0o077 or time.time() - found.st_mtime > KEPT:
                return None
            kept = json.loads(self.path.read_text("utf-8"))
            return LoginSession(
                str(kept["key"]), {str(k): str(v) for k, v in kept["cookies"].items()}
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def write(self, session: LoginSession) -> None:
        """Keep a session, readable by its owner only from its first moment on."""
        put(self.path, json.dumps(asdict(session)))

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
