"""Files of lines: what a value may do, what a failure leaves, what is sent after one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cmk
from tests.management_server import ManagementServer

A, B = "11111111-2222-4333-8444-00000000000a", "11111111-2222-4333-8444-00000000000b"


@pytest.fixture
def vms(server: ManagementServer) -> ManagementServer:
    """VM a is there; destroying and starting are jobs."""

    def listed(params: dict[str, str]) -> dict[str, Any]:
        return {"count": 1, "virtualmachine": [{"id": A}]} if params.get("name") == "a" else {}

    server.apis["listVirtualMachines"] = listed
    done = {"jobstatus": 1, "jobresult": {"virtualmachine": {"id": A}}}
    failed = {"jobstatus": 2, "jobresult": {"errorcode": 530, "errortext": "no"}}
    server.apis["destroyVirtualMachine"] = lambda params: server.job(done)
    server.apis["startVirtualMachine"] = lambda params: server.job(failed)
    return server


def destroyed(server: ManagementServer) -> list[str]:
    return [c.params["id"] for c in server.log if c.params["command"] == "destroyVirtualMachine"]


@pytest.mark.parametrize("name", ["@{secret}", "@-", "name:a"])
def test_a_value_is_text_whatever_it_begins_with(
    cloud: Cmk, server: ManagementServer, tmp_path: Path, name: str
) -> None:
    (tmp_path / "secret").write_text("TOPSECRET")
    value = name.format(secret=tmp_path / "secret")
    server.rows["zone"] = [{"id": "1", "name": value}]
    cloud.ok(stdin="Z = list zones filter=name\nlist zones name=$Z\n")
    assert server.log[-1].params["name"] == value
    for word in (f"name={value}", "name=$V"):  # a whole word may be a value, too
        cloud.ok("-f", "-", "--set", f"V={value}", "--set", f"W={word}", stdin="list zones $W\n")
        assert "TOPSECRET" not in json.dumps([call.params for call in server.log])


def test_what_a_line_itself_says_still_counts(
    cloud: Cmk, server: ManagementServer, tmp_path: Path
) -> None:
    (tmp_path / "name").write_text("north")
    cloud.ok("-f", "-", "--set", f"D={tmp_path}", stdin="list zones name=@$D/name\n")
    assert server.log[-1].params["name"] == "north"


@pytest.mark.parametrize("more", [(), ("--set", f"V={B}")])
def test_a_line_that_fails_names_nothing_also_not_what_it_was(
    cloud: Cmk, vms: ManagementServer, more: tuple[str, ...]
) -> None:
    cloud.variables["V"] = B
    lines = (
        "V = list virtualmachines name=a filter=id\ndestroy virtualmachine id=$V\n"
        "V = list virtualmachines name=b filter=id\ndestroy virtualmachine id=$V\n"
    )
    result = cloud("-f", "-", "--keep-going", *more, stdin=lines)
    assert destroyed(vms) == [A]
    assert "line 4: $V stands for nothing" in result.err


@pytest.mark.parametrize(
    "line", [f"V = destroy virtualmachine id={B} filter=id", f"api destroyVirtualMachine id={B}"]
)
def test_after_a_failure_nothing_is_sent_also_where_jobs_were_under_way(
    cloud: Cmk, vms: ManagementServer, line: str
) -> None:
    result = cloud("-f", "-", "--parallel", "2", stdin=f"start virtualmachine id={A}\n{line}\n")
    assert result.status == 4
    assert destroyed(vms) == []


@pytest.mark.parametrize("line", ["list zones id=$CMK_SECRET_KEY", "list zones $CMK_SECRET_KEY"])
def test_an_error_does_not_tell_what_the_environment_holds(cloud: Cmk, line: str) -> None:
    cloud.variables["CMK_SECRET_KEY"] = "hunter2hunter2"
    result = cloud(stdin=line)
    assert result.status == 2
    assert "hunter2" not in result.err
    assert "$CMK_SECRET_KEY" in result.err


def test_the_answer_of_api_may_have_a_name_and_a_built_ins_may_not(
    cloud: Cmk, server: ManagementServer
) -> None:
    server.rows["zone"] = [{"id": "1", "name": "north"}]
    cloud.ok(stdin="Z = api listZones filter=name\nlist zones name=$Z\n")
    assert server.log[-1].params["name"] == "north"
    assert "cannot have a name" in cloud(stdin="Z = version\n").err
