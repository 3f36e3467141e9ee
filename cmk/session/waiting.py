"""Waiting for a job: how far it is, its result, and what Ctrl-C and a time-out leave behind."""

from __future__ import annotations

import time

from cmk.config.file import Profile
from cmk.document import Json
from cmk.environment import Environment
from cmk.errors import Interrupted, JobFailed, Unreachable, WaitTimeout
from cmk.session.backend import Backend
from cmk.session.progress import bar_for


def wait_for(
    backend: Backend, environment: Environment, profile: Profile, jobid: str, timeout: int
) -> Json:
    """Until the job has ended: its result. Raises JobFailed, Unreachable, WaitTimeout, Interrupted.

    `timeout` is in seconds, 0 for ever.
    """
    pause, most = backend.pauses
    deadline = time.monotonic() + timeout if timeout else None
    bar, is_known = bar_for(environment, jobid), False
    try:
        while True:
            job = _looked_at(backend, jobid, deadline)
            is_known = is_known or job is not _UNKNOWN
            if job["jobstatus"] != 0:
                break
            progress = job.get("progress")
            bar.update(progress if isinstance(progress, dict) else {})
            left = most if deadline is None else deadline - time.monotonic()
            if left <= 0:
                text = f"Job {jobid} is still running after {timeout} s; it goes on."
                if not is_known:
                    text = f"The server has told nothing of job {jobid} within {timeout} s."
                raise WaitTimeout(text, how_to_wait(profile, jobid), jobid)
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, most)
    except KeyboardInterrupt:
        hint = how_to_wait(profile, jobid)
        raise Interrupted(f"Job {jobid} goes on.", hint, jobid) from None
    finally:
        bar.clear()
    warnings = job.get("warnings")
    for warning in warnings if isinstance(warnings, list) else ():
        environment.say(f"Warning: {warning}")
    result = job.get("jobresult")
    if job["jobstatus"] == 2:
        told = result if isinstance(result, dict) else {"errortext": result}
        text = told.get("errortext") or "The job failed and gave no reason."
        raise JobFailed(jobid, told.get("errorcode", 530), str(text))
    return result if isinstance(result, dict) else {}


#: What stands for a job of which nothing could be learnt in time.
_UNKNOWN: Json = {"jobstatus": 0}


def _looked_at(backend: Backend, jobid: str, deadline: float | None) -> Json:
    """The job as it is. Raises Unreachable, unless that is because the time is up."""
    try:
        return backend.job(jobid, deadline)
    except Unreachable:
        if deadline is None or time.monotonic() < deadline:
            raise
        return _UNKNOWN


def how_to_wait(profile: Profile, jobid: str) -> str:
    """The line that waits for a job again, from wherever it is typed."""
    where = {"-u": f" -u {profile.url}", "-p": f" -p {profile.name}"}
    flag = where.get(profile.chosen_by, "")
    return f"Wait for it again: cmk{flag} wait {jobid}"
