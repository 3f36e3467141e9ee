"""Jobs: rows in async_job, and the workers that run them.

No daemon: a worker is a process of its own that takes queued jobs until none is left, and then
leaves. Who runs a job holds the lock `jobs/<id>.lock`; a worker holds one of the slots
`jobs/worker.<n>`. The kernel frees both on any death, so a job that is not ended and whose lock
is free needs a worker: whoever looks next starts one, and it takes the job up again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from cmk.document import Json
from cmk.errors import ApiError, CmkError
from cmk.lab.call import Call, Tell
from cmk.lab.directory import is_held, try_hold
from cmk.lab.events import record
from cmk.lab.lab import Lab
from cmk.lab.model.account import Account
from cmk.lab.model.job import AsyncJob
from cmk.lab.model.record import Record
from cmk.lab.processes import python
from cmk.lab.settings import number
from cmk.lab.store import Store
from cmk.masks import in_text
from cmk.wire.faults import job_fault_json

#: How often a job is begun before its workers' deaths are held to be its own fault.
ATTEMPTS = 3

#: Seconds that a new worker is given to take its first job, before another is hired for that.
BEGINNING = 3.0

#: Our own workers that have not left, and since when.
_children: dict[int, float] = {}


class Cancelled(CmkError):
    """Somebody has called cancelAsyncJob."""


class StoryError(ApiError):
    """A failure with its story: line by line, what was tried and why it came to nothing."""

    def __init__(self, errorcode: int, story: list[str]) -> None:
        self.story = [in_text(line) for line in story]
        super().__init__(errorcode, "\n".join(self.story))


class Task(NamedTuple):
    """What an asynchronous API wants done: about which thing, and what its work must know; with a
    `refusal` its job has failed already, as CloudStack's do for a thing in the wrong state, with an
    `answer` it is done."""

    about: Record
    info: Json = {}  # noqa: RUF012 - never written to
    refusal: ApiError | None = None
    answer: Json | None = None


class Job:
    """One job in the hands of its worker."""

    def __init__(self, call: Call, row: AsyncJob) -> None:
        self.call = call
        self.id = row.id
        self.cmd = row.job_cmd
        self.info: Json = json.loads(row.job_cmd_info)
        self.attempt = row.attempts
        self.instance_id = row.instance_id
        self.row = row
        self._told = 0.0
        self._phase = ""

    @property
    def lab(self) -> Lab:
        return self.call.lab

    @property
    def store(self) -> Store:
        return self.call.store

    def progress(self, phase: str, **numbers: Any) -> None:
        """Tell how far it is: phases at once, numbers (bytes, total, rate) five times a second.

        Raises Cancelled.
        """
        clock = time.monotonic()
        if phase == self._phase and clock - self._told < 0.2:
            return
        self._told, self._phase = clock, phase
        self.check()
        self.row.tell_progress(self.store, phase, numbers)

    def check(self) -> None:
        """Raise Cancelled where somebody wants it to stop."""
        if self.row.again(self.store).cancelled:
            raise Cancelled("the job was cancelled")

    def warn(self, text: str) -> None:
        """Tell whoever waits for the job something that does not keep it from succeeding."""
        self.row.warn(self.store, text)


class Work(NamedTuple):
    """What a job does, and how the world is left when that fails (it is given the reason)."""

    action: Callable[[Job], None]
    undo: Callable[[Job, str], None]


class Outcome(NamedTuple):
    """A work, and what its job answers when it is done."""

    work: Work
    answer: Callable[[Job], Json]


def submit(call: Call, cmd: str, task: Task) -> Json:
    """Queue a job, in the caller's transaction if there is one; CloudStack's `{"jobid": …}`, with
    the id of what is made."""
    row = AsyncJob.queue(call.store, call.caller.id, cmd, task.about, task.info)
    if task.refusal is not None:
        told = task.refusal
        row.end(call.store, AsyncJob.FAILED, told.errorcode, job_fault_json(told), [told.errortext])
    elif task.answer is not None:
        row.end(call.store, AsyncJob.SUCCEEDED, 0, task.answer, [])
    else:
        call.has_submitted = True
    made = {"id": task.about.uuid} if cmd.startswith(("create", "deploy")) else {}
    return {**made, "jobid": row.uuid}


def cancel(lab: Lab, job: AsyncJob) -> None:
    """Ask a job to stop; whoever runs it sees that at its next word, and undoes its work."""
    job.update(lab.store, cancelled=1)
    hire(lab)


def revive(lab: Lab) -> None:
    """Start a worker if jobs wait for one: new ones, or ones whose worker died."""
    _reap()
    young = time.monotonic() - BEGINNING
    if not any(since > young for since in _children.values()) and _waiting(lab):
        hire(lab)


def hire(lab: Lab) -> None:
    """Start a worker unless as many as `job.workers` run."""
    for slot in _slots(lab):
        if not is_held(slot):
            _spawn(lab)
            return


def _slots(lab: Lab) -> list[Path]:
    count = max(1, number(lab.store, "job.workers"))
    return [lab.directory.jobs / f"worker.{n}" for n in range(count)]


def _lock(lab: Lab, job: AsyncJob) -> Path:
    return lab.directory.jobs / f"{job.uuid}.lock"


def _spawn(lab: Lab) -> None:
    """A worker in a session of its own, with none of our streams."""
    null = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    log = lab.directory.jobs / "workers.log"
    out = (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    command = [*python("cmk.lab.worker"), str(lab.directory.path)]
    pid = os.posix_spawn(
        command[0],
        command,
        dict(lab.variables),
        file_actions=[null, out, (os.POSIX_SPAWN_DUP2, 1, 2)],
        setsid=True,
    )
    _children[pid] = time.monotonic()


def _reap() -> None:
    """Wait for our own workers that have left: a shell lives long, and zombies pile up."""
    for pid in list(_children):
        with suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG) == (0, 0):
                continue
        _children.pop(pid, None)


def run_all(
    lab: Lab,
    works: Mapping[str, Outcome],
    tell: Callable[[str], None],
    tidy: Callable[[Call], None],
) -> None:
    """A worker's life: take a slot, run jobs until none is left, tidy up, leave.

    `tell` writes to the log; what fails in `tidy` is for that, and for the next worker.
    """
    while True:
        slot = next((s for s in map(try_hold, _slots(lab)) if s is not None), None)
        if slot is None:
            return
        try:
            while _run_one(lab, works, tell):
                pass
            try:
                tidy(Call.of_admin(lab, tell))
            except CmkError as problem:
                tell(f"tidying: {problem}")
        finally:
            os.close(slot)
        # A job queued between the last look and the release found all slots taken.
        if not _waiting(lab):
            return


def _waiting(lab: Lab) -> list[AsyncJob]:
    """The jobs that can be begun: nobody has them, and none before them is about the same thing."""
    return [job for job in AsyncJob.next_ones(lab.store) if not is_held(_lock(lab, job))]


def _run_one(lab: Lab, works: Mapping[str, Outcome], tell: Tell) -> bool:
    for found in _waiting(lab):
        lock = try_hold(_lock(lab, found))
        if lock is None:
            continue
        try:
            row = found.again(lab.store)
            if row.is_ended:
                continue
            row.update(lab.store, attempts=row.attempts + 1)
            account = Account.of(lab.store, row.account_id)
            job = Job(Call(lab, account, tell), row.again(lab.store))
            run(job, works[job.cmd])
            _lock(lab, row).unlink(missing_ok=True)  # it has ended: nobody takes it any more
        finally:
            os.close(lock)
        return True
    return False


def run(job: Job, outcome: Outcome) -> None:
    """Run a job to its end, whatever happens in it; the end is in its row."""
    if job.attempt > 1:
        record(
            job.call,
            "ASYNC.JOB.RESUME",
            f"The worker of job {job.row.uuid} ({job.cmd}) died; it is taken up again "
            f"(attempt {job.attempt} of {ATTEMPTS})",
            job.row,
            level="WARN",
        )
    try:
        job.check()
        if job.attempt > ATTEMPTS:
            raise ApiError(530, f"The workers of this job died {ATTEMPTS} times; it was given up.")
        outcome.work.action(job)
        result = outcome.answer(job)
    except Exception as problem:
        _fail(job, outcome.work, problem)
    else:
        job.row.end(job.store, AsyncJob.SUCCEEDED, 0, result, [])


def _fail(job: Job, work: Work, problem: Exception) -> None:
    failure = _failure(job, problem)
    story = failure.story if isinstance(failure, StoryError) else [failure.errortext]
    try:
        work.undo(job, failure.errortext)
    except Exception as second:
        story = [*story, f"Cleaning up failed too: {_failure(job, second).errortext}"]
    told = StoryError(failure.errorcode, story)
    job.row.end(job.store, AsyncJob.FAILED, failure.errorcode, job_fault_json(told), story)


def _failure(job: Job, problem: Exception) -> ApiError:
    if isinstance(problem, ApiError):
        return problem
    if isinstance(problem, CmkError):
        return ApiError(530, str(problem))
    import traceback

    job.call.tell(f"job {job.row.uuid} ({job.cmd})\n{traceback.format_exc()}")
    return ApiError(530, f"This is a bug in cmk: {type(problem).__name__}: {problem}")


def is_running(lab: Lab, job_id: int | None) -> bool:
    """Whether a worker holds this job at this moment."""
    if job_id is None:
        return False
    row = AsyncJob.of(lab.store, job_id)
    return not row.is_ended and is_held(_lock(lab, row))
