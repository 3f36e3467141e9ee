"""A host on the other side of ssh: a real sshd, an account of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import LabCmk
from tests.lab.conftest import add
from tests.sshd import Sshd
from tests.web import Web

pytestmark = pytest.mark.libvirt


@pytest.fixture
def far(lab: LabCmk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    """An account behind sshd, with its own libvirt session."""
    if os.geteuid() != 0 and os.environ.get("CI") != "true":
        pytest.skip("accounts are made by root only")
    with Sshd(tmp_path) as sshd:
        monkeypatch.setenv("PATH", sshd.path)
        yield sshd
        for row in lab.ok("list", "hosts").json["host"]:
            if row["details"]["uri"].startswith("qemu+ssh"):
                lab("delete", "host", f"id={row['id']}", "forced=true")


def test_the_download_and_the_vm_are_on_the_far_host(
    lab: LabCmk, far: Sshd, web: Web, nano: bytes
) -> None:
    host = add(lab, far.url)
    assert host["state"] == "Up"
    state = far.remote_home / ".local/state/cmk"
    [agent] = state.glob("agent-*.pyz")
    assert agent.owner() == far.ACCOUNT
    template = lab.register(web.serve("/nano.qcow2", nano))
    vm = lab.deploy(template, "web1", f"hostid={host['id']}")
    assert vm["hostname"] == host["name"]
    assert "READY" in lab.wait_for_console("web1", "READY")
    [pool] = state.glob("pool-*")
    images = [path for path in pool.iterdir() if path.stat().st_size >= len(nano)]
    assert images
    assert all(path.owner() == far.ACCOUNT for path in pool.iterdir())
    assert agent.stat().st_mtime == next(state.glob("agent-*.pyz")).stat().st_mtime
    running = subprocess.run(
        ["pgrep", "-u", far.ACCOUNT, "-f", "agent-.*pyz"], capture_output=True, check=False
    )
    assert running.stdout == b""
    lab.ok("destroy", "virtualmachine", f"id={vm['id']}", "expunge=true")
    lab.ok("delete", "template", f"id={template}")
    assert [path.name for path in pool.iterdir()] == []


def test_a_download_from_a_place_that_only_the_far_host_sees(
    lab: LabCmk, nano: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a network namespace of its own: this machine could not have fetched it."""
    www = Path(tempfile.mkdtemp(prefix="cmk-www-", dir="/tmp"))
    (www / "nano.qcow2").write_bytes(nano)
    with Sshd(tmp_path, www) as far:
        monkeypatch.setenv("PATH", far.path)
        own = lab.id("list", "hosts")
        host = add(lab, far.url)
        lab.ok("update", "host", f"id={own}", "allocationstate=Disable")
        template = lab.register("http://127.0.0.1/nano.qcow2")
        vm = lab.deploy(template, "web1")
        assert vm["hostname"] == host["name"]
        lab.wait_for_console("web1", "READY")
        log = (www / "log").read_text()
        assert '"GET /nano.qcow2 HTTP/1.1" 200' in log
        with socket.socket() as here:
            assert here.connect_ex(("127.0.0.1", 80)) != 0
        lab.ok("destroy", "virtualmachine", f"id={vm['id']}", "expunge=true")
        lab.ok("delete", "host", f"id={host['id']}", "forced=true")
    shutil.rmtree(www)


def test_a_key_that_does_not_fit_and_an_unknown_host_are_told(
    lab: LabCmk, far: Sshd, tmp_path: Path
) -> None:
    (far.remote_home / ".ssh/authorized_keys").write_text("")
    pod = lab.id("list", "pods")
    words = (f"zoneid={lab.zone}", f"podid={pod}", "hypervisor=KVM")
    refused = lab("add", "host", *words, f"url={far.url}")
    assert refused.status == 5
    assert "Permission denied" in refused.err
    other = far.url.replace(str(far.port), "1")
    refused = lab("add", "host", *words, f"url={other}")
    assert refused.status == 5
    assert "Connection refused" in refused.err
