"""Asynchronous jobs: what was asked for, and how far it is."""

from __future__ import annotations

import json

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, listing
from cmk.lab.model.job import AsyncJob
from cmk.lab.noun import Args, Noun, Row
from cmk.wire.faults import invalid


def _told(call: Call, rows: list[Row]) -> None:
    """JSON as what it says; of a job that waits, how many wait before it."""
    for row in rows:
        for name in ("jobresult", "warnings", "progress"):
            row[name] = json.loads(row[name]) if row[name] else None
        if row["jobstatus"] == AsyncJob.IN_PROGRESS:
            row["progress"] = row["progress"] or {"phase": "Queued", "place": row["before_it"] + 1}
        else:
            row["progress"] = None


JOB = Noun(
    "asyncjobs",
    "listAsyncJobs",
    "async_job_view",
    "jobid cmd jobstatus jobprocstatus jobresultcode jobresulttype jobresult jobinstancetype "
    "jobinstanceid accountid account domainid domainpath userid created completed progress "
    "warnings",
    _told,
    keyword="cmd",
    order="row_id DESC",
    is_owned=True,
)

listing(
    JOB,
    "jobs",
    "",
    """
    startdate: jobs made at this time or later (2026-01-31T10:00:00+0000)
""",
)


@api(JOB)
def query_async_job_result(call: Call, args: Args) -> Json:
    """Tells how a job is getting on, and its result when it has ended.

    jobid*: the job
    """
    return JOB.one(call, call.find(AsyncJob, args["jobid"], "jobid").uuid, "jobid")


@api(DONE)
def cancel_async_job(call: Call, args: Args) -> Json:
    """Stops a job: one that waits at once, one that runs as soon as it looks (lab only).

    jobid* (uuid): the job
    """
    from cmk.lab.jobs import cancel

    found = call.find(AsyncJob, args["jobid"], "jobid")
    if found.is_ended:
        raise invalid(f"The job {args['jobid']} has ended already.")
    cancel(call.lab, found)
    return {"success": True, "displaytext": f"The job {args['jobid']} is being stopped"}
