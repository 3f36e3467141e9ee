"""Jobs on a management server."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import uuid4

import pytest

from cmk.session.progress import SpokenBar
from tests.conftest import Cmk
from tests.management_server import ManagementServer, Raw

VM = {"virtualmachine": {"id": "1", "name": "web1", "state": "Running"}}
RUNNING: dict[str, Any] = {"jobstatus": 0}
DONE: dict[str, Any] = {"jobstatus": 1, "jobresult": VM}
FAILED: dict[str, Any] = {
    "jobstatus": 2,
    "jobresultcode": 530,
    "jobresult": {"errorcode": 530, "errortext": "no host is left"},
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    from cmk.cloud.client import Cloud

    monkeypatch.setattr(Cloud, "pauses", (0.01, 0.01))


def start(server: ManagementServer, *steps: dict[str, Any]) -> tuple[str, ...]:
    """The line that starts such a job."""
    server.apis["startVirtualMachine"] = lambda _: server.job(*steps)
    return ("start", "virtualmachine", f"id={uuid4()}")


def test_stdout_holds_the_content_of_the_result_only(cloud: Cmk, server: ManagementServer) -> None:
    result = cloud.ok(*start(server, RUNNING, RUNNING, DONE))
    assert result.json == VM
    assert server.commands() == ["startVirtualMachine", *["queryAsyncJobResult"] * 3]


def test_with_n_it_is_the_jobid_and_wait_goes_on_from_there(
    cloud: Cmk, server: ManagementServer
) -> None:
    job = cloud.ok(*start(server, RUNNING, DONE), "-n").json["jobid"]
    assert server.commands() == ["startVirtualMachine"]
    assert cloud.ok("wait", job).json == VM
    assert cloud("wait").status == 2


def test_a_failed_job_is_status_4_with_the_servers_text(
    cloud: Cmk, server: ManagementServer
) -> None:
    result = cloud(*start(server, RUNNING, FAILED))
    assert (result.status, result.out) == (4, "")
    assert "(error code 530) no host is left" in result.err


@pytest.mark.parametrize("odd", ["text", None, 7, ["a"]])
def test_an_odd_result_of_a_failed_job_is_still_an_error(
    cloud: Cmk, server: ManagementServer, odd: Any
) -> None:
    result = cloud(*start(server, {"jobstatus": 2, "jobresult": odd}))
    assert result.status == 4


def test_a_job_that_never_ends_is_124_and_names_the_way_to_look(
    cloud: Cmk, server: ManagementServer
) -> None:
    result = cloud(*start(server, RUNNING), "-t", "1")
    assert result.status == 124
    assert "is still running after 1 s; it goes on" in result.err
    assert "Wait for it again: cmk wait " in result.err


def test_a_job_that_vanishes_is_the_servers_error(cloud: Cmk, server: ManagementServer) -> None:
    words = start(server, RUNNING)
    server.apis["startVirtualMachine"] = lambda _: {"jobid": str(uuid4())}
    result = cloud(*words)
    assert result.status == 7
    assert "Unable to find a job" in result.err


@pytest.mark.parametrize("status", [None, 7, -1, True, 1.5, "", [], 10**300])
def test_an_answer_without_a_status_is_told(
    cloud: Cmk, server: ManagementServer, status: Any
) -> None:
    result = cloud(*start(server, {"jobstatus": status}))
    assert result.status == 1
    assert "has no jobstatus" in result.err


def test_a_hiccup_while_waiting_is_no_end(cloud: Cmk, server: ManagementServer) -> None:
    words = start(server, RUNNING, DONE)
    job = cloud.ok(*words, "-n").json["jobid"]
    server.next = [Raw(503), Raw(reset=True)]
    assert cloud.ok("wait", job).json == VM


def test_asyncblock_false_does_not_wait(
    cloud: Cmk, server: ManagementServer, tmp_path: Any
) -> None:
    (tmp_path / ".cmk").mkdir()
    (tmp_path / ".cmk" / "config").write_text("asyncblock = false\n")
    words = start(server, DONE)
    assert "jobid" in cloud.ok(*words).json
    assert cloud.ok(*words, "-b").json == VM


def test_several_jobs_of_a_batch_run_at_once_and_answer_in_order(
    cloud: Cmk, server: ManagementServer, tmp_path: Any
) -> None:
    running = 0
    most = 0
    count = 0

    def begin(_: dict[str, str]) -> dict[str, Any]:
        nonlocal running, most, count
        running, count = running + 1, count + 1
        most = max(most, running)
        return server.job(*[RUNNING] * (9 - count), {"jobstatus": 1, "jobresult": {"n": count}})

    def ended(params: dict[str, str]) -> dict[str, Any]:
        nonlocal running
        steps = server.jobs[params["jobid"]]
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        running -= step["jobstatus"]
        return {**step}

    server.apis["startVirtualMachine"] = begin
    server.apis["queryAsyncJobResult"] = ended
    script = tmp_path / "lines.cmk"
    script.write_text(f"start virtualmachine id={uuid4()}\n" * 6 + "list zones filter=name\n")
    result = cloud.ok("-f", str(script), "--parallel", "3", "-o", "jsonl")
    assert most == 3
    rows = [json.loads(line) for line in result.out.splitlines()]
    assert rows == [*({"n": n} for n in range(1, 7)), {"name": "one"}]


def test_after_a_failure_of_a_parallel_batch_nothing_more_is_sent(
    cloud: Cmk, server: ManagementServer, tmp_path: Any
) -> None:
    start(server, FAILED)
    script = tmp_path / "lines.cmk"
    script.write_text(f"start virtualmachine id={uuid4()}\n" * 6)
    result = cloud("-f", str(script), "--parallel", "2")
    assert result.status == 4
    assert "line 1: (error code 530)" in result.err
    assert server.commands().count("startVirtualMachine") < 6
    all_of_them = cloud("-f", str(script), "--parallel", "2", "--keep-going")
    assert all_of_them.err.count("no host is left") == 6
    assert cloud("list", "zones", "--parallel", "2").status == 2


def test_a_log_gets_a_line_every_so_often_unless_it_is_to_be_quiet(
    cloud: Cmk, server: ManagementServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SpokenBar, "EVERY", 0.2)
    line = start(server, RUNNING)
    told = cloud(*line, "-t", "1").err
    lines = [
        each for each in told.splitlines() if re.match(r"Job [0-9a-f-]{36}: Waiting  0:0", each)
    ]
    assert 1 <= len(lines) <= 5
    assert "Waiting" not in cloud(*start(server, RUNNING), "-t", "1", "--quiet").err
