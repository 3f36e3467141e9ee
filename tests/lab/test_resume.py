"""kill -9 of the agent and of the web server: the next deployment fetches only what is missing."""

from __future__ import annotations

import bz2
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import LabCmk
from tests.nginx import Nginx
from tests.waiting import until

pytestmark = pytest.mark.libvirt


@pytest.fixture
def image(nano: bytes) -> bytes:
    """A bootable image that takes its time."""
    return nano + random.Random(4).randbytes(6 << 20)


@pytest.fixture
def server(tmp_path: Path, image: bytes) -> Iterator[Nginx]:
    root = tmp_path / "www"
    root.mkdir()
    (root / "nano.qcow2").write_bytes(image)
    (root / "nano.qcow2.bz2").write_bytes(bz2.compress(image, 1))
    with Nginx(root, tmp_path / "nginx", rate="3m") as server:
        yield server


def agents(lab: LabCmk) -> list[int]:
    """The agents that are children of this lab's workers."""
    mine = str(lab.directory).encode()
    found = []
    for entry in Path("/proc").glob("[1-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            above = Path(f"/proc/{parent}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            continue
        if len(words) > 2 and b"cmk.agent.protocol" in words[2] and mine in above:
            found.append(int(entry.name))
    return found


def wait_for_part(lab: LabCmk, least: int) -> None:
    """Until a part in the pool has so many bytes."""
    pool = lab.directory / "pool"
    until(
        lambda: any(part.stat().st_size >= least for part in pool.glob(".*.part")),
        f"a part of {least} bytes",
        pause=0.01,
    )


def ranges(server: Nginx, path: str) -> list[str]:
    """The ranges that were asked for in answers that gave bytes."""
    return [
        line.split()[3]
        for line in server.log
        if line.startswith(f"GET {path} 206 bytes=") and not line.endswith("bytes=0-8388608")
    ]


@pytest.mark.parametrize("name", ["nano.qcow2", "nano.qcow2.bz2"])
def test_after_the_agent_was_killed_the_next_deployment_goes_on(
    lab: LabCmk, server: Nginx, name: str
) -> None:
    template = lab.register(f"{server.urls[0]}/{name}")
    client = lab.start(*lab.deployment(template, "web1"))
    wait_for_part(lab, 3 << 20)
    for pid in agents(lab):
        os.kill(pid, signal.SIGKILL)
    _, err = client.communicate(timeout=60)
    assert client.returncode == 4
    assert "the agent was killed by signal 9" in err
    lab.deploy(template, "web2")
    lab.wait_for_console("web2", "READY")
    [asked] = [r for r in ranges(server, f"/{name}") if not r.startswith("bytes=0-")]
    assert int(asked.removeprefix("bytes=").rstrip("-")) >= 2 << 20


def test_after_the_web_server_was_killed_the_same_deployment_goes_on(
    lab: LabCmk, server: Nginx
) -> None:
    template = lab.register(f"{server.urls[0]}/nano.qcow2")
    client = lab.start(*lab.deployment(template, "web1"))
    wait_for_part(lab, 2 << 20)
    server.kill()
    time.sleep(0.3)
    server.start()
    _, err = client.communicate(timeout=60)
    assert client.returncode == 0, err
    lab.wait_for_console("web1", "READY")
    assert [r for r in ranges(server, "/nano.qcow2") if not r.startswith("bytes=0-")]


def test_a_file_that_changed_meanwhile_is_fetched_from_its_beginning(
    lab: LabCmk, server: Nginx, image: bytes, tmp_path: Path
) -> None:
    template = lab.register(f"{server.urls[0]}/nano.qcow2")
    client = lab.start(*lab.deployment(template, "web1"))
    wait_for_part(lab, 2 << 20)
    server.kill()
    _, err = client.communicate(timeout=60)
    assert client.returncode == 4, err
    changed = image[:-1000] + bytes(1000)
    (tmp_path / "www" / "nano.qcow2").write_bytes(changed)
    server.start()
    lab.deploy(template, "web2")
    [copy] = lab.ok("list", "templatespoolrefs", "filter=path", "-o", "value").out.splitlines()
    assert Path(copy).read_bytes() == changed
