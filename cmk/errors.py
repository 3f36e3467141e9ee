"""Everything that can go wrong, as one tree; each class carries its exit status.

    CmkError                     1   anything said to the user in one sentence
    ├── UsageError               2   found before anything was sent
    │   └── Unknown              2   a name that the catalog has not
    ├── NotThere                 7   a name of a thing that is not there; nothing was sent for it
    ├── ApiError                 1   the API refused or failed
    │   ├── NotAuthorised        3   401 or 531: not authenticated, not allowed
    │   └── NoSuch               7   the API knows no thing with that id
    ├── NoCredentials            3   a server is named, but nobody to be there; nothing was sent
    ├── JobFailed                4   an asynchronous job ended in failure
    ├── Unreachable              5   no way to the server or the host
    ├── ConfigurationError       6   profile, config file, lab directory or store
    │   └── NoServer             6   nothing says where lines go
    ├── WaitTimeout            124   the job goes on, the waiting is over
    └── Interrupted            130   Ctrl-C

A message says what happened and where; a hint, when there is one, says what to do.
Only `cmk.reporting` prints them.
"""

from enum import IntEnum


class ExitStatus(IntEnum):
    """The statuses a script can rely on."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_AUTHORISED = 3
    JOB_FAILED = 4
    UNREACHABLE = 5
    CONFIGURATION = 6
    NOT_THERE = 7
    WAIT_TIMEOUT = 124
    INTERRUPTED = 130


class CmkError(Exception):
    """The root: a sentence for the user, and perhaps what to do about it."""

    status = ExitStatus.FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(CmkError):
    """The line cannot be run as it was typed; nothing was sent."""

    status = ExitStatus.USAGE


class Unknown(UsageError):
    """An API or a parameter that the catalog does not know; a newer catalog may.

    `near` is what was perhaps meant, "" where nothing is near.
    """

    def __init__(self, message: str, hint: str = "", near: str = "") -> None:
        super().__init__(message, hint)
        self.near = near


class NotThere(CmkError):
    """Nothing has the name that stands in the line."""

    status = ExitStatus.NOT_THERE


class ApiError(CmkError):
    """The API's own refusal, with CloudStack's two codes.

    `errorcode` is the HTTP-like code (431 bad parameter, 530 internal, 533 no capacity …),
    `cserrorcode` CloudStack's exception number (4350 invalid parameter, 9999 any other).
    """

    def __init__(self, errorcode: int, errortext: str, cserrorcode: int = 9999) -> None:
        super().__init__(f"(HTTP {errorcode}, error code {cserrorcode}) {errortext}")
        self.errorcode = errorcode
        self.cserrorcode = cserrorcode
        self.errortext = errortext


class NotAuthorised(ApiError):
    """The caller is not known (401) or may not do this (531)."""

    status = ExitStatus.NOT_AUTHORISED


class NoSuch(ApiError):
    """The API knows no thing with the id that it was given, or none that is the caller's."""

    status = ExitStatus.NOT_THERE


class NoCredentials(CmkError):
    """The secrets that a server wants are in no place, and nobody can be asked for them."""

    status = ExitStatus.NOT_AUTHORISED


class JobFailed(CmkError):
    """An asynchronous job ended in failure; the message is the API's errortext."""

    status = ExitStatus.JOB_FAILED

    def __init__(self, jobid: str, errorcode: object, errortext: str) -> None:
        super().__init__(f"(error code {errorcode}) {errortext}")
        self.jobid = jobid
        self.errorcode = errorcode
        self.errortext = errortext


class Unreachable(CmkError):
    """The server, the host or its hypervisor does not answer."""

    status = ExitStatus.UNREACHABLE


class ConfigurationError(CmkError):
    """A profile, the config file, the lab's directory or its store cannot be used as it is."""

    status = ExitStatus.CONFIGURATION


class NoServer(ConfigurationError):
    """Neither flags nor environment nor config file name a server."""


class _Left(CmkError):
    """The waiting for a job is over, and the job goes on."""

    def __init__(self, message: str, hint: str = "", jobid: str = "") -> None:
        super().__init__(message, hint)
        self.jobid = jobid


class WaitTimeout(_Left):
    """The job had not ended when the time to wait was over."""

    status = ExitStatus.WAIT_TIMEOUT


class Interrupted(_Left):
    """Ctrl-C; what runs elsewhere goes on."""

    status = ExitStatus.INTERRUPTED
