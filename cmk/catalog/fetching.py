"""A server's own catalog, fetched by a process of its own while nobody waits for it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping

from cmk.catalog.index import place
from cmk.environment import Environment
from cmk.files import name_of, put

#: Seconds after which a server is asked again that has not answered.
AGAIN = 3600

_CODE = (
    "import sys; sys.path[:] = [p for p in sys.path if p]; from cmk.__main__ import main; main()"
)


def spoken(
    chosen_by: str, name: str, url: str, keys: tuple[str, str]
) -> tuple[list[str], dict[str, str]]:
    """How the server is named to that process: words, and variables, which nobody else can see."""
    if all(keys):
        return [], {"CMK_URL": url, "CMK_API_KEY": keys[0], "CMK_SECRET_KEY": keys[1]}
    return {"-u": ["-u", url], "-p": ["-p", name]}.get(chosen_by, []), {}


def mark(environment: Environment, url: str) -> str:
    """The file whose age says when a server was asked."""
    return f"{environment.cache_directory}/tried-{name_of(url)}"


def fetch_soon(
    environment: Environment, url: str, words: list[str], secrets: Mapping[str, str]
) -> bool:
    """Begin `cmk WORDS sync` unless it was done or tried; returns whether it was begun.

    It can ask nobody and says nothing. `secrets` are variables of its environment. Raises OSError.
    """
    kept = place(environment, url)
    if os.path.exists(kept):
        return False
    tried = mark(environment, url)
    try:
        if time.time() - os.stat(tried).st_mtime < AGAIN:
            return False
    except FileNotFoundError:
        pass
    put(tried, "")
    null = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_RDWR, 0) for descriptor in (0, 1, 2)]
    # The shell ends at once, and leaves what it has started to init. No `subprocess`: its import
    # alone is more than the Tab key may take.
    command = ["/bin/sh", "-c", '"$@" &', "sh", sys.executable, "-c", _CODE, *words, "sync"]
    variables = {**environment.variables, **secrets}
    if words or secrets:  # they name the server, and nothing else does
        variables.pop("CMK_PROFILE", None)
    pid = os.posix_spawn(command[0], command, variables, file_actions=null)
    os.waitpid(pid, 0)
    return True
