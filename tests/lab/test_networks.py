"""Real guests on real networks: what reaches them, what they reach, what does not get through."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cmk.lab.directory import held
from tests.conftest import LabCmk, processes_of
from tests.waiting import until

pytestmark = [pytest.mark.libvirt, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]
ISOLATED = "networkofferingid=name:DefaultIsolatedNetworkOfferingWithSourceNatService"


@pytest.fixture(scope="session")
def machina(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real Linux that takes addresses, keys and user data, as scripts/guest builds it."""
    images = ROOT / "images"
    with held(tmp_path_factory.getbasetemp().parent / "machina.lock"):
        subprocess.run([ROOT / "scripts/guest", images], check=True, capture_output=True)
    return images / "machina.qcow2"


class Guests:
    """A lab in which VMs are made of that image."""

    def __init__(self, lab: LabCmk, image: Path) -> None:
        self.lab = lab
        self.template = lab.register(image.as_uri(), "machina", sshkeyenabled="true")

    def deploy(self, name: str, *more: str) -> dict[str, Any]:
        return self.lab.deploy(self.template, name, *more)

    def ssh(self, name: str, command: str, status: int = 0) -> str:
        with self.lab.start("-t", "60", "ssh", name, "--", command) as process:
            try:
                out, err = process.communicate(timeout=90)
            finally:
                process.terminate()
        assert process.returncode == status, (out, err)
        return out.strip()

    def network(self, name: str, *more: str) -> str:
        words = ("create", "network", f"zoneid={self.lab.zone}", f"name={name}", ISOLATED)
        return self.lab.id(*words, *more)

    def address(self, network: str) -> tuple[str, str]:
        """A public address for it: its id, and as it is written."""
        found = self.lab.ok("associate", "ipaddress", f"networkid={network}").json["ipaddress"]
        return found["id"], found["ipaddress"]

    def through(self, address: str, port: int, command: str) -> str:
        """What a command says in the guest that this machine's ssh comes to by an address."""
        words = [
            "ssh", "-F", "none", "-i", str(self.lab.directory / "keys/id_ed25519"),
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=20", "-p", str(port),
            f"root@{address}", command,
        ]  # fmt: skip
        run = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
        return run.stdout.strip()

    def router_processes(self, name: str) -> list[int]:
        """Those of the lab's router with this in their command line."""
        mine = [int(line.split()[0]) for line in processes_of(self.lab.directory)]
        return [pid for pid in mine if name in Path(f"/proc/{pid}/cmdline").read_text()]


@pytest.fixture
def guests(lab: LabCmk, machina: Path) -> Guests:
    return Guests(lab, machina)


def is_open(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=5):
            return True
    except OSError:
        return False


def answer(address: str, port: int) -> str:
    with socket.create_connection((address, port), timeout=10) as page:
        return page.recv(100).decode().strip()


