"""Asynchronous jobs, as rows."""

from __future__ import annotations

import json

from cmk.document import Json
from cmk.lab.model.record import Record
from cmk.lab.store import Store, now


class AsyncJob(Record):
    """A job: `job_status` 0 in progress, 1 succeeded, 2 failed; `job_cmd_info` is what its work
    needs to know, as JSON."""

    TABLE, KIND, RESOURCE = "async_job", "job", "AsyncJob"

    IN_PROGRESS, SUCCEEDED, FAILED = 0, 1, 2

    account_id: int
    job_cmd: str
    job_cmd_info: str
    instance_type: str
    instance_uuid: str
    instance_id: int
    job_status: int
    cancelled: int
    attempts: int
    progress: str | None
    warnings: str | None
    story: str | None

    @classmethod
    def queue(cls, store: Store, account: int, cmd: str, about: Record, info: Json) -> AsyncJob:
        """Add one, about a thing."""
        return cls.add(
            store,
            account_id=account,
            job_cmd=cmd,
            job_cmd_info=json.dumps(info),
            instance_type=about.resource,
            instance_uuid=about.uuid,
            instance_id=about.id,
            created=now(),
        )

    @classmethod
    def next_ones(cls, store: Store) -> list[AsyncJob]:
        """Those that are not ended, and before which none is about the same thing."""
        return cls.where(
            store,
            "job_status = 0 AND NOT EXISTS (SELECT 1 FROM async_job b WHERE b.job_status = 0 "
            "AND b.id < async_job.id AND b.instance_type = async_job.instance_type "
            "AND b.instance_id = async_job.instance_id) ORDER BY id",
        )

    @classmethod
    def pending(cls, store: Store, about: Record) -> str:
        """What a job that has not ended yet is doing to a thing; "" for nothing."""
        found = cls.where(
            store,
            "job_status = 0 AND instance_type = ? AND instance_id = ?",  # as its index has it
            about.resource,
            about.id,
        )
        return found[0].job_cmd if found else ""

    @classmethod
    def last_failed(cls, store: Store, about: Record) -> AsyncJob | None:
        """The newest one about a thing that failed."""
        found = cls.there(
            store, job_status=cls.FAILED, instance_type=about.resource, instance_id=about.id
        )
        return found[-1] if found else None

    @classmethod
    def end_all(cls, store: Store) -> None:
        """Call all of them failed: their lab goes."""
        store.execute("UPDATE async_job SET job_status = 2, job_result = '{}' WHERE job_status = 0")

    @property
    def is_ended(self) -> bool:
        return self.job_status != self.IN_PROGRESS

    @property
    def told_progress(self) -> Json:
        """What it last said of how far it is."""
        found: Json = json.loads(self.progress) if self.progress else {}
        return found

    @property
    def told_story(self) -> list[str]:
        """Why it failed, line by line."""
        found: list[str] = json.loads(self.story) if self.story else []
        return found

    def tell_progress(self, store: Store, phase: str, numbers: Json) -> None:
        """Write down how far it is."""
        self.update(store, progress=json.dumps({"phase": phase, **numbers}))

    def warn(self, store: Store, text: str) -> None:
        """Add a sentence for whoever waits, once."""
        with store.change():
            told = json.loads(self.again(store).warnings or "[]")
            if text not in told:  # a job that is taken up again comes by here twice
                self.update(store, warnings=json.dumps([*told, text]))

    def end(self, store: Store, status: int, code: int, result: Json, story: list[str]) -> None:
        """Write down what came of it."""
        self.update(
            store,
            job_status=status,
            job_result_code=code,
            job_result=json.dumps(result, ensure_ascii=False),
            story=json.dumps(story) if story else None,
            progress=None,
            last_updated=now(),
        )
