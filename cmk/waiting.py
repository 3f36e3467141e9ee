"""Waiting for a job: how far it is, its result, and what Ctrl-C and a time-out leave behind."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from cmk.errors import Interrupted, JobFailed, WaitTimeout

if TYPE_CHECKING:
    from cmk.config import Profile
    from cmk.session import Session

Json = dict[str, Any]


def wait_for(session: Session, jobid: str, timeout: int) -> Json:
    """Until the job has ended: its result. Raises JobFailed, WaitTimeout, Interrupted.

    `timeout` is in seconds, 0 for ever.
    """
    from cmk.progress import bar_for

    pause, most = session.backend.pauses
    deadline = time.monotonic() + timeout if timeout else None
    bar = bar_for(session.environment, jobid)
    try:
        while True:
            job = session.backend.job(jobid)
            if job["jobstatus"] != 0:
                break
            progress = job.get("progress")
            bar.update(progress if isinstance(progress, dict) else {})
            if deadline is not None and time.monotonic() > deadline:
                raise WaitTimeout(
                    f"Job {jobid} is still running after {timeout} s; it goes on.",
                    how_to_look(session.profile, jobid),
                )
            time.sleep(pause)
            pause = min(pause * 1.5, most)
    except KeyboardInterrupt:
        raise Interrupted(f"Job {jobid} goes on.", how_to_look(session.profile, jobid)) from None
    finally:
        bar.clear()
    warnings = job.get("warnings")
    for warning in warnings if isinstance(warnings, list) else ():
        session.environment.say(f"Warning: {warning}")
    result = job.get("jobresult")
    if job["jobstatus"] == 2:
        raise JobFailed(_failure(result))
    return result if isinstance(result, dict) else {}


def _failure(result: Any) -> str:
    told = result if isinstance(result, dict) else {"errortext": result}
    text = told.get("errortext") or "The job failed and gave no reason."
    return f"(error code {told.get('errorcode', 530)}) {text}"


def how_to_look(profile: Profile, jobid: str) -> str:
    """The line that shows a job again, from wherever it is typed."""
    where = {"-u": f" -u {profile.url}", "-p": f" -p {profile.name}"}
    flag = where.get(profile.chosen_by, "")
    return f"Look at it with: cmk{flag} query asyncjobresult jobid={jobid}"


def run(session: Session, words: list[str], flags: Any) -> None:
    """`wait JOBID…`: each job's result, in this order."""
    from cmk.arguments import UUID
    from cmk.errors import UsageError
    from cmk.language import parse, split_view
    from cmk.output import View

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
        session.show(wait_for(session, jobid, session.timeout(flags)), flags, View(**view))
