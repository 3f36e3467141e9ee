"""Run commands on one backend: check, call, page, wait for the job, show the reply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

from cmk.catalog import Api, Catalog
from cmk.config.choice import choose
from cmk.config.file import Config, Profile
from cmk.config.settings import FORMATS
from cmk.document import Json
from cmk.environment import Environment
from cmk.errors import CmkError, ConfigurationError, NoServer, NotThere, Unknown, UsageError
from cmk.line import arguments, language
from cmk.line.lookup import PREFIX, query_for, with_ids
from cmk.output import CHOOSING, STREAMING, Reply, Screen, View, has_at, reply_of, rows_of, writer
from cmk.session.backend import Backend, Connect
from cmk.session.flags import Flags
from cmk.session.paging import is_partial, rows_of_all_pages
from cmk.wire.envelope import content

#: Seconds that a job is waited for, as in CloudMonkey.
DEFAULT_TIMEOUT = 1800


@dataclass(frozen=True)
class Pending:
    """A line that was sent: its answer, or the job that will have it, and how to show it."""

    answer: Any
    jobid: str
    flags: Flags
    view: View
    timeout: int = 0


class Session:
    """One profile's backend, and how its replies are shown."""

    def __init__(
        self,
        environment: Environment,
        flags: Flags,
        connect: Connect,
        profile: Profile | None = None,
    ) -> None:
        """`connect` finds the profile's backend; `profile` where the server was chosen before, by
        another session."""
        self.environment = environment
        self.flags = flags
        self.connect = connect
        self._profile = profile
        self._backend: Backend | None = None
        #: Whether the server was asked for its catalog, which is done once.
        self._has_asked = False

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
            keys = self.flags.apikey, self.flags.secretkey
            self._backend = self.connect(
                self.profile, self.environment, keys, debug=self.is_debugging(self.flags)
            )
        return self._backend

    def close(self) -> None:
        """Let go of the backend; the next line chooses its profile anew."""
        if self._backend is not None:
            self._backend.close()
        self._backend = self._profile = None
        self._has_asked = False

    @contextmanager
    def elsewhere(self, flags: Flags) -> Iterator[None]:
        """For one line: the server that these flags choose."""
        kept = self.flags, self._profile, self._backend, self._has_asked
        self.flags, self._profile, self._backend, self._has_asked = flags, None, None, False
        try:
            yield
        finally:
            self.close()
            self.flags, self._profile, self._backend, self._has_asked = kept

    # settings

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

    def is_debugging(self, flags: Flags) -> bool:
        """Whether it is told what happens, and where errors come from."""
        try:
            return self.setting("debug", flags).lower() in ("true", "1")
        except CmkError:  # it is told by whatever needs the file
            return bool(flags.debug)

    def output_format(self, flags: Flags) -> str:
        name = self.setting("output", flags) or "json"
        if name == "default":  # as Go's CloudMonkey calls it
            return "json"
        if name not in FORMATS:
            problem = f"There is no output format '{name}'; there are {', '.join(FORMATS)}."
            if flags.output:
                raise UsageError(problem)
            raise ConfigurationError(problem, "It comes from CMK_OUTPUT or the config file.")
        return name

    def timeout(self, flags: Flags) -> int:
        """Seconds to wait for a job, 0 for ever."""
        text = self.setting("timeout", flags) or str(DEFAULT_TIMEOUT)
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            raise ConfigurationError(f"timeout = {text} is not a number of seconds.")
        return int(text)

    def _blocks(self, flags: Flags) -> bool:
        if flags.block is not None:
            return flags.block
        return str(self.profile.settings.get("asyncblock", "true")).lower() != "false"

    # lines

    @property
    def catalog(self) -> Catalog:
        return self.backend.catalog()

    def run(self, words: list[str], flags: Flags, is_raw: bool = False) -> None:
        """One line's words, from parsing to the reply on stdout; a raw one goes as it is."""
        pending = self.send(words, flags, is_raw)
        if pending is not None:
            self.finish(pending)

    def send(self, words: list[str], flags: Flags, is_raw: bool = False) -> Pending | None:
        """Check a line and send it; None where there was nothing to send, only to tell."""
        command = language.parse(words)
        self.output_format(flags)  # said before anything is sent
        api, params, view = self._raw(command, flags) if is_raw else self._known(command, flags)
        timeout = self.timeout(flags) if api.isasync else 0
        if flags.curl or flags.dry_run:
            self._tell(api, params, flags)
            return None
        answer = self._asked(api, params)
        if api.isasync and isinstance(answer, dict) and "jobid" in answer and self._blocks(flags):
            return Pending(answer, str(answer["jobid"]), flags, view, timeout)
        if is_partial(answer) and self._pages(api, params, flags):
            answer = self._paged(api, params, answer, view, flags)
        return Pending(answer, "", flags, view)

    def _asked(self, api: Api, params: dict[str, str]) -> Any:
        """An answer, with a sign of life while a person waits for it."""
        if not self.environment.error_is_terminal:
            return content(self.backend.call(api.name, params))
        from cmk.session.spinner import waiting

        with waiting(self.environment, f"{api.verb} {api.noun}"):
            return content(self.backend.call(api.name, params))

    def finish(self, pending: Pending) -> None:
        """Wait for the job of a line that has one, and show the answer."""
        answer = pending.answer
        if pending.jobid:
            answer = self.wait_for(pending.jobid, pending.timeout)
        self.show(answer, pending.flags, pending.view)

    def value(self, words: list[str], flags: Flags, is_raw: bool = False) -> str:
        """The one value that a line answers with: of its one column or, where none is named, the
        id. Raises UsageError where there are several, NotThere where there is none."""
        from cmk.output import text_of

        pending = None if flags.dry_run or flags.curl else self.send(words, flags, is_raw)
        if pending is None:
            raise UsageError("A line whose answer is to have a name has to be run.")
        answer, view = pending.answer, pending.view
        if pending.jobid:
            answer = self.wait_for(pending.jobid, pending.timeout)
        reply = answer if isinstance(answer, Reply) else reply_of(answer, view)
        names = reply.names() if view.columns or view.query else ["id"]
        found = [cells for cells in reply.kept().cells(names) if cells != [None]]
        if not found:
            raise NotThere("The line has found nothing that could have a name.")
        if len(found) > 1 or len(found[0]) > 1:
            raise UsageError(
                f"The line has found {sum(map(len, found))} values, and a name is for one.",
                "filter= names a column, and query= chooses.",
            )
        return text_of(found[0][0])

    def wait_for(self, jobid: str, timeout: int) -> Json:
        """A job's result, when it has ended; `timeout` in seconds, 0 for ever."""
        from cmk.session.waiting import wait_for

        return wait_for(self.backend, self.environment, self.profile, jobid, timeout)

    def show(self, document: Any, flags: Flags, view: View = View()) -> None:  # noqa: B008 - frozen
        """Write a reply on stdout in the format asked for."""
        out = self.environment
        screen = Screen(out.width if out.output_is_terminal else 0, out.has_colour(out.stdout))
        problem: UsageError | None = None
        try:
            reply = document if isinstance(document, Reply) else reply_of(document, view)
        except UsageError as caught:  # too late for a refusal: the answer is not lost
            reply, problem = reply_of(document), caught
        self._tell_empty(reply)
        format, left = self.output_format(flags), 0
        if screen.width and format != "json" and isinstance(reply.rows, list) and not reply.rows:
            out.say("Nothing found.")
        if screen.width and format in CHOOSING and not reply.columns and not view.query:
            from cmk.output.columns import chosen

            own = str(self._settings.get(f"columns.{reply.noun.lower()}", ""))
            reply, left = chosen(reply, screen.width, own)
        writer(format)(reply, out.stdout, screen)
        if problem is not None:
            raise CmkError(problem.message, "The answer is shown whole.")
        if left:
            out.show_aside(f"{left} more columns: -o wide has all of them, filter=a,b chooses.")

    def _tell_empty(self, reply: Reply) -> None:
        """Tell of columns inside others that no row has: only the outer ones are described."""
        if not isinstance(reply.rows, list) or not reply.rows:
            return
        for name in reply.columns:
            if ("." in name or "[" in name) and not any(has_at(row, name) for row in reply.rows):
                self.environment.say(f"No row has a '{name}'.")

    # from a Command to what is sent

    def _known(self, command: language.Command, flags: Flags) -> tuple[Api, dict[str, str], View]:
        """The API and its checked parameters; a name that is not known makes the server's catalog
        be fetched, once. Raises UsageError."""
        try:
            return self._checked(self.catalog.find(command.name), command, flags)
        except Unknown:
            learnt = self._learn()
            if learnt is False:
                self._refuse_in_lab(command)
                raise
        if learnt:
            return self._checked(self.catalog.find(command.name), command, flags)
        api = self.catalog.get("".join(command.name)) or Api("".join(command.name))
        self.environment.say(f"Sending {api.name} as it is, unchecked.")
        return self._checked(api, command, replace(flags, force_params=True))

    def _raw(self, command: language.Command, flags: Flags) -> tuple[Api, dict[str, str], View]:
        """An API by its name, of which nothing is known but whether it answers with a job."""
        name = "".join(command.name)
        api = self.catalog.get(name) or Api(name)
        return self._checked(api._replace(params=()), command, replace(flags, force_params=True))

    def _refuse_in_lab(self, command: language.Command) -> None:
        """An API or a parameter of CloudStack's that the lab has not is not mistyped. Raises
        Unknown."""
        from cmk.catalog.index import shipped

        api = shipped().get("".join(command.name)) if self.profile.is_lab else None
        if api is None:
            return
        here = self.catalog.get(api.name)
        if here is None:
            raise Unknown(
                f"The lab has no '{api.verb} {api.noun}'; a management server has.",
                "What the lab has: cmk help",
            )
        for base in map(language.base_of, command.params):
            if api.param(base) and not here.param(base):
                raise Unknown(
                    f"The lab has no {base}= for {api.verb} {api.noun}; a management server has.",
                    f"What the lab has: cmk {api.verb} {api.noun} -h",
                )

    def learn_soon(self) -> bool:
        """Fetch the server's own catalog in the background, where a person would be helped by its
        words and it is not here; whether that was begun."""
        if self.profile.is_lab or not self.environment.error_is_terminal:
            return False
        from cmk.catalog.fetching import fetch_soon, spoken

        profile, keys = self.profile, (self.flags.apikey, self.flags.secretkey)
        said = spoken(profile.chosen_by, profile.name, profile.url, keys)
        try:
            return fetch_soon(self.environment, profile.url, *said)
        except OSError as problem:
            self.environment.say(f"The server's catalog cannot be kept: {problem}")
            return False

    def _learn(self) -> bool | None:
        """Fetch the server's own catalog: False where it was asked before or has no other, None
        where it cannot be had."""
        if self._has_asked:
            return False
        self._has_asked = True
        try:
            return self.backend.learn()
        except (CmkError, OSError) as problem:
            text = problem.message if isinstance(problem, CmkError) else str(problem)
            self.environment.say(f"The server's catalog cannot be fetched: {text}")
            return None

    def _checked(
        self, api: Api, command: language.Command, flags: Flags
    ) -> tuple[Api, dict[str, str], View]:
        params, view = language.split_view(command.params, api.param)
        self._check_view(api, view)
        typed = {key: value for key, value in params.items() if key not in flags.literal}
        given = arguments.attached(typed, self.environment.stdin)
        found = {key: self.resolved(api, key, value) for key, value in given.items()}
        found = {key: found.get(key, value) for key, value in params.items()}
        described = partial(self.catalog.described, api.name)
        try:
            return api, arguments.wire(api, found, flags.force_params, described), View(**view)
        except UsageError:
            self.learn_soon()
            raise

    def _check_view(self, api: Api, view: dict[str, Any]) -> None:
        """Raise UsageError for a way to see the answer that is none, before there is one."""
        if view.get("query"):
            from cmk.output import check_query

            check_query(view["query"])
        sorted_by = tuple(name.removeprefix("-") for name in view.get("sort", ()))
        for name in (*view.get("columns", ()), *view.get("excluded", ()), *sorted_by):
            if not language.COLUMN.match(name):
                raise UsageError(f"'{name or '-'}' is no column: a.b, or a[0].b inside a list.")
        self._check_columns(api, (*view.get("columns", ()), *view.get("excluded", ()), *sorted_by))

    def _check_columns(self, api: Api, columns: tuple[str, ...]) -> None:
        """Tell of columns that this API answers without, as far as its fields are described."""
        described = self.catalog.described(api.name) if columns else None
        known = {field.name.lower() for field in described.fields} if described else set()
        if known and api.isasync:
            known.add("jobid")  # with -n
        for column in columns if known else ():
            head = column.partition(".")[0].partition("[")[0].lower()
            if head not in known:
                from cmk.catalog import similar

                near = similar(head, known)
                hint = f" Did you mean {near}?" if near else ""
                self.environment.say(f"{api.verb} {api.noun} has no column '{column}'.{hint}")

    def resolved(self, api: Api, key: str, value: str) -> str:
        """`name:debian12` -> the id that it stands for, where the parameter takes ids."""
        if '"' not in value and PREFIX not in value:
            return value
        return with_ids(self.catalog, api, key, value, self.list_rows)

    def list_rows(self, name: str, text: str, most: int | None = None) -> list[dict[str, Any]]:
        """All rows of a list API that may have this name, or the first so many; all for ""."""
        api = self.catalog.get(name)
        if api is None:
            return []
        params = query_for(self.catalog, name, text)
        first = self._asked(api, params)
        rows = islice(rows_of_all_pages(first, self._fetcher(api, params)), most)
        return [row for row in rows if isinstance(row, dict)]

    def _tell(self, api: Api, params: dict[str, str], flags: Flags) -> None:
        """`--curl` and `--dry-run`: what would be sent."""
        import shlex

        from cmk.masks import mask

        if flags.curl:
            words = self.backend.as_curl(api.name, params)
            self.environment.show(shlex.join(words) + "\n")
        else:
            told = {"server": self.profile.url, "command": api.name}
            self.show({**told, "params": mask(params, api.verb)}, flags)

    # pages

    def _pages(self, api: Api, params: dict[str, str], flags: Flags) -> bool:
        asked = any(key in ("page", "pagesize") for key in params)
        return (
            api.verb == "list"
            and api.param("pagesize") is not None
            and not asked
            and (flags.all is not False)
        )

    def _fetcher(self, api: Api, params: dict[str, str]) -> Any:
        def fetch(page: int, size: int) -> Json:
            paging = {"page": str(page), "pagesize": str(size)}
            found: Json = content(self.backend.call(api.name, {**params, **paging}))
            return found

        return fetch

    def _paged(
        self, api: Api, params: dict[str, str], first: Json, view: View, flags: Flags
    ) -> Any:
        """The answer with all pages' rows; a Reply where the format writes them as they come."""
        noun, _ = rows_of(first)
        rows = self._counted(rows_of_all_pages(first, self._fetcher(api, params)))
        if self.output_format(flags) in STREAMING and not view.query and not view.sort:
            from cmk.output import without

            gone = view.excluded
            kept = (without(row, gone) for row in rows) if gone else rows
            return Reply({}, noun, kept, view.columns)
        return {**first, noun: list(rows)}

    def _counted(self, rows: Iterator[Any]) -> Iterator[Any]:
        """The rows; at the end, how many they were is said on stderr."""
        count = 0
        for row in rows:
            count += 1
            yield row
        if not self.environment.is_quiet:
            self.environment.say(f"{count} rows, from several pages.")
