"""Several hosts: added, chosen, tried one after another, in maintenance, gone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LabCmk
from tests.lab.conftest import add
from tests.standalone import Standalone
from tests.web import Page, Web

pytestmark = pytest.mark.libvirt


def pool_files(lab: LabCmk, host: dict[str, Any]) -> list[str]:
    with lab.database() as db:
        [(path,)] = db.execute(
            "SELECT s.path FROM storage_pool s JOIN host h ON h.id = s.host_id WHERE h.uuid = ?",
            (host["id"],),
        )
    return sorted(entry.name for entry in Path(path).iterdir())


def test_a_host_is_added_with_a_pool_of_its_own_and_nothing_left_of_the_trial(
    lab: LabCmk, daemons: list[Standalone]
) -> None:
    host = add(lab, daemons[0].uri, "hosttags=fast,ssd", "details.location=de")
    assert (host["state"], host["resourcestate"], host["hosttags"]) == ("Up", "Enabled", "fast,ssd")
    assert host["details"]["location"] == "de"
    assert host["details"]["python"]
    assert pool_files(lab, host) == []
    [pool] = lab.ok("list", "storagepools", f"name={host['name']}-local").json["storagepool"]
    assert pool["disksizetotal"] > 0
    again = lab(
        "add", "host", f"zoneid={lab.zone}", f"podid={lab.id('list', 'pods')}", "hypervisor=KVM",
        f"url={daemons[0].uri}",
    )  # fmt: skip
    assert "is a host of this lab already" in again.err


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("qemu+unix:///session?socket=/nowhere", "cannot be opened"),
        ("http://host", "is no host's URL"),
        ("qemu+ssh://user:pw@host/session", "passwords are not"),
        ("qemu+ssh:///session", "it is qemu+ssh://user@host"),
    ],
)
def test_a_host_that_cannot_be_used_is_refused_with_its_reason(
    lab: LabCmk, url: str, said: str
) -> None:
    pod = lab.id("list", "pods")
    refused = lab(
        "add", "host", f"zoneid={lab.zone}", f"podid={pod}", "hypervisor=KVM", f"url={url}"
    )
    assert refused.status == 5
    assert said in refused.err
    assert lab.ok("list", "hosts").json["count"] == 1


def test_a_pool_that_cannot_be_made_is_a_reason(lab: LabCmk, daemons: list[Standalone]) -> None:
    pod = lab.id("list", "pods")
    refused = lab(
        "add", "host", f"zoneid={lab.zone}", f"podid={pod}", "hypervisor=KVM",
        f"url={daemons[0].uri}", "details.pool=/proc/pool",
    )  # fmt: skip
    assert refused.status == 5
    assert "the pool /proc/pool cannot be made" in refused.err
    assert lab.ok("list", "hosts").json["count"] == 1


def test_vms_spread_and_a_template_is_fetched_once_a_host(
    lab: LabCmk, hosts: list[dict[str, Any]], web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    first = lab.deploy(template, "web1")
    second = lab.deploy(template, "web2")
    assert first["hostname"] == second["hostname"]  # the template is there already
    other = next(host for host in hosts if host["name"] != first["hostname"])
    third = lab.deploy(template, "web3", f"hostid={other['id']}")
    assert third["hostname"] == other["name"]
    assert web.downloads("/nano.qcow2") == 2
    for name in ("web1", "web3"):
        assert "READY" in lab.wait_for_console(name, "READY")


def test_a_failure_on_one_host_goes_on_to_the_next_and_leaves_nothing(
    lab: LabCmk, hosts: list[dict[str, Any]], daemons: list[Standalone], web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    with lab.database() as db:
        [(path,)] = db.execute(
            "SELECT s.path FROM storage_pool s JOIN host h ON h.id = s.host_id WHERE h.uuid = ?",
            (hosts[0]["id"],),
        )
    shutil.rmtree(path)
    Path(path).write_text("no directory")
    vm = lab.deploy(template, "web1")
    assert vm["hostname"] == hosts[1]["name"]
    assert any(hosts[0]["name"] in text for text in lab.events())


def test_a_host_that_is_gone_is_passed_over_told_and_cleared_when_it_is_back(
    lab: LabCmk, hosts: list[dict[str, Any]], daemons: list[Standalone], web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    daemons[0].kill()
    vm = lab.deploy(template, "web1")
    assert vm["hostname"] == hosts[1]["name"]
    shown = lab.ok("list", "hosts", f"id={hosts[0]['id']}")
    assert shown.json["host"][0]["state"] == "Down"
    assert "does not answer" in shown.err
    assert lab("reconnect", "host", f"id={hosts[0]['id']}").status == 4
    daemons[0].start()
    back = lab.ok("reconnect", "host", f"id={hosts[0]['id']}").json["host"]
    assert back["state"] == "Up"
    with lab.database() as db:
        assert db.execute("SELECT count(*) FROM residue").fetchone() == (0,)


def test_the_same_wrong_digest_on_two_hosts_ends_it_with_the_whole_story(
    lab: LabCmk, hosts: list[dict[str, Any]], web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano), checksum="0" * 32)
    lab.ok(
        "update",
        "host",
        f"id={lab.id('list', 'hosts', 'page=1', 'pagesize=1')}",
        "allocationstate=Enable",
    )
    result = lab(*lab.deployment(template, "web1"))
    assert result.status == 4
    assert "Two hosts got the same wrong digest: the source is wrong" in result.err
    assert result.err.count("expected " + "0" * 32) >= 2
    assert web.downloads("/nano.qcow2") == 6
    assert lab.vm("web1")["state"] == "Error"


def test_with_hostid_no_other_host_is_tried_and_that_is_said(
    lab: LabCmk, hosts: list[dict[str, Any]], web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    web.pages["/nano.qcow2"] = Page(b"", 404)
    result = lab(*lab.deployment(template, "web1", f"hostid={hosts[0]['id']}"))
    assert result.status == 4
    assert "No other host was tried, since hostid was given." in result.err
    assert hosts[1]["name"] + ":" not in result.err


def test_a_cluster_that_was_named_is_obeyed(
    lab: LabCmk, hosts: list[dict[str, Any]], daemons: list[Standalone], web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    words = ("clustername=c2", "clustertype=CloudManaged", "hypervisor=KVM")
    pod = lab.id("list", "pods")
    lab.ok("add", "cluster", f"zoneid={lab.zone}", f"podid={pod}", *words)
    empty = lab.id("list", "clusters", "name=c2")
    refused = lab(*lab.deployment(template, "web1", f"clusterid={empty}"))
    assert refused.status == 4
    assert "it is not the one that clusterid names" in refused.err
    vm = lab.deploy(template, "web2", f"podid={pod}")
    assert vm["state"] == "Running"
    lab.ok("delete", "cluster", f"id={empty}")
    used = lab("delete", "pod", f"id={pod}")
    assert "is in use by: lab-cluster" in used.err


def test_tags_of_hosts_and_pools_decide(
    lab: LabCmk, hosts: list[dict[str, Any]], web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    words = ("name=fast", "displaytext=fast", "memory=64")
    fast = lab.ok("create", "serviceoffering", *words, "hosttags=fast").json["serviceoffering"]
    line = (
        "deploy", "virtualmachine", f"zoneid={lab.zone}", f"templateid={template}",
        f"serviceofferingid={fast['id']}",
    )  # fmt: skip
    refused = lab(*line, "name=web1")
    assert refused.status == 4
    assert f"Host {hosts[0]['name']}: it has no tag fast." in refused.err
    lab.ok("update", "host", f"id={hosts[1]['id']}", "hosttags=fast,other")
    vm = lab.ok(*line, "name=web1").json["virtualmachine"]
    assert vm["hostname"] == hosts[1]["name"]


def test_maintenance_stops_the_vms_when_forced_and_takes_none_until_it_is_cancelled(
    lab: LabCmk, hosts: list[dict[str, Any]], web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    host = f"id={hosts[0]['id']}"
    vm = lab.deploy(template, "web1", f"hostid={hosts[0]['id']}")
    refused = lab("prepare", "hostformaintenance", host)
    assert "VMs run on the host" in refused.err
    assert "web1" in refused.err
    done = lab.ok("prepare", "hostformaintenance", host, "forced=true").json["host"]
    assert done["resourcestate"] == "Maintenance"
    assert lab.vm("web1")["state"] == "Stopped"
    assert lab("start", "virtualmachine", f"id={vm['id']}").status == 4
    assert lab.ok("cancel", "hostmaintenance", host).json["host"]["resourcestate"] == "Enabled"
    lab.ok("start", "virtualmachine", f"id={vm['id']}")


def test_a_shared_pool_is_fetched_to_once_for_all_of_its_hosts(
    lab: LabCmk, hosts: list[dict[str, Any]], web: Web, nano: bytes, tmp_path: Path
) -> None:
    shared = lab.directory / "hosts" / "shared"
    zone = f"zoneid={lab.zone}"
    made = lab.ok(
        "create", "storagepool", "name=shared", f"url=SharedMountPoint://{shared}", zone,
        "scope=ZONE", "tags=shared",
    ).json["storagepool"]  # fmt: skip
    assert (made["scope"], made["type"]) == ("ZONE", "SharedMountPoint")
    words = ("name=s", "displaytext=s", "memory=64", "tags=shared")
    offering = lab.ok("create", "serviceoffering", *words).json["serviceoffering"]["id"]
    template = lab.register(web.serve("/nano.qcow2", nano))
    for number, host in enumerate(hosts):
        vm = lab.ok(
            "deploy", "virtualmachine", zone, f"templateid={template}", f"name=web{number}",
            f"serviceofferingid={offering}", f"hostid={host['id']}",
        ).json["virtualmachine"]  # fmt: skip
        assert vm["hostname"] == host["name"]
        lab.wait_for_console(f"web{number}", "READY")
    assert web.downloads("/nano.qcow2") == 1
    refused = lab("delete", "storagepool", f"id={made['id']}")
    assert "Disks of VMs are on the pool" in refused.err
    # A VM with its disk on the shared pool may come up on the other host.
    id = f"id={lab.vm('web0')['id']}"
    lab.ok("stop", "virtualmachine", id, "forced=true")
    moved = lab.ok("start", "virtualmachine", id, f"hostid={hosts[1]['id']}").json
    assert moved["virtualmachine"]["hostname"] == hosts[1]["name"]
    for name in ("web0", "web1"):
        lab.ok("destroy", "virtualmachine", f"id={lab.vm(name)['id']}", "expunge=true")
    lab.ok("delete", "storagepool", f"id={made['id']}")
    assert list(shared.iterdir()) == []


def test_a_host_with_vms_goes_only_when_forced_and_leaves_a_consistent_lab(
    lab: LabCmk, hosts: list[dict[str, Any]], daemons: list[Standalone], web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano))
    lab.deploy(template, "web1", f"hostid={hosts[0]['id']}")
    assert "VMs are on the host" in lab("delete", "host", f"id={hosts[0]['id']}").err
    daemons[0].stop()
    lab.ok("delete", "host", f"id={hosts[0]['id']}", "forced=true")
    assert lab.vm("web1")["state"] == "Error"
    assert lab.ok("list", "hosts").json["count"] == 2
    lab.ok("destroy", "virtualmachine", f"id={lab.vm('web1')['id']}", "expunge=true")
    lab.deploy(template, "web2")
    lab.ok("delete", "template", f"id={template}", "forced=true")


def test_a_running_job_is_cancelled_and_undone(
    lab: LabCmk, hosts: list[dict[str, Any]], web: Web, nano: bytes
) -> None:
    from tests.lab.test_jobs import wait_for_phase

    template = lab.register(web.serve("/nano.qcow2", nano + bytes(4 << 20), drip=0.1))
    job = lab.ok(*lab.deployment(template, "web1"), "-n").json["jobid"]
    wait_for_phase(lab, "Downloading")
    lab.ok("cancel", "asyncjob", f"jobid={job}")
    result = lab("wait", job)
    assert result.status == 4
    assert "the job was cancelled" in result.err
    assert lab.vm("web1")["state"] == "Error"
    assert "has ended already" in lab("cancel", "asyncjob", f"jobid={job}").err


def test_twenty_deployments_at_once_over_three_hosts_download_once_a_pool(
    lab: LabCmk, hosts: list[dict[str, Any]], web: Web, nano: bytes
) -> None:
    own = lab.id("list", "hosts", "page=1", "pagesize=1")
    lab.ok("update", "host", f"id={own}", "allocationstate=Enable")
    lab.ok("update", "configuration", "name=job.workers", "value=6")
    words = ("name=tiny", "displaytext=tiny", "memory=32")
    tiny = lab.ok("create", "serviceoffering", *words).json["serviceoffering"]["id"]
    template = lab.register(web.serve("/nano.qcow2", nano))
    everywhere = [own, *(host["id"] for host in hosts)]
    lines = "".join(
        f"deploy virtualmachine zoneid={lab.zone} templateid={template} serviceofferingid={tiny} "
        f"name=vm{n} hostid={everywhere[n % 3]}\n"
        for n in range(20)
    )
    script = lab.directory.parent / "lines.cmk"
    script.write_text(lines)
    result = lab("-f", str(script), "--parallel", "20", "--keep-going", "-o", "jsonl")
    assert result.status == 0, result.err
    assert web.downloads("/nano.qcow2") == 3
    states = lab.ok("list", "virtualmachines", "filter=state", "-o", "value").out.split()
    assert states == ["Running"] * 20