def test_guests_are_reached_by_what_was_opened_and_reach_what_they_may(guests: Guests) -> None:
    front, back = guests.network("front"), guests.network("back")
    script = guests.lab.directory.parent / "setup.sh"
    script.write_text("#!/bin/sh\necho user data ran\nnc -ll -p 80 -e echo page &\n")
    one = guests.deploy("web1", f"networkids={front},{back}", f"userdata=@{script}")
    two = guests.deploy("web2", f"networkids={front}")
    guests.deploy("other")
    assert [nic["ipaddress"] for nic in one["nic"]] == ["10.1.1.2", "10.1.2.2"]

    # Into the guest, with the status of what ran there; its name, user data, its two addresses.
    assert guests.ssh("web1", "hostname") == "web1"
    guests.ssh("web1", "exit 7", status=7)
    guests.lab.wait_for_console("web1", "user data ran")
    addresses = guests.ssh("web1", "ip -4 addr show | grep -o 'inet 10[0-9.]*'").split()[1::2]
    assert addresses == ["10.1.1.2", "10.1.2.2"]

    # Names, and guests of one network among themselves; another network sees none of them.
    guests.lab.wait_for_console("web2", "REACHABLE")
    assert guests.ssh("web2", "wget -qO- http://10.1.1.1/latest/meta-data/local-ipv4") == "10.1.1.3"
    assert "1 packets received" in guests.ssh("web2", "ping -c 1 -W 5 web1")
    assert "page" in guests.ssh("web2", "nc web1.lab.internal 80 </dev/null")
    guests.ssh("other", "ping -c 1 -W 2 10.1.1.2", status=1)
    guests.ssh("other", "nc -w 2 10.1.1.2 80 </dev/null", status=1)
    guests.ssh("other", "nc -w 2 10.1.1.1 80 </dev/null", status=1)

    # A public address: closed, opened by a forwarding, closed again, opened by static NAT.
    id, address = guests.address(front)
    assert not is_open(address, 2222)
    words = ("create", "portforwardingrule", f"ipaddressid={id}", "protocol=tcp")
    to = ("publicport=2222", "privateport=22", f"virtualmachineid={two['id']}")
    rule = guests.lab.ok(*words, *to).json["portforwardingrule"]["id"]
    assert guests.through(address, 2222, "hostname") == "web2"
    guests.lab.ok("delete", "portforwardingrule", f"id={rule}")
    assert not is_open(address, 2222)
    guests.lab.ok("enable", "staticnat", f"ipaddressid={id}", f"virtualmachineid={one['id']}")
    assert not is_open(address, 80)
    opened = ("protocol=tcp", "startport=80", "endport=80")
    fire = guests.lab.ok("create", "firewallrule", f"ipaddressid={id}", *opened)
    with socket.create_connection((address, 80), timeout=10) as page:
        assert page.recv(10) == b"page\n"
    guests.lab.ok("delete", "firewallrule", f"id={fire.json['firewallrule']['id']}")
    assert not is_open(address, 80)

    # A balancer over both, and over the one that is left.
    guests.lab.ok("disable", "staticnat", f"ipaddressid={id}")
    shared = ("publicport=8080", "privateport=81", "algorithm=roundrobin")
    made = guests.lab.ok("create", "loadbalancerrule", f"publicipid={id}", "name=web", *shared)
    balancer = made.json["loadbalancer"]["id"]
    for name in ("web1", "web2"):
        guests.ssh(name, f"setsid nc -ll -p 81 -e echo {name} >/dev/null 2>&1 </dev/null &")
    both = f"virtualmachineids={one['id']},{two['id']}"
    guests.lab.ok("assign", "toloadbalancerrule", f"id={balancer}", both)
    assert {answer(address, 8080) for _ in range(6)} == {"web1", "web2"}
    less = f"virtualmachineids={one['id']}"
    guests.lab.ok("remove", "fromloadbalancerrule", f"id={balancer}", less)
    assert {answer(address, 8080) for _ in range(4)} == {"web2"}

    # Another NIC into a guest that runs, and out of it.
    other = guests.lab.vm("other")["id"]
    put = ("add", "nictovirtualmachine", f"virtualmachineid={other}", f"networkid={back}")
    nic = guests.lab.ok(*put).json["virtualmachine"]["nic"][1]
    seen = "until [ -e /sys/class/net/eth1 ]; do sleep 0.2; done"  # the guest takes a moment
    guests.ssh("other", f"{seen}; ifconfig eth1 {nic['ipaddress']} netmask 255.255.255.0 up")
    assert "1 packets received" in guests.ssh("other", "ping -c 1 -W 5 10.1.2.2")
    guests.lab.ok(
        "remove", "nicfromvirtualmachine", f"virtualmachineid={other}", f"nicid={nic['id']}"
    )
    assert guests.ssh("other", "ls /sys/class/net").split() == ["eth0", "lo"]

    # What leaves: nothing at first, then what a rule lets pass. (100.64.0.3 answers for names.)
    asks = "timeout 4 nslookup example.com 100.64.0.3 | grep -c Address:"
    assert guests.ssh("web2", f"{asks}; true") == "0"
    egress = ("create", "egressfirewallrule", f"networkid={front}", "protocol=all")
    guests.lab.ok(*egress)
    assert guests.ssh("web2", asks) == "1"


