"""`cmk wait JOBID…`."""

from __future__ import annotations

from cmk.errors import UsageError
from cmk.line.arguments import UUID
from cmk.line.language import parse, split_view
from cmk.output import View
from cmk.session.flags import Flags
from cmk.session.session import Session


def run(session: Session, words: list[str], flags: Flags) -> None:
    """`wait JOBID…`: each job's result, in this order."""
    jobs = [word for word in words if "=" not in word]
    given = parse(["wait", *(word for word in words if "=" in word)]).params
    rest, view = split_view(given, lambda _: None)
    wrong = [*rest, *(job for job in jobs if not UUID.match(job))]
    if not jobs or wrong:
        raise UsageError(
            "It is wait JOBID…, with filter=, exclude= or query=."
            + (f" '{wrong[0]}' is no job's id." if wrong else "")
        )
    for jobid in jobs:
        session.show(session.wait_for(jobid, session.timeout(flags)), flags, View(**view))
