"""Ansible's modules for CloudStack, unmodified, on the lab behind `cmk serve`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import LabCmk
from tests.serve.conftest import Served, serving
from tests.web import Web

#: What scripts/setup takes out of the package `ansible`.
COLLECTIONS = Path(sys.prefix, "collections")

#: Of a second run, `once` is left out; `address` is what the first has taken.
PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ngine_io.cloudstack.cs_domain: {path: customers}
    - ngine_io.cloudstack.cs_account:
        {name: ann, domain: ROOT/customers, username: ann, password: "p+ %*", first_name: A,
         last_name: "*+ ü%", email: a@x.y}
    - ngine_io.cloudstack.cs_sshkeypair: {name: ci}
    - ngine_io.cloudstack.cs_network:
        {name: front, zone: lab,
         network_offering: DefaultIsolatedNetworkOfferingWithSourceNatService}
    - ngine_io.cloudstack.cs_template:
        {name: nano, url: "{{ url }}", hypervisor: KVM, format: QCOW2, zone: lab,
         os_type: "Other Linux (64-bit)"}
    - ngine_io.cloudstack.cs_instance:
        {name: web1, template: nano, service_offering: Tiny Instance, networks: [front],
         ssh_key: ci, zone: lab, user_data: "#!/bin/sh"}
    - ngine_io.cloudstack.cs_ip_address: {network: front, zone: lab}
      register: taken
      when: address is undefined
    - ngine_io.cloudstack.cs_portforward:
        {ip_address: "{{ address | default(taken.ip_address) }}", vm: web1, public_port: 2222,
         private_port: 22, zone: lab}
    - ngine_io.cloudstack.cs_firewall:
        {ip_address: "{{ address | default(taken.ip_address) }}", port: 2222, cidrs: [0.0.0.0/0],
         zone: lab}
    - ngine_io.cloudstack.cs_instance: {name: web1, state: stopped, zone: lab}
      tags: once
    - ngine_io.cloudstack.cs_instance: {name: web1, state: started, zone: lab}
      tags: once
"""


class Ansible:
    """ansible-playbook with a server's keys in its environment, as CI has them."""

    def __init__(self, there: Served, work: Path) -> None:
        self.work = work
        self.variables = {
            "ANSIBLE_HOME": str(work / "ansible"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_NOCOLOR": "1",
            "CLOUDSTACK_ENDPOINT": there.url,
            "CLOUDSTACK_KEY": there.key,
            "CLOUDSTACK_SECRET": there.secret,
            "LC_ALL": "C.UTF-8",
        }

    def play(self, text: str, *words: str, **variables: str) -> tuple[str, dict[str, int]]:
        """Run it; what it said, and its recap by word."""
        book = self.work / "play.yml"
        book.write_text(text)
        run = subprocess.run(
            [str(Path(sys.executable).parent / "ansible-playbook"), str(book), *words],
            env={**os.environ, **self.variables, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        recap = re.findall(r"(\w+)=(\d+)", run.stdout.rpartition("PLAY RECAP")[2])
        return run.stdout, {word: int(number) for word, number in recap}


@pytest.fixture
def ansible(lab: LabCmk, tmp_path: Path) -> Iterator[Ansible]:
    """On a lab with secondary storage: the modules know no direct download."""
    (tmp_path / "store").mkdir()
    lab.ok("add", "imagestore", "provider=Directory", f"url=file://{tmp_path}/store")
    with serving(lab, "--no-guests") as there:
        yield Ansible(there, tmp_path)


@pytest.mark.timeout(300)
def test_a_play_makes_it_so_and_a_second_run_changes_nothing(
    ansible: Ansible, lab: LabCmk, web: Web, nano: bytes
) -> None:
    url = web.serve("/nano.qcow2", nano)
    said, recap = ansible.play(PLAY, "-e", f"url={url}")
    assert (recap["ok"], recap["changed"]) == (11, 11), said
    [vm] = lab.ok("list", "virtualmachines").json["virtualmachine"]
    assert (vm["state"], vm["nic"][0]["networkname"], vm["keypairs"]) == ("Running", "front", "ci")
    [rule] = lab.ok("list", "portforwardingrules").json["portforwardingrule"]
    assert (rule["virtualmachinename"], rule["publicport"]) == ("web1", "2222")

    again = ("-e", f"url={url} address={rule['ipaddress']}", "--skip-tags", "once")
    said, recap = ansible.play(PLAY, *again)
    assert (recap["ok"], recap["changed"], recap["skipped"]) == (8, 0, 1), said

    said, recap = ansible.play(PLAY, *again, CLOUDSTACK_KEY="wrong")
    assert recap["failed"] == 1
    assert "HTTP 401" in said
