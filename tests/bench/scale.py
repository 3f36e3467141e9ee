"""A lab with 10,000 templates, 10,000 VMs and 100 hosts: `python -m tests.bench.scale`.

Whole processes take turns with those of a small lab; the medians are divided.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from cmk.lab.hosts.placement import demand, plan
from cmk.lab.lab import Lab
from cmk.lab.model.offering import ServiceOffering
from cmk.lab.model.template import Template
from cmk.lab.store import now

BIN = Path(sys.executable).parent / "cmk"


def fill(lab: Lab, vms: int, templates: int, hosts: int) -> str:
    """Rows as a lab of that size has them; the id of one VM. Nothing of it runs."""
    store, created = lab.store, now()
    zone, pod, cluster = 1, 1, 1
    with store.change():
        for n in range(hosts - 1):
            host = store.insert(
                "host", uuid=str(uuid4()), name=f"h{n}", data_center_id=zone, pod_id=pod,
                cluster_id=cluster, url=f"qemu+ssh://h{n}/system", cpus=64, speed=2000,
                ram=1 << 40, created=created,
            )  # fmt: skip
            store.insert(
                "storage_pool", uuid=str(uuid4()), name=f"p{n}", data_center_id=zone,
                host_id=host, path=f"/p{n}", capacity=1 << 44, used=0, created=created,
            )  # fmt: skip
        for n in range(templates):
            template = store.insert(
                "vm_template", uuid=str(uuid4()), name=f"t{n}", display_text=f"t{n}",
                format="QCOW2", hypervisor_type="KVM", url=f"http://h/{n}.qcow2",
                direct_download=1, size=1 << 30, account_id=2, created=created,
            )  # fmt: skip
            store.insert("template_zone_ref", template_id=template, zone_id=zone, created=created)
            store.insert(
                "template_store_ref", template_id=template, state="Ready",
                download_state="BYPASSED", created=created,
            )  # fmt: skip
        uuid = ""
        for n in range(vms):
            uuid = str(uuid4())
            vm = store.insert(
                "vm_instance", uuid=uuid, name=f"vm{n}", display_name=f"vm{n}", state="Stopped",
                account_id=2, data_center_id=zone, vm_template_id=1 + n % templates,
                service_offering_id=1, last_host_id=1 + n % hosts, created=created,
                update_time=created,
            )  # fmt: skip
            store.insert(
                "volumes", uuid=str(uuid4()), name=f"ROOT-{vm}", instance_id=vm,
                pool_id=1 + n % hosts, template_id=1 + n % templates, path=f"d{vm}",
                size=1 << 30, state="Ready", created=created,
            )  # fmt: skip
    return uuid


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        words: dict[str, list[str]] = {}
        labs: dict[str, Lab] = {}
        for name, size in (("small", (1, 1, 1)), ("large", (10_000, 10_000, 100))):
            place = Path(directory) / name
            labs[name] = Lab(place, os.environ)
            vm = fill(labs[name], *size)
            words[name] = [str(BIN), "-u", f"lab:{place}", "list", "virtualmachines", f"id={vm}"]
        times: dict[str, list[float]] = {"small": [], "large": []}
        for _ in range(15):
            for name, line in words.items():
                began = time.monotonic()
                subprocess.run(line, check=True, capture_output=True, env=dict(os.environ))
                times[name].append(time.monotonic() - began)
        small, large = (statistics.median(times[name]) for name in ("small", "large"))
        print(
            f"list virtualmachines id=: {large * 1000:.0f} ms, a small lab {small * 1000:.0f} ms, ",
            end="",
        )
        print(f"ratio {large / small:.2f}")
        lab = labs["large"]
        offering, template = ServiceOffering.of(lab.store, 1), Template.of(lab.store, 1)
        began = time.monotonic()
        found = plan(lab.store, demand(offering, template, 1, None), {})
        print(
            f"placing among {len(found.places)} hosts: {(time.monotonic() - began) * 1000:.0f} ms"
        )
        for each in labs.values():
            each.close()


if __name__ == "__main__":
    main()