def test_tiers_of_a_vpc_reach_each_other_as_their_lists_let_them(guests: Guests) -> None:
    lab = guests.lab
    offering = lab.id("list", "vpcofferings")
    words = (f"zoneid={lab.zone}", "name=v1", "cidr=10.20.0.0/16", f"vpcofferingid={offering}")
    vpc = lab.id("create", "vpc", *words)

    def tier(number: int, *rules: tuple[str, ...]) -> str:
        acl = lab.id("create", "networkacllist", f"name=acl{number}", f"vpcid={vpc}")
        for rule in rules:
            lab.ok("create", "networkacl", f"aclid={acl}", *rule)
        where = (f"gateway=10.20.{number}.1", "netmask=255.255.255.0")
        kind = "networkofferingid=name:DefaultIsolatedNetworkOfferingForVpcNetworks"
        if number > 1:
            kind += "NoLB"
        made = (f"zoneid={lab.zone}", f"vpcid={vpc}", f"aclid={acl}", f"name=t{number}", kind)
        return lab.id("create", "network", *made, *where)

    open_ssh = ("protocol=tcp", "startport=22")
    web = tier(1, open_ssh, ("protocol=tcp", "startport=80"))
    back = tier(2, open_ssh, ("protocol=tcp", "startport=81", "cidrlist=10.20.1.0/24"))
    script = lab.directory.parent / "setup.sh"
    script.write_text("#!/bin/sh\nfor p in 80 81 82; do nc -ll -p $p -e echo page $p & done\n")
    one = guests.deploy("web1", f"networkids={web}", f"userdata=@{script}")
    two = guests.deploy("db1", f"networkids={back}", f"userdata=@{script}")
    asks = "nc -w 4 {} {} </dev/null || echo closed"
    for name in ("web1", "db1"):
        up = "nc -w 4 127.0.0.1 82 </dev/null || true"
        until(partial(guests.ssh, name, up), f"the pages of {name}")
    # What one may, the other may not: the list of the tier that is entered says it.
    assert guests.ssh("web1", asks.format("10.20.2.2", 81)) == "page 81"
    assert guests.ssh("web1", asks.format("10.20.2.2", 82)) == "closed"
    assert guests.ssh("db1", asks.format("10.20.1.2", 81)) == "closed"
    assert guests.ssh("db1", asks.format("10.20.1.2", 80)) == "page 80"

    # From outside: a forwarding to an open port, static NAT as far as the list goes.
    taken = [lab.ok("associate", "ipaddress", f"vpcid={vpc}").json["ipaddress"] for _ in (1, 2)]
    first, second = (each["ipaddress"] for each in taken)
    for port in (80, 82):
        to = (f"publicport=80{port}", f"privateport={port}", f"virtualmachineid={one['id']}")
        lab.ok("create", "portforwardingrule", f"ipaddressid={taken[0]['id']}", "protocol=tcp", *to)
    assert answer(first, 8080) == "page 80"
    with pytest.raises(TimeoutError):  # slirp4netns takes it, and the list lets it go no further
        answer(first, 8082)
    whole = (f"ipaddressid={taken[1]['id']}", f"virtualmachineid={two['id']}")
    lab.ok("enable", "staticnat", *whole)
    assert guests.through(second, 22, "hostname") == "db1"
    # A rule that is taken away closes what it had opened.
    [rule] = lab.ok("list", "networkacls", f"networkid={web}", "filter=id,startport").json[
        "networkacl"
    ][1:]
    assert rule["startport"] == "80"
    lab.ok("delete", "networkacl", f"id={rule['id']}")
    assert guests.ssh("db1", asks.format("10.20.1.2", 80)) == "closed"


def test_vms_in_a_security_group_are_reached_as_its_rules_allow(guests: Guests) -> None:
    lab = guests.lab
    lab.ok("create", "securitygroup", "name=web")
    script = lab.directory.parent / "setup.sh"
    script.write_text("#!/bin/sh\nfor p in 80 81; do nc -ll -p $p -e echo page $p & done\n")
    held = guests.deploy("held", "securitygroupnames=web", f"userdata=@{script}")
    free = guests.deploy("free", f"userdata=@{script}")
    up, asks = "nc -w 4 127.0.0.1 81 </dev/null || true", "nc -w 4 {} {} </dev/null || echo closed"
    for name in ("held", "free"):
        until(partial(guests.ssh, name, up), f"the pages of {name}")
    there, other = held["nic"][0]["ipaddress"], free["nic"][0]["ipaddress"]
    assert guests.ssh("free", asks.format(there, 80)) == "closed"
    assert guests.ssh("held", asks.format(other, 80)) == "page 80"  # its answer comes in
    allow = ("authorize", "securitygroupingress", "securitygroupname=web", "protocol=tcp")
    lab.ok(*allow, "startport=80", f"cidrlist={other}/32")
    assert guests.ssh("free", asks.format(there, 80)) == "page 80"
    assert guests.ssh("free", asks.format(there, 81)) == "closed"
    [group] = lab.ok("list", "securitygroups", "securitygroupname=web").json["securitygroup"]
    lab.ok("revoke", "securitygroupingress", f"id={group['ingressrule'][0]['ruleid']}")
    assert guests.ssh("free", asks.format(there, 80)) == "closed"
    send = ("authorize", "securitygroupegress", "securitygroupname=web", "protocol=tcp")
    lab.ok(*send, "startport=81", "cidrlist=0.0.0.0/0")
    assert guests.ssh("held", asks.format(other, 80)) == "closed"
    assert guests.ssh("held", asks.format(other, 81)) == "page 81"
    assert "Name:" in guests.ssh("held", "nslookup free.lab.internal")


