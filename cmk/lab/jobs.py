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
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cmk.errors import ApiError, CmkError
from cmk.lab.directory import is_held, try_hold
from cmk.lab.events import record
from cmk.lab.settings import number
from cmk.lab.store import new_uuid, now

if TYPE_CHECKING:
    from pathlib import Path

    from cmk.lab.engine import Lab

Json = dict[str, Any]
Action = Callable[["Job"], Json]
Undo = Callable[["Job", str], None]

#: How often a job is begun before its workers' deaths are held to be its own fault.
ATTEMPTS = 3

IN_PROGRESS, SUCCEEDED, FAILED = 0, 1, 2

_children: set[int] = set()


class Cancelled(CmkError):
    """Somebody has called cancelAsyncJob."""


@dataclass
class Job:
    """One job in the hands of its worker."""

    lab: Lab
    id: int
    uuid: str
    cmd: str
    info: Json
    attempt: int
    instance_id: int | None
    _told: float = field(default=0.0, repr=False)
    _phase: str = field(default="", repr=False)

    def progress(self, phase: str, **numbers: int) -> None:
        """Tell how far it is: phases at once, numbers (bytes, total, rate) five times a second."""
        clock = time.monotonic()
        if phase == self._phase and clock - self._told < 0.2:
            return
        self._told, self._phase = clock, phase
        if self.lab.store.value("SELECT cancelled FROM async_job WHERE id = ?", self.id):
            raise Cancelled("the job was cancelled")
        self.lab.store.update(
            "async_job", self.id, progress=json.dumps({"phase": phase, **numbers})
        )

    def warn(self, text: str) -> None:
        """Tell whoever waits for the job something that does not keep it from succeeding."""
        store = self.lab.store
        with store.change():
            told = json.loads(
                store.value("SELECT warnings FROM async_job WHERE id = ?", self.id) or "[]"
            )
            if text not in told:  # a job that is taken up again comes by here twice
                store.update("async_job", self.id, warnings=json.dumps([*told, text]))


@dataclass(frozen=True)
class Work:
    """What a job does, and how the world is left when that fails (it is given the reason)."""

    action: Action
    undo: Undo


def work_of(cmd: str) -> Work:
    """The work of an asynchronous API."""
    from cmk.lab.engine import handlers

    module, _, name = handlers()[cmd.lower()].work.partition(":")
    found: Work = getattr(import_module(module), name)
    return found


def submit(
    lab: Lab, cmd: str, info: Json, instance_type: str, instance_uuid: str, instance_id: int
) -> Json:
    """Queue a job, in the caller's transaction if there is one; CloudStack's `{"jobid": …}`.

    The caller's transaction must be over before `hire` is called.
    """
    from cmk.lab.engine import ADMIN_ACCOUNT

    uuid = new_uuid()
    lab.store.insert(
        "async_job",
        uuid=uuid,
        account_id=ADMIN_ACCOUNT,
        job_cmd=cmd,
        job_cmd_info=json.dumps(info),
        instance_type=instance_type,
        instance_uuid=instance_uuid,
        instance_id=instance_id,
        created=now(),
    )
    return {"jobid": uuid}


def cancel(lab: Lab, id: int) -> None:
    """Ask a job to stop; whoever runs it sees that at its next word, and undoes its work."""
    lab.store.update("async_job", id, cancelled=1)
    hire(lab)


def revive(lab: Lab) -> None:
    """Start a worker if jobs wait for one: new ones, or ones whose worker died."""
    _reap()
    if _waiting(lab):
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


def _lock(lab: Lab, uuid: str) -> Path:
    return lab.directory.jobs / f"{uuid}.lock"


def _spawn(lab: Lab) -> None:
    """A worker in a session of its own, with none of our streams."""
    from cmk.lab.processes import python

    null = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    log = lab.directory.jobs / "workers.log"
    out = (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    command = [*python("cmk.lab.worker"), str(lab.directory.path)]
    _children.add(
        os.posix_spawn(
            command[0],
            command,
            os.environ,
            file_actions=[null, out, (os.POSIX_SPAWN_DUP2, 1, 2)],
            setsid=True,
        )
    )


def _reap() -> None:
    """Wait for our own workers that have left: a shell lives long, and zombies pile up."""
    for pid in list(_children):
        with suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG) == (0, 0):
                continue
        _children.discard(pid)


