"""Two hundred deployments at once over three hosts: `python -m tests.bench.deployments`."""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from tests.conftest import LabCmk
from tests.guest import qcow2
from tests.standalone import Standalone
from tests.web import Web


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=200)
    options.add_argument("--workers", type=int, default=6)
    given = options.parse_args()
    base = Path(tempfile.mkdtemp(prefix="cmkd-", dir="/tmp"))
    lab, web = LabCmk(base / "lab", base), Web()
    daemons = [Standalone(base / f"h{number}") for number in (1, 2)]
    try:
        pod = lab.id("list", "pods")
        for daemon in daemons:
            words = (
                f"zoneid={lab.zone}",
                f"podid={pod}",
                "hypervisor=KVM",
                f"url={daemon.start()}",
            )
            lab.ok("add", "host", *words)
        run(lab, web, given.count, given.workers, qcow2(base / "nano.qcow2"))
    finally:
        lab("lab", "destroy")
        for daemon in daemons:
            daemon.stop()
        web.close()
        shutil.rmtree(base, ignore_errors=True)


def run(lab: LabCmk, web: Web, count: int, workers: int, image: bytes) -> None:
    lab.ok("update", "configuration", "name=job.workers", f"value={workers}")
    lab.ok("update", "configuration", "name=cpu.overprovisioning.factor", "value=1000")
    words = ("name=nano", "displaytext=nano", "memory=32", "cpuspeed=1")
    offering = lab.ok("create", "serviceoffering", *words).json["serviceoffering"]["id"]
    template = lab.register(web.serve("/nano.qcow2", image))
    hosts = lab.ok("list", "hosts", "filter=id", "-o", "value").out.split()
    zone = lab.zone

    def line(name: str, host: str) -> list[str]:
        return [
            "deploy", "virtualmachine", f"zoneid={zone}", f"templateid={template}",
            f"serviceofferingid={offering}", f"name={name}", f"hostid={host}",
        ]  # fmt: skip

    script = lab.directory.parent / "lines.cmk"
    lines = (" ".join(line(f"vm{n}", hosts[n % len(hosts)])) for n in range(count))
    script.write_text("\n".join(lines))
    began = time.monotonic()
    result = lab("-f", str(script), "--parallel", str(count), "--keep-going", "-o", "jsonl")
    wall = time.monotonic() - began
    done = [json.loads(text) for text in result.out.splitlines()]
    running = sum(vm["state"] == "Running" for vm in done)
    print(f"{count} deployments on {len(hosts)} hosts, {workers} workers: {wall:.1f} s, ", end="")
    print(f"{running} Running, {result.err.count('error code')} errors, ", end="")
    print(f"{web.downloads('/nano.qcow2')} downloads")
    latencies = []
    for number in range(10):
        began = time.monotonic()
        lab.ok(*line(f"more{number}", hosts[0]))
        latencies.append(time.monotonic() - began)
    print(f"one more, command to Running: median {statistics.median(latencies) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
