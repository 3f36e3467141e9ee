"""Tags: on what, by whom, and what lists make of them."""

from __future__ import annotations

from typing import Any

import pytest

from cmk.lab.model.tag import TAGGED, Tag
from cmk.lab.model.vpc import AclList
from tests.lab.at_once import LabAtOnce, refused
from tests.lab.conftest import Things


@pytest.fixture
def lab(things: Things) -> LabAtOnce:
    return LabAtOnce(things)


def put(lab: LabAtOnce, kind: str, things: str, **tags: str) -> Any:
    words: dict[str, str] = {}
    for at, (key, value) in enumerate(tags.items()):
        words |= {f"tags[{at}].key": key, f"tags[{at}].value": value}
    return lab.ask("createTags", resourcetype=kind, resourceids=things, **words)


def test_a_thing_shows_its_tags_and_is_found_by_one_of_several(lab: LabAtOnce) -> None:
    network = lab.network()
    one, two, three = (lab.vm(name, network)["id"] for name in ("web1", "web2", "db1"))
    assert put(lab, "uservm", f"{one},{two}", env="test", tier="web") == {"success": True}
    put(lab, "UserVm", three, env="prod")
    put(lab, "Network", network, env="test")
    [vm] = lab.ask("listVirtualMachines", id=one)["virtualmachine"]
    first = vm["tags"][0]
    assert {name: first[name] for name in ("key", "value", "resourcetype", "resourceid")} == {
        "key": "env",
        "value": "test",
        "resourcetype": "UserVm",
        "resourceid": one,
    }
    assert first["account"] == "admin"

    def found(**tags: str) -> list[str]:
        rows = lab.ask("listVirtualMachines", **tags).get("virtualmachine", [])
        return [row["name"] for row in rows]

    by = {"tags[0].key": "env", "tags[0].value": "test"}
    assert found(**by) == ["web1", "web2"]
    assert found(**by, **{"tags[1].key": "env2", "tags[1].value": "x"}) == ["web1", "web2"]
    assert found(**{"tags[0].key": "env"}) == ["web1", "web2", "db1"]
    assert found(**{"tags[0].key": "env", "tags[0].value": "none"}) == []
    assert lab.ask("listNetworks", **by)["count"] == 1
    assert lab.ask("listTags", resourcetype="UserVm", key="env")["count"] == 3
    assert lab.ask("listTags", resourceid=one, value="web")["tag"][0]["key"] == "tier"


def test_tags_are_taken_away_by_key_and_value_and_go_with_the_thing(lab: LabAtOnce) -> None:
    vm = lab.vm("web1")["id"]
    put(lab, "UserVm", vm, env="test", tier="web", team="a")
    with refused(530, f"tag env already on UserVm with id {vm}"):
        put(lab, "UserVm", vm, more="1", env="other")
    words = {"resourcetype": "UserVm", "resourceids": vm}
    lab.ask("deleteTags", **words, **{"tags[0].key": "env", "tags[0].value": "prod"})
    assert len(Tag.there(lab.store)) == 3
    lab.ask("deleteTags", **words, **{"tags[0].key": "env"})
    lab.ask("deleteTags", **words, **{"tags[0].key": "tier", "tags[0].value": "web"})
    assert [tag.key for tag in Tag.there(lab.store)] == ["team"]
    lab.ask("destroyVirtualMachine", id=vm, expunge="true")
    assert Tag.there(lab.store) == []


def test_only_what_one_may_touch_gets_tags(lab: LabAtOnce) -> None:
    vm, ann = lab.vm("web1")["id"], lab.of_ann()
    with refused(531, "VM"):
        put(ann, "UserVm", vm, env="x")
    with refused(431, "Invalid resource type Foo"):
        put(lab, "Foo", vm, env="x")
    with refused(431, "resourceids"):
        put(lab, "UserVm", "nosuch", env="x")
    with refused(431, "tags"):
        put(lab, "UserVm", vm)
    with refused(531, "network ACL list"):  # everybody's
        put(ann, "NetworkACLList", AclList.there(lab.store)[0].uuid, env="x")
    with refused(431, "no ISO"):
        put(lab, "ISO", lab.ask("listVirtualMachines")["virtualmachine"][0]["templateid"], env="x")
    put(lab, "UserVm", f"{vm},{vm.upper()}", env="x")
    assert ann.ask("listTags") == {}


def test_every_kind_that_can_have_tags_takes_some(lab: LabAtOnce) -> None:
    network = lab.network()
    vm = lab.vm("web1", network)
    address = lab.ask("associateIpAddress", networkid=network)["ipaddress"]["id"]
    words = {"ipaddressid": address, "protocol": "tcp", "publicport": 22, "privateport": 22}
    forward = lab.ask("createPortForwardingRule", virtualmachineid=vm["id"], **words)
    things = {
        "Volume": (lab.ask("listVolumes")["volume"][0]["id"], "listVolumes", "volume"),
        "Template": (vm["templateid"], "listTemplates", "template"),
        "PublicIpAddress": (address, "listPublicIpAddresses", "publicipaddress"),
        "PortForwardingRule": (
            forward["portforwardingrule"]["id"],
            "listPortForwardingRules",
            "portforwardingrule",
        ),
        "SecurityGroup": (
            lab.ask("createSecurityGroup", name="g")["securitygroup"]["id"],
            "listSecurityGroups",
            "securitygroup",
        ),
    }
    assert things.keys() < TAGGED.keys()
    for kind, (id, api, noun) in things.items():
        put(lab, kind, id, env=kind)
        more = {"templatefilter": "all"} if kind == "Template" else {}
        by = {"tags[0].key": "env", "tags[0].value": kind}
        [row] = lab.ask(api, **by, **more)[noun]
        assert (row["id"], row["tags"][0]["value"]) == (id, kind)
