"""How an API of the lab is declared: one decorated function, from which all else follows.

    @api(ZONE)
    def create_zone(call: Call, args: Args) -> Json:
        \"\"\"Makes a zone.

        name*: its name
        allocationstate=Enabled|Disabled: Enabled or Disabled
        owner (uuid): a parameter that CloudStack has not needs its type
        \"\"\"

Its name is CloudStack's createZone, its parameters stand in the docstring: `*` marks a required
one, `=` what it may be. A job's function checks everything that can be known at once, in a
transaction, and returns its task; the engine queues it, and cmk.lab.worker knows the work. What
calls read is the catalog that `scripts/catalog --lab` writes of all this, with CloudStack's types.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.jobs import Task
from cmk.lab.noun import Args, Noun

Run = Callable[[Call, Args], Json]
RunJob = Callable[[Call, Args], Task]


class Handler(NamedTuple):
    """What runs an API, the fields that it answers with, and what else is told of it; `is_scoped`
    where it lists what belongs to somebody."""

    run: Run | RunJob
    answers: str
    isasync: bool
    told: tuple[str, str]
    note: str
    is_scoped: bool = False


#: By the API's name in lower case, as far as their modules are imported.
HANDLERS: dict[str, Handler] = {}

#: What an API answers that has nothing to show.
DONE = "success displaytext"


def api(answers: Noun | str, more: str = "", note: str = "") -> Callable[[Run], Run]:
    """Declare an API that answers at once, with a noun or with these fields; `more` are parameters
    that several have, `note` says what it does otherwise than CloudStack's."""

    def declare(run: Run) -> Run:
        _put(run, answers, False, more, note)
        return run

    return declare


def job(answers: Noun | str, more: str = "", note: str = "") -> Callable[[RunJob], RunJob]:
    """Declare an API that answers with a job."""

    def declare(run: RunJob) -> RunJob:
        _put(run, answers, True, more, note)
        return run

    return declare


#: What every list of what can have tags takes.
_TAGS = """
    tags: those that have one of these tags: tags[0].key= tags[0].value=
"""


def _put(run: Run | RunJob, answers: Noun | str, isasync: bool, more: str, note: str) -> None:
    fields = answers if isinstance(answers, str) else answers.fields
    name = run.__name__.replace("_", "")
    listed = answers if isinstance(answers, Noun) and name.startswith("list") else None
    scoped = listed is not None and listed.is_owned
    if listed is not None and listed.tagged:
        more += _TAGS
    told = (run.__doc__ or "", more)
    HANDLERS[name] = Handler(run, fields, isasync, told, note, scoped)


def listing(noun: Noun, things: str, filters: str, more: str = "") -> None:
    """Declare a list API that needs no more than its noun: its rows by these columns of the view,
    and by those in `more`, which says what they are."""
    of = {"id": "the {} with this id", "name": "the {} with this name"}
    words = [
        f"{name}: {of[name].format(things[:-1])}"
        if name in of
        else f"{name}: {things} of this {name.removesuffix('id')}"
        for name in filters.split()
    ]
    told = "\n".join([f"Lists {things}.", *words])
    HANDLERS[noun.api.lower()] = Handler(
        noun.listed,
        noun.fields,
        False,
        (told, more + (_TAGS if noun.tagged else "")),
        "",
        noun.is_owned,
    )
