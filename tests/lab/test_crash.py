"""kill -9 of client, worker, agent, libvirtd and QEMU at random moments.

Ten rounds in the normal tests; `scripts/test --crash` does two hundred.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LabCmk
from tests.lab.test_jobs import workers
from tests.lab.test_resume import agents
from tests.standalone import Standalone
from tests.waiting import until
from tests.web import Web

pytestmark = [pytest.mark.libvirt, pytest.mark.timeout(1800)]

ROUNDS = int(os.environ.get("CMK_CRASH_ROUNDS", "10"))


def guests(directory: Path) -> dict[str, list[int]]:
    """The processes of QEMU by the disk that they have open for writing."""
    found: dict[str, list[int]] = {}
    for entry in Path("/proc").glob("[1-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if not words[0].endswith(b"qemu-system-x86_64"):
            continue
        for word in words:
            if (
                str(directory).encode() in word
                and b'"filename"' in word
                and b"/console" not in word
            ):
                found.setdefault(word.decode(errors="replace"), []).append(int(entry.name))
    return found


def kill_something(
    lab: LabCmk,
    chance: random.Random,
    clients: list[subprocess.Popen[str]],
    daemons_: list[Standalone],
) -> str:
    victim = chance.choice(["client", "worker", "agent", "libvirtd", "qemu", "nothing"])
    pids: list[int] = []
    if victim == "client":
        pids = [client.pid for client in clients[:1]]
    elif victim == "worker":
        pids = workers(lab)
    elif victim == "agent":
        pids = agents(lab)
    elif victim == "libvirtd":
        daemon = chance.choice(daemons_)
        daemon.kill()
        daemon.start()
    elif victim == "qemu":
        pids = [pid for pids in guests(lab.directory).values() for pid in pids][:1]
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return victim


def wait_until_quiet(lab: LabCmk) -> None:
    def is_quiet() -> bool:
        lab("list", "asyncjobs", "pagesize=1", "page=1")
        with lab.database() as db:
            pending = db.execute("SELECT count(*) FROM async_job WHERE job_status = 0")
            return bool(pending.fetchone() == (0,))

    until(is_quiet, "an end of all jobs", pause=0.05)


def test_after_any_death_the_lab_is_whole(
    lab: LabCmk, hosts: list[dict[str, Any]], daemons: list[Standalone], web: Web, nano: bytes
) -> None:
    seed = int(os.environ.get("CMK_CRASH_SEED", time.time_ns() % 1_000_000))
    chance = random.Random(seed)
    words = ("name=tiny", "displaytext=tiny", "memory=32")
    tiny = lab.ok("create", "serviceoffering", *words).json["serviceoffering"]["id"]
    body = nano + bytes(1 << 20)
    template = lab.register(web.serve("/nano.qcow2", body, drip=0.01))
    for number in range(ROUNDS):
        name = f"vm{number}"
        line = (
            "deploy", "virtualmachine", f"zoneid={lab.zone}", f"templateid={template}",
            f"serviceofferingid={tiny}", f"name={name}",
        )  # fmt: skip
        clients = [lab.start(*line)]
        time.sleep(chance.uniform(0.1, 1.5))
        victim = kill_something(lab, chance, clients, daemons)
        clients[0].communicate(timeout=120)
        wait_until_quiet(lab)
        told = f"round {number} (seed {seed}), {victim} was killed"
        assert all(len(pids) == 1 for pids in guests(lab.directory).values()), told
        for host in hosts:
            lab("reconnect", "host", f"id={host['id']}")
        state = lab("list", "virtualmachines", f"name={name}", "filter=state", "-o", "value").value
        assert state in ("Running", "Stopped", "Error", ""), told
        left = lab("lab", "check", "--repair").json.get("finding", [])
        assert all(row["mended"] == "yes" for row in left), f"{told}: {left}"
        assert lab("lab", "check").json["count"] == 0, told
        if state == "Running":
            assert "READY" in lab.wait_for_console(name, "READY"), told
        for vm in lab.ok("list", "virtualmachines").json.get("virtualmachine", []):
            result = lab("destroy", "virtualmachine", f"id={vm['id']}", "expunge=true")
            assert result.status == 0, f"{told}: {result.err}"
        with lab.database() as db:
            assert db.execute("SELECT count(*) FROM residue").fetchone() == (0,), told
