"""The seam between the language and what runs it: a management server, or the lab."""

from __future__ import annotations

from typing import Protocol

from cmk.catalog import Catalog
from cmk.config.file import Profile
from cmk.document import Json
from cmk.environment import Environment


class Backend(Protocol):
    """Answers in CloudStack's own JSON shapes; nothing above it knows which one it is."""

    #: Seconds between two looks at a job: the first, and the most it grows to.
    pauses: tuple[float, float]

    def call(self, api: str, params: dict[str, str]) -> Json:
        """`{"listzonesresponse": {…}}`. Raises ApiError as the API refuses, Unreachable."""
        ...

    def job(self, jobid: str, deadline: float | None = None) -> Json:
        """What queryAsyncJobResult says of one job, without the envelope. Raises Unreachable where
        there is no answer by the deadline (of time.monotonic())."""
        ...

    def catalog(self) -> Catalog:
        """The APIs that it knows."""
        ...

    def learn(self, seconds: float | None = None) -> bool:
        """Fetch the server's own catalog, with one try of so many seconds where that is said; False
        where there is no other than the one it has."""
        ...

    def as_curl(self, api: str, params: dict[str, str]) -> list[str]:
        """The words of curl for the same call. Raises UsageError where there is none."""
        ...

    def close(self) -> None:
        """Let go of what it holds open."""
        ...


class Connect(Protocol):
    """Finds the backend that a profile's URL names; `cmk.backends` has the one."""

    def __call__(
        self,
        profile: Profile,
        environment: Environment,
        keys: tuple[str, str] = ("", ""),
        debug: bool = False,
    ) -> Backend:
        """`keys` are those of the flags, for a server. Raises ConfigurationError."""
        ...
