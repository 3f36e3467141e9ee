"""Which job is begun when, how often, and what its end leaves: without a worker."""

from __future__ import annotations

from typing import Any

import pytest

from cmk.errors import ApiError, CmkError
from cmk.lab.engine import run as call_api
from cmk.lab.jobs import ATTEMPTS, Job, Outcome, StoryError, Work, run
from cmk.lab.model.job import AsyncJob
from cmk.lab.model.machine import MachineState
from tests.lab.conftest import Things


def outcome(action: Any, undone: list[str] | None = None) -> Outcome:
    def undo(job: Job, reason: str) -> None:
        (undone if undone is not None else []).append(reason)

    return Outcome(Work(action, undo), lambda job: {"success": True})


def failing(problem: Exception) -> Any:
    def action(job: Job) -> None:
        raise problem

    return action


def test_jobs_about_one_thing_are_begun_one_after_the_other(things: Things) -> None:
    template, other = things.template(), things.template("other")
    first, second, third = things.job(template), things.job(template), things.job(other)
    assert [job.id for job in AsyncJob.next_ones(things.store)] == [first.id, third.id]
    first.row.end(things.store, 1, 0, {}, [])
    assert [job.id for job in AsyncJob.next_ones(things.store)] == [second.id, third.id]


def test_a_job_that_succeeds_has_its_answer(things: Things) -> None:
    job = things.job(things.template())
    run(job, outcome(lambda job: None))
    row = job.row.again(things.store)
    assert (row.job_status, vars(row)["job_result"]) == (1, '{"success": true}')


@pytest.mark.parametrize(
    ("problem", "code", "text"),
    [
        (ApiError(533, "no capacity"), 533, "no capacity"),
        (CmkError("the pool is full"), 530, "the pool is full"),
        (ZeroDivisionError("x"), 530, "This is a bug in cmk: ZeroDivisionError: x"),
    ],
)
def test_a_job_that_fails_is_undone_and_says_why(
    things: Things, problem: Exception, code: int, text: str
) -> None:
    undone: list[str] = []
    job = things.job(things.template())
    run(job, outcome(failing(problem), undone))
    reply = call_api(things.call, "queryAsyncJobResult", {"jobid": job.row.uuid})
    told = reply["queryasyncjobresultresponse"]
    assert (told["jobstatus"], told["jobresultcode"]) == (2, code)
    assert told["jobresult"]["errortext"] == text
    assert undone == [text]


def test_a_story_is_kept_line_by_line(things: Things) -> None:
    job = things.job(things.template())
    lines = ["Unable to start.", "Host h1: no\nroute."]
    run(job, outcome(failing(StoryError(530, lines))))
    assert job.row.again(things.store).told_story == lines


def test_cleaning_up_that_fails_is_told_behind_the_reason(things: Things) -> None:
    def undo(job: Job, reason: str) -> None:
        raise CmkError("no way back")

    job = things.job(things.template())
    run(job, Outcome(Work(failing(CmkError("no way")), undo), lambda job: {}))
    assert job.row.again(things.store).told_story == [
        "no way",
        "Cleaning up failed too: no way back",
    ]


def test_a_cancelled_job_is_undone_and_never_done(things: Things) -> None:
    done: list[Job] = []
    undone: list[str] = []
    job = things.job(things.template())
    job.row.update(things.store, cancelled=1)
    run(job, outcome(done.append, undone))
    assert (done, undone) == ([], ["the job was cancelled"])


def test_a_job_whose_workers_died_too_often_is_given_up(things: Things) -> None:
    job = things.job(things.template())
    job.row.update(things.store, attempts=ATTEMPTS + 1)
    again = Job(things.call, job.row.again(things.store))
    run(again, outcome(lambda job: pytest.fail("it was done once more")))
    assert "was given up" in again.row.again(things.store).told_story[0]


def test_a_warning_is_told_once_however_often_the_job_is_taken_up(things: Things) -> None:
    job = things.job(things.template())
    for _ in range(2):
        job.warn("the file has changed")
    assert job.row.again(things.store).warnings == '["the file has changed"]'


def test_a_thing_in_the_wrong_state_is_a_job_that_has_failed_already(things: Things) -> None:
    vm = things.vm(things.template())
    call_api(things.call, "rebootVirtualMachine", {"id": vm.uuid})
    [job] = AsyncJob.there(things.store)
    assert (job.job_status, job.told_story) == (
        AsyncJob.FAILED,
        ["That is for a VM that is Running; web1 is Stopped."],
    )
    assert not things.call.has_submitted
    assert vm.again(things.store).state == vm.state


def test_a_check_that_fails_queues_nothing(things: Things) -> None:
    vm = things.vm(things.template())
    vm.become(things.store, MachineState.EXPUNGING)
    with pytest.raises(ApiError, match="is for a VM that is Destroyed"):
        call_api(things.call, "recoverVirtualMachine", {"id": vm.uuid})
    assert AsyncJob.there(things.store) == []
