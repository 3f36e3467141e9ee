"""The seam between the language and what runs it: a management server, or the lab."""

from __future__ import annotations

from typing import Any, Protocol

from cmk.catalog import Catalog
from cmk.config import Profile
from cmk.environment import Environment
from cmk.errors import ConfigurationError

Json = dict[str, Any]


class Backend(Protocol):
    """Answers in CloudStack's own JSON shapes; nothing above it knows which one it is."""

    #: Seconds between two looks at a job: the first, and the most it grows to.
    pauses: tuple[float, float]

    def call(self, api: str, params: dict[str, str]) -> Json:
        """`{"listzonesresponse": {…}}`. Raises ApiError as the API refuses, Unreachable."""
        ...

    def job(self, jobid: str) -> Json:
        """What queryAsyncJobResult says of one job, without the envelope."""
        ...

    def catalog(self) -> Catalog:
        """The APIs that it knows."""
        ...

    def learn(self) -> bool:
        """Fetch the server's own catalog; False where there is no other than the one it has."""
        ...

    def as_curl(self, api: str, params: dict[str, str]) -> list[str]:
        """The words of curl for the same call. Raises UsageError where there is none."""
        ...

    def close(self) -> None:
        """Let go of what it holds open."""
        ...


def backend_of(
    profile: Profile,
    environment: Environment,
    keys: tuple[str, str] = ("", ""),
    debug: bool = False,
) -> Backend:
    """The backend that a profile's URL names; `keys` are those of the flags, for a server.

    Raises ConfigurationError for a URL that names none.
    """
    scheme, colon, rest = profile.url.partition(":")
    if scheme == "lab" and colon:
        from cmk.lab.directory import LabDirectory
        from cmk.lab.engine import Lab

        return Lab(LabDirectory.at(rest or environment.lab_directory), environment)
    if scheme.lower() in {"http", "https"}:
        from cmk.cloud.client import Cloud
        from cmk.credentials import credentials_of

        cloud = Cloud(profile, environment, lambda: credentials_of(profile, environment, *keys))
        cloud.debug = environment.say if debug else None
        return cloud
    raise ConfigurationError(
        f"'{profile.url}' ({profile.chosen_by}) is no server's URL.",
        "It is lab:, lab:/path, or https://HOST/client/api.",
    )
