"""Other people's clients, unmodified: what they do first, and how they are told what is wrong."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import LabCmk
from tests.serve.conftest import Served, serving
from tests.web import Web

#: What clients sign in different ways; a `~` they sign bare, and CloudStack refuses that too.
NAMES = ("a*b", "a + ü %", "a&b=c")


@pytest.fixture
def there(lab: LabCmk, web: Web, nano: bytes) -> Iterator[Served]:
    """A server whose VMs are only written down, with a template."""
    with serving(lab, "--no-guests") as served:
        lab.register(web.serve("/nano.qcow2", nano), "nano")
        yield served


def test_cs_registers_deploys_and_makes_accounts(there: Served, web: Web, nano: bytes) -> None:
    from cs import CloudStack, CloudStackApiException

    def client(key: str = there.key, secret: str = there.secret) -> Any:
        return CloudStack(endpoint=there.url, key=key, secret=secret, poll_interval=0.05)

    cs = client()
    [zone] = cs.listZones(fetch_list=True)
    url = web.serve("/other.qcow2", nano)
    [template] = cs.registerTemplate(
        name="other", displaytext="a * + ü %", zoneid=zone["id"], hypervisor="KVM", format="QCOW2",
        url=url, directdownload=True,
    )["template"]  # fmt: skip
    [offering] = cs.listServiceOfferings(name="Tiny Instance", fetch_list=True)
    vm = cs.deployVirtualMachine(
        name="web1", zoneid=zone["id"], templateid=template["id"],
        serviceofferingid=offering["id"], fetch_result=True,
        userdata=base64.b64encode(b"#!/bin/sh\n").decode(),
    )["virtualmachine"]  # fmt: skip
    assert (vm["state"], vm["templatename"]) == ("Running", "other")
    for name in NAMES:
        assert cs.listVirtualMachines(name=name) == {}
        cs.registerUserData(name=name, userdata=base64.b64encode(b"#").decode())
    assert {row["name"] for row in cs.listUserData(fetch_list=True)} == set(NAMES)
    made = cs.createAccount(
        username="ann", firstname="A", lastname="*+ ü%", email="a@x.y", password="p+ %"
    )["account"]
    keys = cs.registerUserKeys(id=made["user"][0]["id"])["userkeys"]
    ann = client(keys["apikey"], keys["secretkey"])
    assert ann.listVirtualMachines() == {}
    for key, secret, value in (
        ("x", there.secret, "a"),
        (there.key, "x", "a"),
        (None, None, "a~b"),
    ):
        with pytest.raises(CloudStackApiException) as caught:
            client(key or there.key, secret or there.secret).listZones(name=value)
        assert caught.value.response.status_code == 401
    assert cs.stopVirtualMachine(id=vm["id"], fetch_result=True)["virtualmachine"]["state"] == (
        "Stopped"
    )
    cs.destroyVirtualMachine(id=vm["id"], expunge=True, fetch_result=True)
    assert cs.listVirtualMachines() == {}


def test_libcloud_deploys_on_a_network_of_its_own_with_a_key_and_an_open_port(
    there: Served,
) -> None:
    from libcloud.common.types import ProviderError
    from libcloud.compute.providers import get_driver
    from libcloud.compute.types import Provider

    make = get_driver(Provider.CLOUDSTACK)
    port = urlsplit(there.url).port

    def driver(key: str) -> Any:
        found: Any = make(
            key, there.secret, secure=False, host="127.0.0.1", port=port, path="/client/api"
        )
        found.connection.poll_interval = 0.05
        return found

    cloud = driver(there.key)
    [place], [image] = cloud.list_locations(), cloud.list_images()
    [size] = [each for each in cloud.list_sizes() if each.name == "Tiny Instance"]
    kinds = cloud.ex_list_network_offerings()
    [kind] = [each for each in kinds if each.name.endswith("WithSourceNatService")]
    network = cloud.ex_create_network("front *+ ü%", "front", kind, place)
    assert cloud.create_key_pair("ci").private_key.startswith("-----BEGIN RSA")
    node = cloud.create_node(
        name="web1", size=size, image=image, location=place, networks=[network], ex_keyname="ci",
        ex_start_vm=True,  # libcloud's own default is False
    )  # fmt: skip
    assert (node.state, node.private_ips) == ("running", ["10.1.1.2"])
    address = cloud.ex_allocate_public_ip(network_id=network.id)
    rule = cloud.ex_create_port_forwarding_rule(node, address, 22, 2222, "tcp")
    assert (rule.public_port, rule.private_port) == (2222, 22)
    assert [each.id for each in cloud.ex_list_port_forwarding_rules()] == [rule.id]
    assert cloud.ex_delete_port_forwarding_rule(node, rule)
    assert cloud.ex_release_public_ip(address)
    assert cloud.ex_stop(node) == "Stopped"
    assert cloud.ex_start(node) == "Running"
    assert cloud.destroy_node(node, ex_expunge=True)
    assert cloud.list_nodes() == []
    with pytest.raises(ProviderError, match="Invalid provider credentials"):
        driver("wrong").list_locations()


#: In a process of its own: the SDK leaves its connections open.
_ACS = """
import sys
from acs_sdk.client.client import ApacheCloudStackClient as Client
from acs_sdk.schemas.config import ApacheCloudStackConfig as Config

url, key, secret = sys.argv[1:]
client = Client(Config(api_endpoint=url, api_key=key, api_secret=secret))

def ask(api, **params):
    told = client.call(api, params)
    return told.get(api.lower() + "response", told)

words = {
    "zoneid": ask("listZones")["zone"][0]["id"],
    "templateid": ask("listTemplates", templatefilter="all")["template"][0]["id"],
    "serviceofferingid": ask("listServiceOfferings")["serviceoffering"][0]["id"],
}
print(ask("deployVirtualMachine", name="sdk", displayname="a + ü %", **words)["id"])
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="it is for Python 3.12 and newer")
def test_the_acs_sdk_asks_and_deploys(there: Served) -> None:
    def run(key: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", _ACS, there.url, key, there.secret]
        return subprocess.run(words, capture_output=True, text=True, timeout=60)

    done = run(there.key)
    assert done.returncode == 0, done.stderr
    [vm] = (
        there.client()
        .ok("list", "virtualmachines", f"id={done.stdout.strip()}")
        .json["virtualmachine"]
    )
    assert (vm["name"], vm["displayname"]) == ("sdk", "a + ü %")
    assert "401" in run("wrong").stderr
