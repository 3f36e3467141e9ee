"""Asynchronous jobs: what was asked for, and how far it is."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

from cmk.lab.api import PAGING, Args, Json, api, invalid, no_such, optional, required
from cmk.lab.fields import DONE, fields
from cmk.lab.query import Query, listing, present
from cmk.lab.rows import row_of

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

JOB = fields(
    "jobid cmd jobstatus jobprocstatus jobresultcode jobresulttype jobresult jobinstancetype "
    "jobinstanceid accountid userid created completed progress warnings"
)


@api(
    "queryAsyncJobResult",
    "Tells how a job is getting on, and its result when it has ended",
    required("jobid", "uuid", "the job"),
    fields=JOB,
)
def query_async_job_result(lab: Lab, args: Args) -> Json:
    query = _query(lab).equal("j.uuid", args["jobid"])
    _, rows = query.rows(lab.store, {}, "j.id")
    if not rows:
        raise no_such("job", "jobid", args["jobid"])
    return _job(rows[0])


@api(
    "listAsyncJobs",
    "Lists jobs, the newest first; CloudStack lists pending ones only",
    optional("startdate", "date", "jobs made at this time or later (2026-01-31T10:00:00+0000)"),
    *PAGING,
    fields=JOB,
)
def list_async_jobs(lab: Lab, args: Args) -> Json:
    query = _query(lab).contains("j.job_cmd", args.get("keyword"))
    query.at_least("j.created", args.get("startdate"))
    return listing(lab.store, args, "asyncjobs", query, "j.id DESC", _job)


@api(
    "cancelAsyncJob",
    "Stops a job: one that waits at once, one that runs as soon as it looks (lab only)",
    required("jobid", "uuid", "the job"),
    fields=DONE,
)
def cancel_async_job(lab: Lab, args: Args) -> Json:
    from cmk.lab.jobs import cancel

    found = row_of(lab, "async_job", "job", args["jobid"], "jobid")
    if found["job_status"] != 0:
        raise invalid(f"The job {args['jobid']} has ended already.")
    cancel(lab, found["id"])
    return {"success": True, "displaytext": f"The job {args['jobid']} is being stopped"}


def _query(lab: Lab) -> Query:
    return Query(
        "j.*, a.uuid AS account, (SELECT count(*) FROM async_job b WHERE b.job_status = 0 "
        "AND b.progress IS NULL AND b.id < j.id) AS before_it",
        "async_job j JOIN account a ON a.id = j.account_id",
        "j.removed IS NULL",
    )


def _job(row: sqlite3.Row) -> Json:
    running = row["job_status"] == 0
    return present(
        jobid=row["uuid"],
        cmd=row["job_cmd"],
        jobstatus=row["job_status"],
        jobprocstatus=0,
        jobresultcode=row["job_result_code"],
        jobresulttype=None if running else "object",
        jobresult=json.loads(row["job_result"]) if row["job_result"] else None,
        jobinstancetype=row["instance_type"],
        jobinstanceid=row["instance_uuid"],
        accountid=row["account"],
        userid=row["account"],
        created=row["created"],
        completed=None if running else row["last_updated"],
        progress=_progress(row) if running else None,
        warnings=json.loads(row["warnings"]) if row["warnings"] else None,
    )


def _progress(row: sqlite3.Row) -> Json:
    """What a job that runs shows; of one that waits, how many wait before it."""
    if row["progress"]:
        found: Json = json.loads(row["progress"])
        return found
    return {"phase": "Queued", "place": row["before_it"] + 1}
