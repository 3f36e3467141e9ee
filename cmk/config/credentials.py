"""Secrets, by a ladder: flags, environment, keyring, the config file, and a terminal's answer.

The keyring is asked only where the profile says that it holds the secrets (`keyring = true`) or has
none itself. Where nobody can be asked, what is missing is an error with the ways to provide it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cmk.config.file import Profile
from cmk.environment import Environment
from cmk.errors import CmkError, NoCredentials

#: Keys of a profile whose values are shown to nobody.
SECRETS = ("secretkey", "apikey", "password")

_SERVICE = "cmk"


@dataclass(frozen=True)
class Keys:
    """A key pair, with which each request is signed."""

    apikey: str
    secretkey: str

    def __repr__(self) -> str:
        return "Keys(***)"


@dataclass(frozen=True)
class Password:
    """A user's name and password, for a session."""

    username: str
    password: str
    domain: str = ""

    def __repr__(self) -> str:
        return f"Password({self.username}, ***)"


Credentials = Keys | Password  # whom requests are from


def credentials_of(
    profile: Profile, environment: Environment, apikey: str = "", secretkey: str = ""
) -> Credentials:
    """Whom a profile's requests are from; `apikey` and `secretkey` are the flags' values.

    Raises NoCredentials, saying how to provide them, where nobody can be asked.
    """
    found = _Ladder(profile, environment)
    if not (apikey or secretkey or found.value("apikey")) and profile.settings.get("username"):
        return Password(
            profile.settings["username"],
            found.needed("password"),
            profile.settings.get("domain", ""),
        )
    return keys_of(profile, environment, apikey, secretkey)


def keys_of(
    profile: Profile, environment: Environment, apikey: str = "", secretkey: str = ""
) -> Keys:
    """The pair of keys of a profile. Raises NoCredentials."""
    if apikey and secretkey:
        return Keys(apikey, secretkey)
    if apikey or secretkey:
        raise NoCredentials("-k and -s go together: a key without its secret is of no use.")
    found = _Ladder(profile, environment)
    return Keys(found.needed("apikey"), found.needed("secretkey"))


def has_keyring(settings: Mapping[str, str]) -> bool:
    """Whether a profile says that its secrets are in the keyring."""
    return settings.get("keyring", "").lower() in ("true", "yes", "on", "1")


def may_have_keyring(settings: Mapping[str, str]) -> bool:
    """Whether a profile's secrets may be in the keyring: it says so, or has none itself."""
    return has_keyring(settings) or not any(settings.get(name) for name in SECRETS)


class _Ladder:
    """The rungs below the flags, for one profile."""

    def __init__(self, profile: Profile, environment: Environment) -> None:
        self._profile = profile
        self._environment = environment

    def value(self, name: str) -> str:
        """A secret, or "" where no rung has it."""
        settings = self._profile.settings
        first = has_keyring(settings)
        if not first and settings.get(name):
            return settings[name]
        if self._profile.name and may_have_keyring(settings):
            kept = Keyring(self._environment).get(self._profile.name, name)
            if kept:
                return kept
        return settings.get(name, "")

    def needed(self, name: str) -> str:
        found = self.value(name)
        if found:
            return found
        environment = self._environment
        if environment.input_is_terminal and environment.error_is_terminal:
            answer = environment.ask_secret(f"{name} for {self._profile.url}: ")
            if answer:
                return answer
        where = self._profile.chosen_by
        raise NoCredentials(
            f"There is no {name} for {self._profile.url} ({where}); nothing was sent.",
            "Provide it with -k and -s, with CMK_API_KEY and CMK_SECRET_KEY beside CMK_URL, or in "
            "a profile: cmk profile add NAME url=URL",
        )


class Keyring:
    """The desktop's or system's store of secrets, where there is a usable one."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def get(self, profile: str, name: str) -> str:
        """A secret; "" where it is not there. A keyring that fails is told, and passed by."""
        try:
            return self._backend().get_password(_SERVICE, f"{profile}/{name}") or ""
        except NoKeyringError:
            return ""
        except Exception as problem:  # backends raise what they like
            self._environment.say(f"The keyring could not be asked: {_sentence(problem)}")
            return ""

    def put(self, profile: str, name: str, value: str) -> None:
        """Keep a secret. Raises CmkError where the keyring does not take it."""
        try:
            self._backend().set_password(_SERVICE, f"{profile}/{name}", value)
        except Exception as problem:
            raise CmkError(
                f"The keyring does not take the {name}: {_sentence(problem)}",
                "Without --keyring it stays in the config file, for your eyes only (0600).",
            ) from None

    def remove(self, profile: str, name: str) -> None:
        """Forget a secret; one that is not there is forgotten already."""
        try:
            self._backend().delete_password(_SERVICE, f"{profile}/{name}")
        except Exception as problem:
            if type(problem).__name__ not in ("PasswordDeleteError", "NoKeyringError"):
                self._environment.say(f"The keyring could not be asked: {_sentence(problem)}")

    @property
    def is_usable(self) -> bool:
        try:
            self._backend()
        except NoKeyringError:
            return False
        return True

    @property
    def _is_wanted(self) -> bool:
        """Whether somebody has named the backend, and so knows what it does."""
        return "PYTHON_KEYRING_BACKEND" in self._environment.variables

    def _backend(self) -> Any:
        try:
            import keyring
        except ImportError:
            raise NoKeyringError("Python's keyring is not installed") from None
        try:
            found = keyring.get_keyring()
        except Exception as problem:
            raise NoKeyringError(_sentence(problem)) from None
        if type(found).__module__ in ("keyring.backends.fail", "keyring.backends.null"):
            raise NoKeyringError("there is no keyring on this machine")
        if "plaintext" in type(found).__name__.lower() and not self._is_wanted:
            raise NoKeyringError("the one that is found keeps secrets as plain text in a file")
        return found


class NoKeyringError(Exception):
    """There is no keyring that could be used."""


def _sentence(problem: BaseException) -> str:
    text = str(problem).strip() or type(problem).__name__
    return text if text.endswith(".") else f"{text}."