def test_a_router_that_dies_is_made_anew_by_the_next_command(guests: Guests) -> None:
    network = guests.network("front")
    vm = guests.deploy("web1", f"networkids={network}")
    id, address = guests.address(network)
    to = ("publicport=2222", "privateport=22", f"virtualmachineid={vm['id']}")
    guests.lab.ok("create", "portforwardingrule", f"ipaddressid={id}", "protocol=tcp", *to)
    before = guests.ssh("web1", "cat /proc/sys/kernel/random/boot_id")
    assert guests.through(address, 2222, "hostname") == "web1"
    for name in ("cmk.router.holder", "slirp4netns"):
        [pid] = guests.router_processes(name)
        os.kill(pid, signal.SIGKILL)
        until(lambda: not is_open(address, 2222), f"the port closed without {name}")
        if name == "slirp4netns":  # the router sees that by itself, within seconds
            broken = guests.lab.directory / "host/router/broken"
            until(broken.exists, "the router's own word that slirp4netns is gone")
        guests.lab.ok("list", "zones")
        assert guests.through(address, 2222, "cat /proc/sys/kernel/random/boot_id") == before
    [dnsmasq] = guests.router_processes("dnsmasq")
    os.kill(dnsmasq, signal.SIGKILL)
    until(lambda: set(guests.router_processes("dnsmasq")) - {dnsmasq}, "another dnsmasq")
    assert "Name:" in guests.ssh("web1", "nslookup web1.lab.internal")
    [router] = guests.lab.ok("list", "routers").json["router"]
    assert router["state"] == "Running"


def test_the_router_ends_with_the_last_vm_and_comes_with_the_next(guests: Guests) -> None:
    vm = guests.deploy("web1")
    assert guests.router_processes("slirp4netns")
    guests.lab.ok("stop", "virtualmachine", f"id={vm['id']}", "forced=true")
    until(
        lambda: not guests.router_processes("slirp4netns") + guests.router_processes("dnsmasq"),
        "an end of the router's processes",
    )
    assert guests.lab.ok("list", "routers").json["router"][0]["state"] == "Stopped"
    guests.lab.ok("start", "virtualmachine", f"id={vm['id']}")
    assert guests.ssh("web1", "hostname") == "web1"


def test_without_a_router_a_guest_is_reached_all_the_same(guests: Guests) -> None:
    words = ("name=lab.network.mode", "value=user")
    guests.lab.ok("update", "configuration", *words)
    refused = guests.lab("create", "network", f"zoneid={guests.lab.zone}", "name=n", ISOLATED)
    assert (refused.status, "virtual router" in refused.err) == (1, True)
    vm = guests.deploy("web1")
    assert vm["ipaddress"] == "10.0.2.15"
    assert guests.ssh("web1", "hostname; ip -4 addr show eth0 | grep -o 10.0.2.15/24").split() == [
        "web1",
        "10.0.2.15/24",
    ]
    assert not guests.router_processes("slirp4netns")


def test_one_line_makes_a_vm_of_a_file_and_another_one_removes_it_afterwards(
    lab: LabCmk, machina: Path
) -> None:
    key = lab.directory.parent / "mine.pub"
    key.write_text(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me\n"
    )
    options = ("--key", str(key), "--memory", "256", "--port", "2022:22")
    told = lab.ok("-t", "120", "vm", str(machina), "web1", *options).json["vm"]
    assert (told["name"], told["user"], told["ssh"]) == ("web1", "root", "cmk ssh web1")
    [port] = told["ports"]
    address = port.partition(":")[0]
    with socket.create_connection((address, 2022), timeout=10) as banner:
        assert banner.recv(4) == b"SSH-"
    vm = lab.vm("web1")
    assert (vm["keypairs"], vm["memory"], vm["templatename"]) == ("mine", 256, "machina")
    with lab.start("-t", "120", "vm", "machina", "web2", "--rm") as process:
        process.communicate(timeout=120)
    assert process.returncode == 0
    assert [row["name"] for row in lab.ok("list", "vms").json["virtualmachine"]] == ["web1"]
    assert lab.ok("list", "templates", "templatefilter=self").json["count"] == 1


def test_files_go_in_and_out_and_a_port_is_opened_for_now(guests: Guests) -> None:
    guests.deploy("web1")
    here = guests.lab.directory.parent / "notes.txt"
    here.write_text("some words\n")
    guests.lab.ok("-t", "120", "cp", str(here), "web1:/root/there.txt")
    assert guests.ssh("web1", "cat /root/there.txt") == "some words"
    back = here.with_name("back.txt")
    guests.lab.ok("cp", "web1:/root/there.txt", str(back))
    assert back.read_text() == "some words\n"
    with guests.lab.start("open", "web1", "22") as opened:
        assert opened.stdout is not None
        host, port = opened.stdout.readline().strip().split(":")
        with socket.create_connection((host, int(port)), timeout=10) as banner:
            assert banner.recv(4) == b"SSH-"
        opened.send_signal(signal.SIGINT)
        assert opened.wait(20) == 130
    assert not is_open(host, int(port))
