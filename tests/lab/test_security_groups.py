"""Security groups in the store, and as the router is told. Real traffic is in test_networks.py."""

from __future__ import annotations

from typing import Any

import pytest

from cmk.lab.model.machine import Machine
from cmk.lab.model.security_group import SecurityGroup
from tests.lab.at_once import LabAtOnce, refused
from tests.lab.conftest import Things


@pytest.fixture
def lab(things: Things) -> LabAtOnce:
    return LabAtOnce(things)


def group(lab: LabAtOnce, name: str = "web") -> str:
    return str(lab.ask("createSecurityGroup", name=name)["securitygroup"]["id"])


def allow(lab: LabAtOnce, name: str, way: str = "Ingress", **more: Any) -> Any:
    words = {"securitygroupname": name, "protocol": "tcp", **more}
    return lab.ask(f"authorizeSecurityGroup{way}", **words)["securitygroup"]


def guarded(lab: LabAtOnce) -> dict[str, Any]:
    """What the router is told of each guest, by name."""
    return {
        guest["name"]: guest["groups"]
        for network in lab.routed()["networks"]
        for guest in network["guests"]
    }


def test_an_account_has_a_default_group_and_makes_others(lab: LabAtOnce) -> None:
    group(lab)
    rows = lab.ask("listSecurityGroups")["securitygroup"]
    assert [row["name"] for row in rows] == ["default", "web"]
    assert (rows[1]["ingressrule"], rows[1]["virtualmachinecount"]) == ([], 0)
    with refused(431, "already"):
        group(lab, "WEB")
    with refused(431, "stays"):
        lab.ask("deleteSecurityGroup", name="default")
    with refused(431, "keeps its name"):
        lab.ask("updateSecurityGroup", id=rows[0]["id"], name="other")
    told = lab.ask("updateSecurityGroup", id=rows[1]["id"], name="shop")["securitygroup"]
    assert told["name"] == "shop"
    lab.ask("deleteSecurityGroup", name="shop")
    assert lab.ask("listSecurityGroups", securitygroupname="shop") == {}


def test_a_vm_in_groups_lets_in_what_one_of_them_allows(lab: LabAtOnce) -> None:
    group(lab, "web"), group(lab, "db")
    allow(lab, "web", startport=22, cidrlist="10.0.0.0/8,192.168.0.0/16")
    front = {"usersecuritygrouplist[0].account": "admin", "usersecuritygrouplist[0].group": "web"}
    told = allow(lab, "db", startport=5432, **front)
    [rule] = told["ingressrule"]
    assert (rule["securitygroupname"], rule["account"], rule["startport"]) == ("web", "admin", 5432)
    lab.vm("web1", securitygroupnames="web")
    vm = lab.vm("db1", securitygroupnames="db")
    assert [each["name"] for each in vm["securitygroup"]] == ["db"]
    lab.vm("other")
    told = guarded(lab)
    assert told["other"] is None
    assert [each["sources"] for each in told["web1"]["ingress"]] == [
        ["10.0.0.0/8"],
        ["192.168.0.0/16"],
    ]
    web1 = Machine.called(lab.store, "web1")
    assert web1 is not None
    assert told["db1"]["ingress"][0]["sources"] == web1.addresses(lab.store)
    assert told["db1"]["sends_all"] is True
    more = allow(lab, "db", startport=25, cidrlist="10.0.0.0/8")
    assert [rule["startport"] for rule in more["ingressrule"]] == [25]  # the new one alone
    allow(lab, "db", "Egress", startport=443, cidrlist="0.0.0.0/0")
    told = guarded(lab)["db1"]
    assert (told["sends_all"], len(told["egress"])) == (False, 1)
    id = SecurityGroup.first(lab.store, name="db").uuid  # type: ignore[union-attr]
    assert lab.ask("listVirtualMachines", securitygroupid=id)["count"] == 1
    assert lab.ask("listSecurityGroups", virtualmachineid=vm["id"])["count"] == 1


