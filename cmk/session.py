"""Run commands on one backend: check, call, wait for the job, show the reply."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cmk import arguments, language
from cmk.backend import Backend, Json, backend_of
from cmk.catalog import Api, Catalog
from cmk.config import FORMATS, Config, Profile, choose
from cmk.environment import Environment
from cmk.errors import ConfigurationError, Interrupted, JobFailed, NoServer, UsageError, WaitTimeout
from cmk.output import reply_of, writer

#: Seconds that a job is waited for, as in CloudMonkey.
DEFAULT_TIMEOUT = 1800


@dataclass(frozen=True)
class Flags:
    """What was said on the command line; None and "" mean: not said."""

    url: str = ""
    profile: str = ""
    config: str = ""
    output: str = ""
    block: bool | None = None
    timeout: int | None = None
    debug: bool | None = None
    help: bool = False
    #: What single built-ins take; their table says which.
    log: bool = False
    dry_run: bool = False
    full: bool = False
    pieces: bool = False
    location: tuple[str, ...] = ()


class Session:
    """One profile's backend, and how its replies are shown."""

    def __init__(self, environment: Environment, flags: Flags) -> None:
        self.environment = environment
        self.flags = flags
        self._profile: Profile | None = None
        self._backend: Backend | None = None

    @property
    def profile(self) -> Profile:
        """The server that the flags, the environment or the file choose; chosen once."""
        if self._profile is None:
            config = Config.read(self.environment.config_file)
            self._profile = choose(self.environment, config, self.flags.url, self.flags.profile)
        return self._profile

    @property
    def backend(self) -> Backend:
        if self._backend is None:
            self._backend = backend_of(self.profile, self.environment)
        return self._backend

    def close(self) -> None:
        if self._backend is not None:
            self._backend.close()
            self._backend = None

    def setting(self, name: str, flags: Flags) -> str:
        """A value by flag, then CMK_NAME in the environment, then the profile."""
        said = getattr(flags, name, None)
        if said not in (None, ""):
            return str(said)
        told = self.environment.variables.get(f"CMK_{name.upper()}")
        return told or str(self._settings.get(name, ""))

    @property
    def _settings(self) -> Mapping[str, str]:
        """The profile's settings; a built-in that needs no server has the file's core section."""
        try:
            return self.profile.settings
        except NoServer:
            return Config.read(self.environment.config_file).core

    def find(self, words: tuple[str, ...]) -> Api:
        return self.backend.catalog().find(words)

    @property
    def catalog(self) -> Catalog:
        return self.backend.catalog()

    def run(self, words: list[str], flags: Flags) -> None:
        """One line's words, from parsing to the reply on stdout."""
        command = language.parse(words)
        api = self.find(command.name)
        params, view = self._split_view(api, command.params)
        columns = tuple(language.columns(view["filter"])) if "filter" in view else ()
        self.output_format(flags)  # said before anything is sent
        sent = arguments.wire(api, arguments.attached(params, self.environment.stdin))
        if api.isasync:
            timeout = self._timeout(flags)
        answer = content(self.backend.call(api.name, sent))
        if api.isasync and "jobid" in answer and self._blocks(flags):
            answer = self.wait(str(answer["jobid"]), timeout)
        self.show(answer, flags, columns)

    def show(self, document: Any, flags: Flags, columns: tuple[str, ...] = ()) -> None:
        """Write a reply on stdout in the format asked for."""
        out = self.environment
        width = out.width if out.output_is_terminal else 0
        writer(self.output_format(flags))(reply_of(document, columns), out.stdout, width)

    def output_format(self, flags: Flags) -> str:
        name = self.setting("output", flags) or "json"
        if name not in FORMATS:
            problem = f"There is no output format '{name}'; there are {', '.join(FORMATS)}."
            if flags.output:
                raise UsageError(problem)
            raise ConfigurationError(problem, "It comes from CMK_OUTPUT or the config file.")
        return name

    def wait(self, jobid: str, timeout: int) -> Json:
        """Until the job has ended: its result. Raises JobFailed, WaitTimeout, Interrupted."""
        from cmk.progress import bar_for

        pause, most = self.backend.pauses
        deadline = time.monotonic() + timeout if timeout else None
        bar = bar_for(self.environment)
        try:
            while True:
                job = self.backend.job(jobid)
                if job["jobstatus"] != 0:
                    break
                bar.update(job.get("progress") or {})
                if deadline is not None and time.monotonic() > deadline:
                    raise WaitTimeout(
                        f"Job {jobid} is still running after {timeout} s; it goes on.",
                        self._how_to_look(jobid),
                    )
                time.sleep(pause)
                pause = min(pause * 1.5, most)
        except KeyboardInterrupt:
            raise Interrupted(f"Job {jobid} goes on.", self._how_to_look(jobid)) from None
        finally:
            bar.clear()
        for warning in job.get("warnings") or ():
            self.environment.say(f"Warning: {warning}")
        result: Json = job.get("jobresult") or {}
        if job["jobstatus"] == 2:
            raise JobFailed(
                f"(error code {result.get('errorcode', 530)}) "
                f"{result.get('errortext', 'The job failed and gave no reason.')}"
            )
        return result

    def _how_to_look(self, jobid: str) -> str:
        where = {"-u": f" -u {self.profile.url}", "-p": f" -p {self.profile.name}"}
        flag = where.get(self.profile.chosen_by, "")
        return f"Look at it with: cmk{flag} query asyncjobresult jobid={jobid}"

    def _timeout(self, flags: Flags) -> int:
        text = self.setting("timeout", flags) or str(DEFAULT_TIMEOUT)
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            raise ConfigurationError(f"timeout = {text} is not a number of seconds.")
        return int(text)

    def _blocks(self, flags: Flags) -> bool:
        if flags.block is not None:
            return flags.block
        return str(self.profile.settings.get("asyncblock", "true")).lower() != "false"

    @staticmethod
    def _split_view(api: Api, params: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """`filter=` is for this side, unless the API itself has a parameter of that name."""
        mine = {k: v for k, v in params.items() if k in language.VIEW_KEYS and not api.param(k)}
        return {k: v for k, v in params.items() if k not in mine}, mine


def content(reply: Json) -> Any:
    """What is inside the one envelope (`listzonesresponse`) of a reply."""
    return next(iter(reply.values())) if len(reply) == 1 else reply
