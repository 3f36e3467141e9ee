"""Labs of many hosts for tests that need real ones, and things in a store for those that do not."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cmk.lab.call import Call
from cmk.lab.jobs import Job, Task, submit
from cmk.lab.lab import Lab
from cmk.lab.model.host import Host
from cmk.lab.model.job import AsyncJob
from cmk.lab.model.machine import Machine, MachineState, Volume
from cmk.lab.model.pool import Pool
from cmk.lab.model.record import Record
from cmk.lab.model.template import Template
from cmk.lab.store import now
from tests.conftest import LabCmk
from tests.standalone import Standalone


@pytest.fixture
def daemons(what_libvirt_knows: Path) -> Iterator[list[Standalone]]:
    """Two libvirt hosts of their own on this machine."""
    base = Path(tempfile.mkdtemp(prefix="cmkh-", dir="/tmp"))
    daemons = [Standalone(base / f"h{number}") for number in (1, 2)]
    for daemon in daemons:
        if what_libvirt_knows.exists():
            shutil.copytree(what_libvirt_knows, daemon.base / "cache")
            (daemon.base / "cache").chmod(0o700)
        daemon.start()
    yield daemons
    for daemon in daemons:
        daemon.stop()
    if not what_libvirt_knows.exists() and (daemons[0].base / "cache").exists():
        shutil.copytree(daemons[0].base / "cache", what_libvirt_knows)
    shutil.rmtree(base)


def add(lab: LabCmk, uri: str, *more: str) -> dict[str, Any]:
    pod = lab.id("list", "pods")
    words = (f"zoneid={lab.zone}", f"podid={pod}", "hypervisor=KVM", f"url={uri}", *more)
    found: dict[str, Any] = lab.ok("add", "host", *words).json["host"]
    return found


@pytest.fixture
def hosts(lab: LabCmk, daemons: list[Standalone]) -> list[dict[str, Any]]:
    """Both in the lab, and the lab's own host taking nothing."""
    found = [add(lab, daemon.uri) for daemon in daemons]
    own = lab.id("list", "hosts", "pagesize=1", "page=1")
    lab.ok("update", "host", f"id={own}", "allocationstate=Disable")
    return found


class Things:
    """A new lab's store without a hypervisor: things are put into it, and decided upon."""

    def __init__(self, call: Call, told: list[str]) -> None:
        self.call = call
        self.store = call.store
        #: What whoever asked was told.
        self.told = told
        self.host = Host.there(self.store)[0]
        self.pool = Pool.there(self.store)[0]

    def add_host(self, name: str, **columns: Any) -> tuple[Host, Pool]:
        """Another host with a pool of its own; 1 TiB of memory, 16 TiB of disk."""
        first = self.host
        given = {"cpus": 64, "speed": 2000, "ram": 1 << 40, **columns}
        host = Host.add(
            self.store,
            name=name,
            data_center_id=first.data_center_id,
            pod_id=first.pod_id,
            cluster_id=first.cluster_id,
            url=f"qemu+ssh://{name}/system",
            created=now(),
            **given,
        )
        pool = Pool.add(
            self.store,
            name=f"{name}-local",
            data_center_id=host.data_center_id,
            host_id=host.id,
            path=f"/{name}",
            capacity=1 << 44,
            used=0,
            created=now(),
        )
        return host, pool

    def template(self, name: str = "debian", **columns: Any) -> Template:
        """A registered template of 1 GiB, downloaded directly."""
        given = {
            "format": "QCOW2",
            "url": f"http://h/{name}.qcow2",
            "size": 1 << 30,
            "account_id": self.call.caller.id,
            **columns,
        }
        template = Template.add(
            self.store,
            name=name,
            display_text=name,
            hypervisor_type="KVM",
            direct_download=1,
            created=now(),
            **given,
        )
        template.register_in(self.store, self.host.data_center_id)
        bypassed = {"state": "Ready", "download_state": "BYPASSED", "created": now()}
        self.store.insert("template_store_ref", template_id=template.id, **bypassed)
        return template

    def vm(
        self,
        template: Template,
        name: str = "web1",
        state: MachineState = MachineState.STOPPED,
        size: int | None = None,
        **columns: Any,
    ) -> Machine:
        """A VM with a root disk that is not made yet."""
        given = {"account_id": self.call.caller.id, "service_offering_id": 1, **columns}
        vm = Machine.add(
            self.store,
            name=name,
            display_name=name,
            state=state,
            data_center_id=self.host.data_center_id,
            vm_template_id=template.id,
            created=now(),
            update_time=now(),
            **given,
        )
        Volume.new_root(self.store, vm.id, size, template.id, None)
        return vm

    def copy(self, template: Template, pool: Pool | None = None, **columns: Any) -> int:
        """A finished copy on a pool; its number."""
        given = {
            "install_path": f"file-of-{template.id}",
            "download_state": "DOWNLOADED",
            **columns,
        }
        return self.store.insert(
            "template_spool_ref",
            uuid=f"copy-{template.id}-{(pool or self.pool).id}",
            pool_id=(pool or self.pool).id,
            template_id=template.id,
            local_path=given["install_path"],
            created=now(),
            updated=now(),
            **given,
        )

    def job(self, about: Record, cmd: str = "prepareTemplate", **info: Any) -> Job:
        """A job in the hands of a worker."""
        uuid = submit(self.call, cmd, Task(about, info))["jobid"]
        row = AsyncJob.known(self.store, uuid)
        assert row is not None
        return Job(self.call, row)


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Things]:
    """A new lab's store, as the admin sees it; no worker is hired for what is queued in it."""
    for module in ("engine", "jobs"):
        monkeypatch.setattr(f"cmk.lab.{module}.hire", lambda lab: None)
    told: list[str] = []
    lab = Lab(tmp_path / "store", {})
    yield Things(Call.of_admin(lab, told.append), told)
    lab.close()
