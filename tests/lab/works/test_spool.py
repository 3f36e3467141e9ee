"""Who downloads a copy, who waits, what is trusted: with an agent that only answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

import pytest

from cmk.lab.directory import try_hold
from cmk.lab.hosts.agent import AgentFailure
from cmk.lab.hosts.host import OpenHost
from cmk.lab.jobs import Cancelled, Job
from cmk.lab.model.copy import Copy, DownloadState
from cmk.lab.model.template import Template
from cmk.lab.model.unused import orphans
from cmk.lab.works import spool
from tests.lab.conftest import Things

FACTS = {"size": 100, "inode": 7, "mtime": 9}
DONE = {
    **FACTS,
    "virtual_size": 1 << 30,
    "served_digest": "s" * 64,
    "stored_digest": "t" * 64,
    "mirrors": ["http://h/debian.qcow2"],
    "url": "http://h/debian.qcow2",
    "etag": '"1"',
    "last_modified": "",
    "warnings": [],
    "story": [],
}


class Agent:
    """Answers as it is told to, and remembers what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {"head": {"etag": '"1"', "last_modified": ""}, "link": None, **answers}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def ask(self, what: str, tell: Any = None, **request: Any) -> Any:
        self.asked.append((what, request))
        answer = self.answers[what]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def times(self, what: str) -> int:
        return sum(asked == what for asked, _ in self.asked)


class FakeHost:
    """A host whose agent is the one above."""

    name, location = "h0", ""

    def __init__(self, things: Things, agent: Agent) -> None:
        self.lab, self.agent, self.row = things.call.lab, agent, things.host
        self.is_dropped = False

    @property
    def limits(self) -> dict[str, Any]:
        return {"connect": 5, "read": 5}

    def drop_agent(self) -> None:
        self.is_dropped = True


def host_with(things: Things, **answers: Any) -> tuple[OpenHost, Agent]:
    agent = Agent(**answers)
    return cast(OpenHost, FakeHost(things, agent)), agent


def hold(things: Things, job: Job) -> int:
    """The lock that a worker holds on its job; the descriptor."""
    descriptor = try_hold(Path(things.call.lab.directory.jobs, f"{job.row.uuid}.lock"))
    assert descriptor is not None
    return descriptor


def the_copy(things: Things, template: Template) -> Copy:
    found = Copy.first(things.store, template_id=template.id)
    assert found is not None
    return found


def test_what_is_not_there_is_downloaded_and_recorded(things: Things) -> None:
    template = things.template(checksum="{SHA-256}" + "a" * 64)
    host, agent = host_with(things, fetch=DONE)
    copy = spool.ensure(things.job(template), host, things.pool, template)
    assert copy.download_state == DownloadState.DOWNLOADED
    assert copy.facts == FACTS
    assert copy.job_id is None
    [(_, request)] = [each for each in agent.asked if each[0] == "fetch"]
    assert (request["algorithm"], request["digest"]) == ("sha-256", "a" * 64)


def test_a_copy_that_is_as_it_was_recorded_is_used_and_its_mark_goes(things: Things) -> None:
    template = things.template()
    recorded: dict[str, Any] = {
        "physical_size": 100,
        "inode": 7,
        "mtime": 9,
        "template_size": 1 << 30,
    }
    things.copy(template, **recorded, etag='"1"', marked_for_gc="2020", stored_digest="t")
    host, agent = host_with(things, facts=FACTS)
    copy = spool.ensure(things.job(template), host, things.pool, template)
    assert agent.times("fetch") == 0
    assert copy.again(things.store).marked_for_gc is None


@pytest.mark.parametrize("found", [None, {**FACTS, "mtime": 10}, {**FACTS, "size": 99}])
def test_no_row_is_trusted_whose_file_is_gone_or_another(things: Things, found: Any) -> None:
    template = things.template()
    things.copy(template, physical_size=100, inode=7, mtime=9)
    host, agent = host_with(things, facts=found, fetch=DONE)
    copy = spool.ensure(things.job(template), host, things.pool, template)
    assert agent.times("fetch") == 1
    assert copy.install_path != f"file-of-{template.id}"
    assert [file.install_path for file in orphans(things.store)] == [f"file-of-{template.id}"]


