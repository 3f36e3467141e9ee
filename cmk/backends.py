"""The one place that joins a profile to its backend: the lab, or a management server."""

from __future__ import annotations

from urllib.parse import urlsplit

from cmk.config.file import Profile
from cmk.environment import Environment
from cmk.errors import ConfigurationError
from cmk.session.backend import Backend


def _is_url(text: str) -> bool:
    try:
        return bool(urlsplit(text).hostname) and urlsplit(text).port != 0
    except ValueError:  # of brackets and ports that are none
        return False


def backend_of(
    profile: Profile,
    environment: Environment,
    keys: tuple[str, str] = ("", ""),
    debug: bool = False,
) -> Backend:
    """The backend that a profile's URL names; `keys` are those of the flags.

    Raises ConfigurationError for a URL that names none.
    """
    scheme, colon, rest = profile.url.partition(":")
    if scheme == "lab" and colon:
        from cmk.lab.engine import LabBackend

        lab = LabBackend(rest or environment.lab_directory, environment)
        if any(keys) or profile.settings.get("apikey"):  # else it is this machine's root admin
            from cmk.config.credentials import keys_of

            pair = keys_of(profile, environment, *keys)
            lab.ask_as(pair.apikey, pair.secretkey)
        return lab
    if scheme.lower() in {"http", "https"} and _is_url(profile.url):
        from cmk.cloud.client import Cloud
        from cmk.config.credentials import credentials_of

        cloud = Cloud(profile, environment, lambda: credentials_of(profile, environment, *keys))
        cloud.debug = environment.say if debug else None
        return cloud
    raise ConfigurationError(
        f"'{profile.url}' ({profile.chosen_by}) is no server's URL.",
        "It is lab:, lab:/path, or https://HOST/client/api.",
    )