def work(lab: Lab) -> None:
    """A worker's life: take a slot, run jobs until none is left."""
    while True:
        slot = next((s for s in map(try_hold, _slots(lab)) if s is not None), None)
        if slot is None:
            return
        try:
            while _run_one(lab):
                pass
            _tidy(lab)
        finally:
            os.close(slot)
        # A job queued between the last look and the release found all slots taken.
        if not _waiting(lab):
            return


def _tidy(lab: Lab) -> None:
    """Collect what nothing needs; what fails here is for the log, and for the next worker."""
    from cmk.lab.works.collection import tidy

    try:
        tidy(lab)
    except CmkError as problem:
        print(f"tidying: {problem}", flush=True)  # noqa: T201 - the log


def _waiting(lab: Lab) -> list[str]:
    """The jobs that can be begun: nobody has them, and none before them is about the same thing."""
    rows = lab.store.rows(
        "SELECT uuid FROM async_job j WHERE job_status = 0 AND NOT EXISTS (SELECT 1 "
        "FROM async_job b WHERE b.job_status = 0 AND b.id < j.id "
        "AND b.instance_type = j.instance_type AND b.instance_id = j.instance_id) ORDER BY id"
    )
    return [row["uuid"] for row in rows if not is_held(_lock(lab, row["uuid"]))]


def pending(lab: Lab, instance_type: str, instance_id: int) -> str:
    """What a job that has not ended yet is doing to this thing; "" for nothing."""
    return str(
        lab.store.value(
            "SELECT job_cmd FROM async_job WHERE job_status = 0 AND instance_type = ? "
            "AND instance_id = ?",
            instance_type,
            instance_id,
        )
        or ""
    )


def _run_one(lab: Lab) -> bool:
    for uuid in _waiting(lab):
        lock = try_hold(_lock(lab, uuid))
        if lock is None:
            continue
        try:
            row = lab.store.one("SELECT * FROM async_job WHERE uuid = ? AND job_status = 0", uuid)
            if row is None:
                continue
            lab.store.update("async_job", row["id"], attempts=row["attempts"] + 1)
            info = json.loads(row["job_cmd_info"])
            attempt = row["attempts"] + 1
            run(Job(lab, row["id"], uuid, row["job_cmd"], info, attempt, row["instance_id"]))
            _lock(lab, uuid).unlink(missing_ok=True)  # it has ended: nobody takes it any more
        finally:
            os.close(lock)
        return True
    return False


def run(job: Job) -> None:
    """Run a job to its end, whatever happens in it; the end is in its row."""
    work = work_of(job.cmd)
    lab = job.lab
    if job.attempt > 1:
        record(
            lab,
            "ASYNC.JOB.RESUME",
            f"The worker of job {job.uuid} ({job.cmd}) died; it is taken up again "
            f"(attempt {job.attempt} of {ATTEMPTS})",
            "AsyncJob",
            job.uuid,
            level="WARN",
        )
    try:
        if lab.store.value("SELECT cancelled FROM async_job WHERE id = ?", job.id):
            raise Cancelled("the job was cancelled")
        if job.attempt > ATTEMPTS:
            raise ApiError(530, f"The workers of this job died {ATTEMPTS} times; it was given up.")
        result, status, code = work.action(job), SUCCEEDED, 0
    except Exception as problem:
        failure = _failure(job, problem)
        try:
            work.undo(job, failure.errortext)
        except Exception as second:
            failure.errortext += f"\nCleaning up failed too: {_failure(job, second).errortext}"
        status, code = FAILED, failure.errorcode
        result = {
            "errorcode": failure.errorcode,
            "cserrorcode": failure.cserrorcode,
            "errortext": failure.errortext,
        }
    lab.store.update(
        "async_job",
        job.id,
        job_status=status,
        job_result_code=code,
        job_result=json.dumps(result, ensure_ascii=False),
        progress=None,
        last_updated=now(),
    )


def _failure(job: Job, problem: Exception) -> ApiError:
    if isinstance(problem, ApiError):
        return problem
    if isinstance(problem, CmkError):
        return ApiError(530, str(problem))
    import traceback

    print(f"job {job.uuid} ({job.cmd})\n{traceback.format_exc()}", flush=True)  # noqa: T201 - the log
    return ApiError(530, f"This is a bug in cmk: {type(problem).__name__}: {problem}")


def is_running(lab: Lab, job_id: int | None) -> bool:
    """Whether a worker holds this job at this moment."""
    row = lab.store.one("SELECT uuid, job_status FROM async_job WHERE id = ?", job_id)
    return row is not None and row["job_status"] == IN_PROGRESS and is_held(_lock(lab, row["uuid"]))