def test_a_job_that_holds_its_lock_keeps_others_from_the_download(things: Things) -> None:
    template = things.template()
    first, second = things.job(template), things.job(template)
    lock = hold(things, first)
    copy, mine = spool.claim(first, things.pool, template)
    assert mine
    assert spool.claim(second, things.pool, template)[1] is False
    assert spool.claim(first, things.pool, template)[1] is True  # it is taken up again
    os.close(lock)  # its worker dies
    taken, mine = spool.claim(second, things.pool, template)
    assert mine
    assert (taken.id, taken.install_path) == (copy.id, copy.install_path)


def test_who_waits_for_anothers_download_can_be_cancelled(things: Things) -> None:
    template = things.template()
    first, second = things.job(template), things.job(template)
    lock = hold(things, first)
    spool.claim(first, things.pool, template)
    second.row.update(things.store, cancelled=1)
    host, _ = host_with(things)
    with pytest.raises(Cancelled):
        spool.ensure(second, host, things.pool, template)
    os.close(lock)


def test_a_download_that_fails_leaves_its_reason_and_no_owner(things: Things) -> None:
    template = things.template()
    host, _ = host_with(things, fetch=AgentFailure({"kind": "transport", "reason": "HTTP 503"}))
    with pytest.raises(AgentFailure):
        spool.ensure(things.job(template), host, things.pool, template)
    copy = the_copy(things, template)
    assert (copy.download_state, copy.error_str) == (DownloadState.FAILED, "HTTP 503")
    assert copy.job_id is None


def test_an_agent_whose_answer_nobody_wants_any_more_is_ended(things: Things) -> None:
    template = things.template()
    host, _ = host_with(things, fetch=Cancelled("the job was cancelled"))
    with pytest.raises(Cancelled):
        spool.ensure(things.job(template), host, things.pool, template)
    assert cast(FakeHost, host).is_dropped


def test_the_same_digest_under_another_template_is_linked_and_not_fetched(things: Things) -> None:
    digest = "{SHA-256}" + "a" * 64
    other = things.template("other", checksum=digest)
    things.copy(other, checksum=digest, physical_size=100, inode=7, mtime=9, etag='"9"')
    template = things.template(checksum=digest)
    host, agent = host_with(things, link=FACTS, fetch=DONE)
    copy = spool.ensure(things.job(template), host, things.pool, template)
    assert agent.times("fetch") == 0
    assert copy.facts == FACTS
    assert copy.etag is None  # that is of another URL


def test_what_a_job_began_is_let_go_of_when_it_fails(things: Things) -> None:
    template = things.template()
    job = things.job(template)
    spool.claim(job, things.pool, template)
    spool.give_up(job, "no power")
    assert the_copy(things, template).error_str == "no power"


def test_a_newer_version_is_fetched_beside_the_copy_which_stays_in_use_until_the_end(
    things: Things,
) -> None:
    template = things.template()
    things.copy(template, install_path="old", stored_digest="t")
    job = things.job(template)
    copy = the_copy(things, template)
    assert spool.claim_next(job, copy)
    copy = copy.again(things.store)
    assert (copy.install_path, copy.download_state) == ("old", DownloadState.DOWNLOADED)
    assert copy.next_path not in (None, "old")
    settled = spool.settle(things.store, copy, str(copy.next_path), {"stored_digest": "u"})
    assert settled.install_path == copy.next_path
    assert things.store.value("SELECT path FROM orphan") == "old"


def test_a_newer_version_that_does_not_come_leaves_the_copy_as_it_was(things: Things) -> None:
    template = things.template()
    things.copy(template, install_path="old")
    job = things.job(template)
    spool.claim_next(job, the_copy(things, template))
    spool.give_up(job, "HTTP 404")
    copy = the_copy(things, template)
    assert (copy.install_path, copy.next_path, copy.job_id) == ("old", None, None)
    assert copy.download_state == DownloadState.DOWNLOADED


@pytest.mark.parametrize(("status", "told"), [(404, True), (410, True), (503, False), (0, False)])
def test_a_file_is_gone_by_the_status_and_not_by_the_words(
    things: Things, status: int, told: bool
) -> None:
    template = things.template()
    things.copy(template, physical_size=100, inode=7, mtime=9, etag='"1"')
    failure = AgentFailure({"kind": "transport", "reason": "HTTP 404 it says", "status": status})
    host, _ = host_with(things, facts=FACTS, head=failure)
    job = things.job(template)
    spool.ensure(job, host, things.pool, template)
    warnings = job.row.again(things.store).warnings or ""
    assert ("it is not there any more" in warnings) is told
