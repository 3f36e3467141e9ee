"""Wrong calls, and what a real management server 4.22 has answered: status, numbers, jobs' ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cmk.lab.model.account import Account
from cmk.lab.model.machine import Machine, MachineState
from cmk.lab.model.user import User
from cmk.serve.answer import Answerer, Request
from cmk.wire.signature import signed
from tests.lab.conftest import Things, things

__all__ = ["things"]

CALLS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "data" / "wrong-calls-4.22.jsonl")
    .read_text()
    .splitlines()
]


class Recorded:
    """A lab with what the recorded calls name: two VMs, a template, an ISO in a drive."""

    def __init__(self, things: Things, place: Path) -> None:
        self.answerer = Answerer(place, {"HOME": str(place)}, print)
        self.store = things.store
        self.user = User.admin(self.store).renew_keys(self.store)
        account = Account.add(self.store, account_name="ann", domain_id=1, role_id=4)
        named = {"username": "ann", "firstname": "A", "lastname": "N", "created": "2026"}
        self.ann = User.add(self.store, account_id=account.id, **named).renew_keys(self.store)
        template, iso = (
            things.template(),
            things.template("iso", format="ISO", url="http://h/x.iso"),
        )
        self.running = things.vm(template, "vm1", MachineState.RUNNING, iso_id=iso.id)
        self.stopped = things.vm(template, "vm2")

        def first(table: str) -> str:
            return str(self.store.value(f"SELECT uuid FROM {table} ORDER BY id"))

        self.names = {
            "zone": first("data_center"),
            "offering": first("service_offering"),
            "diskoffering": first("disk_offering"),
            "network": first("networks"),
            "ostype": first("guest_os"),
            "domain": first("domain"),
            "template": template.uuid,
            "iso": iso.uuid,
            "running": self.running.uuid,
            "stopped": self.stopped.uuid,
            "web": "http://127.0.0.1:1",
        }

    def prepare(self, note: str) -> None:
        """Bring the second VM where the call wants it."""
        if "destroyed" in note:
            self.stopped.become(self.store, MachineState.DESTROYED)
        if "expunged" in note:
            self.stopped.remove(self.store)
        if note.startswith("user: "):
            self.user = self.ann

    def answer(self, request: dict[str, str]) -> tuple[int, dict[str, Any]]:
        named = dict(request)
        for name, id in self.names.items():
            named = {key: value.replace(f"{{{name}}}", id) for key, value in named.items()}
        params = signed(named, self.user.api_key or "", self.user.secret_key or "", "sha1")
        reply = self.answerer.answer(Request("GET", params, {}, {}))
        [told] = json.loads(reply.body).values()
        return reply.status, told

    def job(self, uuid: str) -> list[int]:
        row = self.store.one("SELECT * FROM async_job WHERE uuid = ?", uuid)
        assert row is not None
        return [row["job_status"], row["job_result_code"]]


@pytest.fixture
def recorded(things: Things, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    monkeypatch.setattr("cmk.lab.engine.hire", lambda lab: None)  # what is queued may wait
    there = Recorded(things, tmp_path / "store")
    yield there
    there.answerer.lab.close()


@pytest.mark.parametrize("call", CALLS, ids=[f"{n} {call['note']}" for n, call in enumerate(CALLS)])
def test_a_wrong_call_ends_as_on_a_real_server(recorded: Recorded, call: dict[str, Any]) -> None:
    recorded.prepare(call["note"])
    status, told = recorded.answer(call["request"])
    assert (status, told.get("cserrorcode")) == (call["status"], call["code"]), told
    if status >= 400:
        assert (told["errorcode"], told["uuidList"]) == (status, [])
    if "job" in call:
        waits = call["job"][0] == 1  # for a host, which there is none of here
        assert recorded.job(told["jobid"]) == ([0, 0] if waits else call["job"])
    assert Machine.of(recorded.store, recorded.running.id).state == MachineState.RUNNING
