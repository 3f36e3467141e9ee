"""Jobs: they outlive their clients, and what a killed worker left is finished."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from cmk.lab.directory import is_held
from tests.conftest import LabCmk
from tests.waiting import until
from tests.web import Web

pytestmark = pytest.mark.libvirt


def workers(lab: LabCmk) -> list[int]:
    """The processes that work for this lab."""
    mine = str(lab.directory).encode()
    found = []
    for entry in Path("/proc").glob("[1-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if len(words) > 3 and b"cmk.lab.worker" in words[2] and words[3] == mine:
            found.append(int(entry.name))
    return found


def wait_for_phase(lab: LabCmk, phase: str) -> None:
    """Until the one pending job says that it is in this phase."""
    with lab.database() as db:

        def is_there() -> bool:
            row = db.execute("SELECT progress FROM async_job WHERE job_status = 0").fetchone()
            return bool(row and row[0]) and json.loads(row[0])["phase"] == phase

        until(is_there, f"the phase '{phase}' of the job", pause=0.0005)


def ended(lab: LabCmk, job: str) -> dict[str, Any]:
    """What a job has become, once it has ended."""

    def look() -> dict[str, Any] | None:
        told: dict[str, Any] = lab.ok("query", "asyncjobresult", f"jobid={job}").json
        return told if told["jobstatus"] else None

    found = until(look, "an end of the job", pause=0.05)
    assert found is not None
    return found


def kill_workers(lab: LabCmk) -> None:
    """End them, and wait until the kernel has freed their locks."""
    for pid in workers(lab):
        os.kill(pid, signal.SIGKILL)
    while any(is_held(lock) for lock in (lab.directory / "jobs").iterdir()):
        time.sleep(0.002)


@pytest.mark.parametrize(
    "phase",
    [
        "Looking for the template on the pool",
        "Downloading",
        "Checking",
        "Making the root disk",
        "Starting",
    ],
)
def test_a_worker_killed_in_any_phase_leaves_a_job_that_is_taken_up_again(
    lab: LabCmk, web: Web, nano: bytes, phase: str
) -> None:
    # Big enough, and dripped, so that no phase is over before it is seen.
    body = nano + bytes(1 << 20)
    template = lab.register(web.serve("/nano.qcow2", body, drip=0.02))
    client = lab.start(*lab.deployment(template, "web1"))
    wait_for_phase(lab, phase)
    kill_workers(lab)
    out, err = client.communicate(timeout=60)
    assert client.returncode == 0, err
    assert json.loads(out)["virtualmachine"]["state"] == "Running"
    assert any("died; it is taken up again" in text for text in lab.events())
    lab.wait_for_console("web1", "READY")
    assert leftovers(lab) == []


def leftovers(lab: LabCmk) -> list[str]:
    """Files of the pool that no row knows, but for a download that the next one goes on with."""
    with lab.database() as db:
        known = {row[0] for row in db.execute("SELECT install_path FROM template_spool_ref")}
        known |= {row[0] for row in db.execute("SELECT path FROM volumes WHERE removed IS NULL")}
    known |= {f".{name}.{end}" for name in known for end in ("part", "state")}
    return [p.name for p in (lab.directory / "pool").iterdir() if p.name not in known]


def test_a_job_whose_worker_died_is_finished_by_whoever_looks_next(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano, drip=0.05))
    job = lab.ok(*lab.deployment(template, "web1"), "-n").json["jobid"]
    wait_for_phase(lab, "Downloading")
    kill_workers(lab)
    web.pages["/nano.qcow2"].drip = 0
    told = ended(lab, job)
    assert told["jobstatus"] == 1
    assert told["jobresult"]["virtualmachine"]["state"] == "Running"


def test_a_job_that_kills_its_workers_is_given_up_and_cleaned_up_after(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano + bytes(4 << 20), drip=0.1))
    lab.ok(*lab.deployment(template, "web1"), "-n")
    for _ in range(3):
        wait_for_phase(lab, "Downloading")
        kill_workers(lab)
        with lab.database() as db:
            db.execute("UPDATE async_job SET progress = NULL")
        lab.ok("list", "asyncjobs")
    [job] = lab.ok("list", "asyncjobs").json["asyncjobs"]
    job = ended(lab, job["jobid"])
    assert job["jobstatus"] == 2
    assert "died 3 times" in job["jobresult"]["errortext"]
    assert lab.vm("web1")["state"] == "Error"
    assert leftovers(lab) == []


def test_two_clients_at_once_download_once(lab: LabCmk, web: Web, nano: bytes) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano + bytes(1 << 20), drip=0.02))
    clients = [lab.start(*lab.deployment(template, name)) for name in ("web1", "web2", "web3")]
    for client in clients:
        _, err = client.communicate(timeout=60)
        assert client.returncode == 0, err
    assert web.downloads("/nano.qcow2") == 1
    for name in ("web1", "web2", "web3"):
        lab.wait_for_console(name, "READY")


def test_two_processes_at_first_use_make_one_lab(lab: LabCmk) -> None:
    clients = [lab.start("list", "zones", "filter=id", "-o", "value") for _ in range(4)]
    results = [client.communicate(timeout=30) for client in clients]
    assert [client.returncode for client in clients] == [0] * 4, results
    assert len({out for out, _ in results}) == 1


def test_a_client_that_is_interrupted_leaves_the_job_running_and_says_how_to_look(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano, drip=0.05))
    client = lab.start(*lab.deployment(template, "web1"))
    wait_for_phase(lab, "Downloading")
    client.send_signal(signal.SIGINT)
    out, err = client.communicate(timeout=60)
    assert client.returncode == 130
    assert out == ""
    assert "goes on" in err
    job = err.rpartition("cmk wait ")[2].strip()
    ended(lab, job)
    assert lab.vm("web1")["state"] == "Running"


def test_a_wait_that_is_too_short_ends_with_124_and_the_job_goes_on(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano + bytes(1 << 20), drip=0.1))
    result = lab(*lab.deployment(template, "web1"), "-t", "1")
    assert result.status == 124
    assert "it goes on" in result.err
    wait_for_phase(lab, "Downloading")
    [job] = lab.ok("list", "asyncjobs").json["asyncjobs"]
    assert job["jobstatus"] == 0
    assert 0 < job["progress"]["bytes"] <= job["progress"]["total"]


def test_without_blocking_only_the_ids_of_the_vm_and_the_job_are_printed(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    reply: dict[str, Any] = lab.ok(*lab.deployment(template, "web1"), "-n").json
    assert list(reply) == ["id", "jobid"]


def test_asyncblock_false_in_the_profile_does_the_same_and_b_overrides_it(
    lab: LabCmk, web: Web, nano: bytes, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("asyncblock = false\n")
    lab.variables["CMK_CONFIG"] = str(tmp_path / "config")
    template = lab.register(web.serve("/nano.qcow2", nano))
    assert list(lab.ok(*lab.deployment(template, "web1")).json) == ["id", "jobid"]
    assert "virtualmachine" in lab.ok(*lab.deployment(template, "web2"), "-b").json


def test_a_finished_worker_leaves(lab: LabCmk, web: Web, nano: bytes) -> None:
    lab.deploy(lab.register(web.serve("/nano.qcow2", nano)), "web1")
    until(lambda: not workers(lab), "an end of the worker")


def test_a_qemu_that_libvirt_does_not_know_of_stops_a_second_start(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    vm = lab.deploy(template, "web1")
    lab.ok("stop", "virtualmachine", f"id={vm['id']}", "forced=true")
    stray = subprocess.Popen(
        ["qemu-system-x86_64", "-uuid", vm["id"], "-display", "none", "-S", "-M", "none"]
    )
    try:
        time.sleep(0.2)
        result = lab("start", "virtualmachine", f"id={vm['id']}")
        assert result.status == 4
        assert f"pid {stray.pid}" in result.err
        assert lab.vm("web1")["state"] == "Stopped"
    finally:
        stray.kill()
        stray.wait()
    lab.ok("start", "virtualmachine", f"id={vm['id']}")


def test_a_vm_with_a_job_under_way_takes_no_other_job(lab: LabCmk, web: Web, nano: bytes) -> None:
    vm = lab.deploy(lab.register(web.serve("/nano.qcow2", nano)), "web1")
    id = f"id={vm['id']}"
    reboot = lab.start("reboot", "virtualmachine", id, "forced=true")
    refused = 0
    while reboot.poll() is None:
        result = lab("destroy", "virtualmachine", id, "-n")
        if result.status == 0:
            break
        refused += "is Stopping" in result.err or "is busy with" in result.err
    reboot.communicate()
    lab.ok("list", "asyncjobs")
    until(
        lambda: all(job["jobstatus"] for job in lab.ok("list", "asyncjobs").json["asyncjobs"]),
        "an end of all jobs",
    )
    from cmk.agent.keeping import guests

    assert (lab.vm("web1")["state"] == "Running") == (vm["id"] in guests())


def test_many_deployments_at_once_all_run_from_one_download(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    lab.ok("list", "hosts")
    clients = [lab.start(*lab.deployment(template, f"web{n}")) for n in range(8)]
    for client in clients:
        _, err = client.communicate(timeout=100)
        assert client.returncode == 0, err
    assert web.downloads("/nano.qcow2") == 1


def test_a_forced_deletion_leaves_a_deployment_under_way_its_copy(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano + bytes(1 << 20), drip=0.05))
    client = lab.start(*lab.deployment(template, "web1"))
    wait_for_phase(lab, "Downloading")
    lab.ok("delete", "template", f"id={template}", "forced=true")
    _, err = client.communicate(timeout=60)
    assert client.returncode == 0, err
    lab.wait_for_console("web1", "READY")
    lab.ok("destroy", "virtualmachine", f"id={lab.vm('web1')['id']}", "expunge=true")
    assert list((lab.directory / "pool").iterdir()) == []
