"""The lab as a backend: finds an API's handler, reads its parameters, runs it, queues its job."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from cmk.catalog import Catalog
from cmk.catalog.index import lab as lab_catalog
from cmk.document import Json
from cmk.environment import Environment
from cmk.errors import ApiError, CmkError, NotAuthorised, UsageError
from cmk.images import ImageError
from cmk.lab.arguments import typed
from cmk.lab.call import Call
from cmk.lab.declaration import Run, RunJob
from cmk.lab.faults import strike
from cmk.lab.jobs import hire, revive, submit
from cmk.lab.lab import Lab
from cmk.lab.noun import Args
from cmk.lab.nouns import handler_of
from cmk.lab.roles import may_call
from cmk.wire.envelope import content, enveloped
from cmk.wire.faults import malformed


def run(call: Call, api: str, params: dict[str, str], is_lenient: bool = False) -> Json:
    """One call of an API, for whoever it is by; the reply in its envelope. `is_lenient` about what
    CloudStack is: parameters that nobody knows are left out. Raises ApiError: 432 for an API that
    the lab has not."""
    handler, declared = handler_of(api), lab_catalog().get(api)
    assert declared is not None  # a test holds the catalog against the handlers
    if not may_call(call.caller, declared.name):
        raise ApiError(432, f"The API {declared.name} is not there for this account.")
    args = typed(declared, params, is_lenient)
    revive(call.lab)
    if call.lab.directory.router_is_broken:
        _mend_router(call)
    strike(call, declared.name)
    try:
        if handler.isasync:
            answer = _queued(call, declared.name, cast(RunJob, handler.run), args)
        else:
            answer = cast(Run, handler.run)(call, args)
    except ImageError as problem:  # what was given cannot be an image's
        raise malformed(problem.message) from None
    if call.has_submitted:
        hire(call.lab)
    return enveloped(declared.name, answer)


def _mend_router(call: Call) -> None:
    """Have the router run again; where that does not work, calls go on without it."""
    from cmk.lab.hosts.router import reroute

    try:
        reroute(call.lab)
    except CmkError as problem:
        call.tell(f"The lab's router is not well: {problem.message}")


def _queued(call: Call, name: str, run: RunJob, args: Args) -> Json:
    """The checks and the job's row are one transaction; a worker sees both or neither."""
    with call.store.change():
        return submit(call, name, run(call, args))


class LabBackend:
    """A lab as the command line sees it: as its root admin."""

    pauses = (0.02, 0.05)

    def __init__(self, place: str | Path, environment: Environment) -> None:
        """Raises ConfigurationError for a place where no lab can be."""
        self.lab = Lab(place, environment.variables)
        self._environment = environment
        self._keys: tuple[str, str] | None = None

    def ask_as(self, apikey: str, secretkey: str) -> None:
        """Call APIs from now on as the user that these keys are of, and as nobody else."""
        self._keys = (apikey, secretkey)

    def as_admin(self) -> Call:
        """A call for what only this machine's commands do."""
        return Call.of_admin(self.lab, self._environment.say)

    def call(self, api: str, params: dict[str, str]) -> Json:
        """Run one API."""
        return run(self._call(), api, params)

    def _call(self) -> Call:
        """As the root admin, or as who has the keys; raises NotAuthorised (401)."""
        if self._keys is None:
            return self.as_admin()
        from cmk.lab.model.user import User

        user = User.with_keys(self.lab.store, *self._keys)
        if user is None:
            raise NotAuthorised(401, "These keys are not of a user of this lab that may ask.")
        account = user.account(self.lab.store)
        return Call(self.lab, account, self._environment.say, user=user.uuid)

    def job(self, jobid: str, deadline: float | None = None) -> Json:
        found: Json = content(self.call("queryAsyncJobResult", {"jobid": jobid}))
        return found

    def catalog(self) -> Catalog:
        """The lab's, as it ships: the code declares it, scripts/catalog --lab writes it."""
        return lab_catalog()

    def learn(self, seconds: float | None = None) -> bool:
        return False

    def as_curl(self, api: str, params: dict[str, str]) -> list[str]:
        raise UsageError("--curl is for management servers; a lab is not asked over HTTP.")

    def close(self) -> None:
        self.lab.close()