def test_a_rule_about_a_group_is_about_all_addresses_of_its_vms(lab: LabAtOnce) -> None:
    group(lab, "web"), group(lab, "db")
    front = {"usersecuritygrouplist[0].account": "admin", "usersecuritygrouplist[0].group": "web"}
    twice = {name.replace("0", "1"): value for name, value in front.items()}
    told = allow(lab, "db", startport=80, cidrlist="10.0.0.0/8,10.0.0.0/8", **front, **twice)
    assert len(told["ingressrule"]) == 2
    nic = lab.vm("web1", securitygroupnames="web")["nic"][0]
    more = lab.ask("addIpToNic", nicid=nic["id"])["nicsecondaryip"]["ipaddress"]
    lab.vm("db1", securitygroupnames="db")
    guests = {each["name"]: each for net in lab.routed()["networks"] for each in net["guests"]}
    assert guests["db1"]["groups"]["ingress"][1]["sources"] == [nic["ipaddress"], more]
    assert guests["web1"]["addresses"] == [nic["ipaddress"], more]


def test_a_group_of_an_account_that_is_gone_goes_with_it(lab: LabAtOnce) -> None:
    ann = lab.of_ann()
    group(ann, "hers"), group(lab, "web")
    theirs = {"usersecuritygrouplist[0].account": "ann", "usersecuritygrouplist[0].group": "hers"}
    allow(lab, "web", startport=80, **theirs)
    lab.ask("deleteAccount", id=ann.call.caller.uuid)
    assert SecurityGroup.first(lab.store, name="hers") is None
    [mine] = lab.ask("listSecurityGroups", securitygroupname="web")["securitygroup"]
    assert mine["ingressrule"] == []


def test_a_rule_is_taken_back_and_a_group_that_is_used_stays(lab: LabAtOnce) -> None:
    group(lab, "web"), group(lab, "db")
    front = {"usersecuritygrouplist[0].account": "admin", "usersecuritygrouplist[0].group": "web"}
    rule = allow(lab, "db", startport=80, **front)["ingressrule"][0]["ruleid"]
    vm = lab.vm("db1", securitygroupnames="db")["id"]
    with refused(530, "Rules of other groups"):
        lab.ask("deleteSecurityGroup", name="web")
    with refused(530, "1 VM"):
        lab.ask("deleteSecurityGroup", name="db")
    with refused(431, "another kind"):
        lab.ask("revokeSecurityGroupEgress", id=rule)
    lab.ask("revokeSecurityGroupIngress", id=rule)
    lab.ask("deleteSecurityGroup", name="web")
    told = lab.ask("updateVirtualMachine", id=vm, securitygroupnames="default")["virtualmachine"]
    assert [each["name"] for each in told["securitygroup"]] == ["default"]
    lab.ask("deleteSecurityGroup", name="db")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"cidrlist": "10.0.0.0/8"}, "needs startport"),
        ({"startport": 22}, "is about cidrlist"),
        ({"startport": 22, "cidrlist": "x"}, "no IPv4 blocks"),
        ({"startport": 22, "endport": 21, "cidrlist": "0.0.0.0/0"}, "is before"),
        ({"protocol": "gre", "cidrlist": "0.0.0.0/0"}, "none of tcp"),
        ({"protocol": "icmp", "startport": 1, "cidrlist": "0.0.0.0/0"}, "has no ports"),
        ({"startport": 22, "icmptype": 1, "cidrlist": "0.0.0.0/0"}, "go with protocol=icmp"),
        ({"startport": 80, "cidrlist": "0.0.0.0/0"}, "such a rule already"),
        ({"startport": 22, "usersecuritygrouplist[0].group": "web"}, "account and group"),
        (
            {
                "startport": 22,
                "usersecuritygrouplist[0].group": "x",
                "usersecuritygrouplist[0].account": "admin",
            },
            "no security group x",
        ),
    ],
)
def test_a_rule_that_cannot_be_is_refused(lab: LabAtOnce, words: Any, why: str) -> None:
    group(lab)
    allow(lab, "web", startport=80, cidrlist="0.0.0.0/0")
    with refused(431, why):
        allow(lab, "web", **words)
    assert len(lab.ask("listSecurityGroups", securitygroupname="web")["securitygroup"]) == 1


def test_groups_are_of_the_vms_account_and_for_shared_networks(lab: LabAtOnce) -> None:
    mine, ann = group(lab), lab.of_ann()
    with refused(531, "security group"):
        ann.ask("authorizeSecurityGroupIngress", securitygroupid=mine, cidrlist="0.0.0.0/0")
    with refused(431, "as its VMs"):
        lab.vm("web1", securitygroupids=mine, account="ann", domainid="1")
    with refused(431, "on Shared networks"):
        lab.vm("web1", lab.network(), securitygroupids=mine)
    assert [row["name"] for row in ann.ask("listSecurityGroups")["securitygroup"]] == ["default"]
