"""A lab's store whose jobs run at once, without a process and without a guest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cmk.errors import ApiError
from cmk.lab.call import Call
from cmk.lab.engine import run
from cmk.lab.hosts.router import state_of
from cmk.lab.jobs import Job
from cmk.lab.jobs import run as run_job
from cmk.lab.model.account import Account
from cmk.lab.model.job import AsyncJob
from cmk.lab.model.machine import Machine, MachineState
from cmk.lab.model.network import NetworkOffering, Nic
from cmk.lab.settings import GUESTS
from cmk.lab.worker import OUTCOMES
from cmk.wire.envelope import content
from tests.lab.conftest import Things

ISOLATED = "DefaultIsolatedNetworkOfferingWithSourceNatService"


class LabAtOnce:
    """A store whose jobs run at once, in this process; no VM of it has a guest."""

    def __init__(self, things: Things) -> None:
        self.things, self.store, self.call = things, things.store, things.call
        self.store.set_configuration(GUESTS, "false")
        self.zone = self.ask("listZones")["zone"][0]["id"]

    def ask(self, api: str, **params: Any) -> Any:
        """What an API answers, or its job; raises ApiError for one that fails."""
        words = {
            name if "[" in name else name.replace("_", "."): str(value)
            for name, value in params.items()
        }
        reply = content(run(self.call, api, words))
        if "jobid" not in reply:
            return reply
        row = AsyncJob.known(self.store, reply["jobid"])
        assert row is not None
        if not row.is_ended:
            run_job(Job(self.call, row), OUTCOMES[row.job_cmd])
        row = row.again(self.store)
        told = json.loads(self.store.value("SELECT job_result FROM async_job WHERE id = ?", row.id))
        if row.job_status == AsyncJob.FAILED:
            raise ApiError(told["errorcode"], told["errortext"])
        return told

    def of_ann(self) -> LabAtOnce:
        """The same store, as a new account ann asks it."""
        words = {"firstname": "F", "lastname": "L", "email": "e@x.y", "password": "secret"}
        made = self.ask("createAccount", username="ann", **words)["account"]["id"]
        ann = Account.known(self.store, made)
        assert ann is not None
        hers = LabAtOnce(self.things)
        hers.call = Call(self.call.lab, ann, print)
        return hers

    def network(self, name: str = "n1", offering: str = ISOLATED, **more: Any) -> str:
        kind = NetworkOffering.first(self.store, name=offering)
        assert kind is not None
        words = {"zoneid": self.zone, "networkofferingid": kind.uuid, "name": name, **more}
        return str(self.ask("createNetwork", **words)["network"]["id"])

    def vm(self, name: str, *networks: str, **more: Any) -> Any:
        template = self.things.template(f"t-{name}").uuid
        [offering] = self.ask("listServiceOfferings", name="Tiny Instance")["serviceoffering"]
        words = {
            "zoneid": self.zone,
            "templateid": template,
            "serviceofferingid": offering["id"],
            "startvm": "false",
        }
        if networks:
            words["networkids"] = ",".join(networks)
        return self.ask("deployVirtualMachine", name=name, **words, **more)["virtualmachine"]

    def routed(self) -> Any:
        """The router's state, as if all VMs ran on this machine."""
        for vm in Machine.there(self.store):
            vm.update(self.store, state=MachineState.RUNNING)
            for nic in vm.nics(self.store):
                nic.update(self.store, mode=Nic.ROUTER)
        return state_of(self.store, "ssh-ed25519 LAB")

    def forwards(self) -> dict[int, str]:
        """By public port, where it leads."""
        return {
            each["port"]: f"{each['to']}:{each['at']}"
            for public in self.routed()["publics"]
            for each in public["forwards"]
        }


@contextmanager
def refused(code: int, words: str) -> Iterator[None]:
    """What is in this context is refused with this number, and in words that have these."""
    with pytest.raises(ApiError, match=words) as caught:
        yield
    assert caught.value.errorcode == code
