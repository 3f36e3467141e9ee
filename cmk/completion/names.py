"""Rows of list APIs for the Tab key of other shells: kept a minute, fetched beside the waiting.

One file for each server, user and list API in the cache directory, for its owner's eyes only,
without the secrets that rows may have (listUsers shows API keys).
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import time
from contextlib import suppress
from typing import Any, NamedTuple

from cmk.config.file import Profile
from cmk.environment import Environment
from cmk.errors import CmkError
from cmk.files import make_directory, name_of, put

Row = dict[str, Any]

#: Seconds for which rows are good, and for which a server that did not answer is left alone.
FRESH, SPARED = 60.0, 5.0

#: Seconds that the Tab key waits for a server; what comes later is there at the next one.
PATIENCE = 2.0


class Kept(NamedTuple):
    """What is known of a list API, how old that is in seconds, and whether the server told it."""

    rows: list[Row]
    age: float
    is_told: bool

    @property
    def is_good(self) -> bool:
        return 0 <= self.age < (FRESH if self.is_told else SPARED)


NOTHING = Kept([], -1.0, False)


class NamesOnDisk:
    """The rows of one server's list APIs, from the cache, or asked for by a child process."""

    def __init__(self, environment: Environment, profile: Profile, keys: tuple[str, str]) -> None:
        """`keys` are those of the flags."""
        self._environment = environment
        self._profile = profile
        self._keys = keys
        user = keys[0] or profile.settings.get("apikey") or profile.settings.get("username", "")
        self._prefix = f"names-{name_of(profile.name, profile.url, user)}-"
        #: Whether any of the rows came from the cache, and may have been overtaken.
        self.is_from_cache = False

    def rows(self, api: str, anew: bool = False) -> list[Row]:
        """The rows of a list API; fewer, or none, where they cannot be had in time."""
        kept = self._kept(api)
        if kept.is_good and not anew:
            self.is_from_cache = kept.is_told
            return kept.rows
        answer = self._ask(api) if self._is_there() else None
        return answer.rows if answer else kept.rows

    def _is_there(self) -> bool:
        """Whether there is anything to ask: a line makes a lab where none is, a key does not."""
        if not self._profile.is_lab:
            return True
        place = self._profile.url.partition(":")[2] or self._environment.lab_directory
        return os.path.exists(f"{place}/lab.db")

    def _kept(self, api: str) -> Kept:
        try:
            with open(self._file(api), encoding="utf-8") as file:
                return _read(file.read())
        except (OSError, ValueError):  # none, or no text
            return NOTHING

    def _file(self, api: str, hidden: str = "") -> str:
        return f"{self._environment.cache_directory}/{hidden}{self._prefix}{api}"

    def _ask(self, api: str) -> Kept | None:
        """Ask in a child, which outlives us where the server is slow; its answer, if it is in time.

        One asks at a time: who comes while it does waits for that answer, as long as the first.
        """
        lock = self._lock(api)
        if lock is None:  # nothing can be kept there
            return self._ask_child(api)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.utime(lock)
            return self._ask_child(api)
        except BlockingIOError:
            return self._wait_for_another(api, PATIENCE - (time.time() - os.fstat(lock).st_mtime))
        finally:
            os.close(lock)  # the child has it, too

    def _lock(self, api: str) -> int | None:
        try:
            make_directory(self._environment.cache_directory)
            return os.open(f"{self._file(api, '.')}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            return None

    def _wait_for_another(self, api: str, seconds: float) -> Kept | None:
        deadline = time.monotonic() + min(seconds, PATIENCE)
        while time.monotonic() < deadline:
            kept = self._kept(api)
            if kept.is_good:
                return kept
            time.sleep(0.05)
        return None

    def _ask_child(self, api: str) -> Kept | None:
        ours, childs = os.pipe()
        if not os.fork():
            os.close(ours)
            self._answer(api, childs)
        os.close(childs)
        deadline, told = time.monotonic() + PATIENCE, b""
        with os.fdopen(ours, "rb", buffering=0) as answer:
            while select.select([answer], [], [], max(deadline - time.monotonic(), 0))[0]:
                part = answer.read(1 << 16)
                if not part:
                    return _read(told.decode())
                told += part
        return None

    def _answer(self, api: str, answer: int) -> None:
        """In the child: fetch, keep, answer, and end, without anything of the terminal's."""
        status = 1
        try:
            os.setsid()
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
            told = self._fetched(api)
            with suppress(OSError):  # where nothing can be kept it is asked again
                put(self._file(api), told)
            with suppress(BrokenPipeError), os.fdopen(answer, "wb") as stream:
                stream.write(told.encode())
            status = 0
        finally:
            os._exit(status)

    def _fetched(self, api: str) -> str:
        """What is known now, as it is kept."""
        from cmk.backends import backend_of
        from cmk.session.fetching import fetched

        try:
            rows = fetched(self._environment, backend_of, self._profile, api, self._keys)
            is_told = True
        except (CmkError, OSError):
            rows, is_told = [], False
        return json.dumps(
            {"when": time.time(), "told": is_told, "rows": [_without_secrets(row) for row in rows]}
        )


def _read(text: str) -> Kept:
    """What was kept; nothing where that was damaged."""
    try:
        found = json.loads(text)
        rows = [row for row in found["rows"] if isinstance(row, dict)]
        return Kept(rows, time.time() - found["when"], found["told"])
    except (ValueError, KeyError, TypeError):
        return NOTHING


def _without_secrets(row: Row) -> Row:
    """What completion shows of a row: its values without secrets, and of what has values of its
    own, which may be secrets, only that it is there."""
    from cmk.masks import mask

    plain = {key: value for key, value in row.items() if isinstance(value, str | int | float)}
    return {**dict.fromkeys(row), **mask(plain, "list")}
