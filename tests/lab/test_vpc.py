"""VPCs, their tiers, and the lists of what may pass between them, in the store and as the router is
told. Real traffic is in test_networks.py."""

from __future__ import annotations

from typing import Any

import pytest

from cmk.errors import Unreachable
from cmk.lab.model.account import Account
from cmk.lab.model.network import PublicAddress
from cmk.lab.model.vpc import AclList, Vpc
from tests.lab.at_once import LabAtOnce, refused
from tests.lab.conftest import Things

TIERS = "DefaultIsolatedNetworkOfferingForVpcNetworks"
WITHOUT_BALANCERS = "DefaultIsolatedNetworkOfferingForVpcNetworksNoLB"


class Cloud(LabAtOnce):
    """The same with a VPC, 10.20.0.0/16."""

    def __init__(self, things: Things) -> None:
        super().__init__(things)
        self.vpc = self.made_vpc("v1")

    def made_vpc(self, name: str, cidr: str = "10.20.0.0/16", **more: Any) -> str:
        [kind] = self.ask("listVPCOfferings")["vpcoffering"]
        words = {"zoneid": self.zone, "vpcofferingid": kind["id"], "name": name, "cidr": cidr}
        return str(self.ask("createVPC", **words, **more)["vpc"]["id"])

    def tier(self, number: int, offering: str = WITHOUT_BALANCERS, **more: Any) -> str:
        words = {"gateway": f"10.20.{number}.1", "netmask": "255.255.255.0", "vpcid": self.vpc}
        return self.network(f"tier{number}", offering, **{**words, **more})

    def acl(self, name: str = "web", vpc: str = "") -> str:
        words = {"name": name, "vpcid": vpc or self.vpc}
        return str(self.ask("createNetworkACLList", **words)["networkacllist"]["id"])

    def rule(self, acl: str, protocol: str = "tcp", **more: Any) -> Any:
        words = {"aclid": acl, "protocol": protocol, **more}
        return self.ask("createNetworkACL", **words)["networkacl"]

    def address(self) -> tuple[str, str]:
        made = self.ask("associateIpAddress", vpcid=self.vpc)["ipaddress"]
        return made["id"], made["ipaddress"]

    def access(self, name: str) -> Any:
        """What the router is told of a tier's list, as verdicts with ports."""
        [found] = [each for each in self.routed()["networks"] if each["address"] == name]
        return [(rule["verdict"], rule["start"]) for rule in found["access"]["ingress"]]


@pytest.fixture
def lab(things: Things) -> Cloud:
    return Cloud(things)


def test_a_vpc_has_an_address_by_which_its_tiers_reach_out(lab: Cloud) -> None:
    tier, other = lab.tier(1), lab.tier(2)
    [vpc] = lab.ask("listVPCs")["vpc"]
    assert (vpc["cidr"], vpc["state"]) == ("10.20.0.0/16", "Enabled")
    assert {network["id"] for network in vpc["network"]} == {tier, other}
    [source] = lab.ask("listPublicIpAddresses", vpcid=lab.vpc)["publicipaddress"]
    assert (source["issourcenat"], source["vpcname"]) == (True, "v1")
    [nic] = lab.vm("web1", tier)["nic"]
    assert (nic["ipaddress"], nic["vpcname"]) == ("10.20.1.2", "v1")
    lab.vm("db1", other)
    assert lab.ask("listVirtualMachines", vpcid=lab.vpc)["count"] == 2
    state = lab.routed()
    numbers = [network["id"] for network in state["networks"]]
    assert [public["sources"] for public in state["publics"]] == [numbers]
    assert len({network["vpc"] for network in state["networks"]}) == 1
    assert state["metadata"]["10.20.2.2"]["values"]["public-ipv4"] == source["ipaddress"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"gateway": "10.30.0.1"}, "not within the VPC v1"),
        ({"gateway": "10.20.1.129"}, "overlaps"),
        ({"gateway": ""}, "needs gateway and netmask"),
        ({"offering": "DefaultIsolatedNetworkOffering"}, "not for tiers"),
        ({"vpcid": ""}, "name one by vpcid"),
        ({"networkdomain": "other.org"}, "is lab.internal"),
        ({"aclid": "theirs"}, "of another VPC"),
    ],
)
def test_a_tier_that_cannot_be_is_refused(lab: Cloud, words: Any, why: str) -> None:
    lab.tier(1)
    if "aclid" in words:
        words = {"aclid": lab.acl("other", lab.made_vpc("v2"))}
    with refused(431, why):
        lab.tier(2, **words)


def test_balancers_of_a_vpc_are_in_one_tier(lab: Cloud) -> None:
    web = lab.tier(1, TIERS)
    with refused(431, "are in the tier tier1"):
        lab.tier(2, TIERS)
    other = lab.tier(2)
    vm = lab.vm("web1", web)["id"]
    id, address = lab.address()
    words = {"name": "lb", "publicport": 80, "privateport": 8080, "algorithm": "roundrobin"}
    with refused(431, "has no balancers"):
        lab.ask("createLoadBalancerRule", publicipid=id, networkid=other, **words)
    made = lab.ask("createLoadBalancerRule", publicipid=id, **words)["loadbalancer"]
    lab.ask("assignToLoadBalancerRule", id=made["id"], virtualmachineids=vm)
    [public] = [each for each in lab.routed()["publics"] if each["address"] == address]
    [balancer] = public["balancers"]
    assert balancer["servers"] == [{"name": "web1", "address": "10.20.1.2:8080"}]


@pytest.mark.parametrize("cidr", ["", "10.20.0.1/16", "8.8.0.0/16", "10.20.0.0/30", "x"])
def test_a_block_that_no_vpc_can_have_is_refused(lab: Cloud, cidr: str) -> None:
    with refused(431, "createVPC needs cidr|is no IPv4 block|cannot be a VPC's"):
        lab.made_vpc("v2", cidr)
    assert len(Vpc.there(lab.store)) == 1


def test_a_tier_without_a_list_lets_nothing_in_and_nothing_out(lab: Cloud) -> None:
    lab.vm("web1", lab.tier(1))
    [tier] = lab.routed()["networks"]
    assert [rule["verdict"] for rule in tier["access"]["ingress"]] == ["drop"]
    assert [rule["verdict"] for rule in tier["access"]["egress"]] == ["drop"]
    rows = lab.ask("listNetworkACLLists")["networkacllist"]
    assert [row["name"] for row in rows] == ["default_deny", "default_allow"]
    with refused(431, "everybody's"):
        lab.rule(rows[0]["id"])
    with refused(431, "everybody's"):
        lab.ask("deleteNetworkACLList", id=rows[1]["id"])


def test_rules_are_asked_in_the_order_of_their_numbers(lab: Cloud) -> None:
    acl = lab.acl()
    lab.vm("web1", lab.tier(1, aclid=acl))
    ssh = lab.rule(acl, startport=22, number=10)
    assert (ssh["state"], ssh["action"], ssh["traffictype"]) == ("Active", "Allow", "Ingress")
    web = lab.rule(acl, startport=80, endport=90)
    first = lab.rule(acl, "all", action="deny", cidrlist="10.0.0.0/8", number=1, reason="guests")
    assert web["number"] == 11
    assert lab.access("10.20.1.1") == [("drop", None), ("return", 22), ("return", 80)]
    lab.ask("moveNetworkAclItem", id=first["id"], previousaclruleid=web["id"])
    assert lab.access("10.20.1.1") == [("return", 22), ("return", 80), ("drop", None)]
    lab.ask("moveNetworkAclItem", id=web["id"], nextaclruleid=ssh["id"])
    assert lab.access("10.20.1.1") == [("return", 80), ("return", 22), ("drop", None)]
    lab.ask("deleteNetworkACL", id=ssh["id"])
    rows = lab.ask("listNetworkACLs", aclid=acl)["networkacl"]
    assert [row["id"] for row in rows] == [web["id"], first["id"]]
    assert rows[1]["reason"] == "guests"
    assert lab.ask("listNetworkACLs", aclid=acl, action="deny")["count"] == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"protocol": "tcpx"}, "none of tcp"),
        ({"protocol": "300"}, "none of tcp"),
        ({"protocol": "٢٠"}, "none of tcp"),
        ({"number": 1 << 31}, "count from 1"),
        ({"protocol": "icmp", "startport": 1}, "has no ports"),
        ({"protocol": "all", "startport": 1}, "has no ports"),
        ({"icmptype": 1}, "go with protocol=icmp"),
        ({"startport": 90, "endport": 80}, "is before"),
        ({"startport": 70000}, "no port"),
        ({"number": 0}, "count from 1"),
        ({"number": 1}, "with the number 1 already"),
        ({"action": "maybe"}, "neither allow nor deny"),
        ({"traffictype": "up"}, "neither ingress nor egress"),
        ({"cidrlist": "10.0.0.0/33"}, "no IPv4 blocks"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(lab: Cloud, words: Any, why: str) -> None:
    acl = lab.acl()
    lab.rule(acl, startport=22)
    with refused(431, why):
        lab.rule(acl, **words)
    assert lab.ask("listNetworkACLs", aclid=acl)["count"] == 1


def test_a_changed_rule_keeps_what_was_not_named(lab: Cloud) -> None:
    acl = lab.acl()
    id = lab.rule(acl, startport=22, cidrlist="10.0.0.0/8", action="deny", reason="why")["id"]
    told = lab.ask("updateNetworkACLItem", id=id, endport=25)["networkacl"]
    assert (told["startport"], told["endport"], told["cidrlist"]) == ("22", "25", "10.0.0.0/8")
    assert (told["action"], told["reason"]) == ("Deny", "why")
    told = lab.ask("updateNetworkACLItem", id=id, protocol="006", reason="again")["networkacl"]
    assert (told["protocol"], told["startport"], told["endport"]) == ("tcp", "22", "25")
    told = lab.ask("updateNetworkACLItem", id=id, protocol="icmp", icmptype=8)["networkacl"]
    assert "startport" not in told
    with refused(431, "count from 1"):
        lab.ask("updateNetworkACLItem", id=id, number=0)
    told = lab.ask("updateNetworkACLItem", id=id, protocol="6", partialupgrade="false")[
        "networkacl"
    ]
    assert (told["protocol"], told["action"], told["cidrlist"]) == ("tcp", "Allow", "0.0.0.0/0")


def test_a_change_that_the_router_does_not_take_is_taken_back(
    lab: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    tier, acl, other = lab.tier(1), lab.acl(), lab.acl("other")
    rule = lab.rule(acl, startport=22, number=7)
    lab.ask("replaceNetworkACLList", aclid=acl, networkid=tier)
    answers = [Unreachable("nft: no"), None, Unreachable("nft: no"), None]

    def route(lab: Any) -> Any:
        problem = answers.pop(0)
        if problem:
            raise problem
        return {"refused": {}}

    monkeypatch.setattr("cmk.lab.works.vpc.route", route)
    with refused(530, "nft: no"):
        lab.ask("updateNetworkACLItem", id=rule["id"], protocol="47", number=9)
    with refused(530, "nft: no"):
        lab.ask("replaceNetworkACLList", aclid=other, networkid=tier)
    [row] = lab.ask("listNetworkACLs", networkid=tier)["networkacl"]
    assert (row["protocol"], row["startport"], row["number"]) == ("tcp", "22", 7)


def test_the_first_rule_for_a_tier_makes_a_list_of_its_own_for_it(lab: Cloud) -> None:
    tier = lab.tier(1)
    lab.ask("createNetworkACL", networkid=tier, protocol="tcp", startport=22)
    lab.ask("createNetworkACL", networkid=tier, protocol="tcp", startport=23)
    [acl] = lab.ask("listNetworkACLLists", networkid=tier)["networkacllist"]
    assert acl["vpcid"] == lab.vpc
    assert lab.ask("listNetworkACLs", networkid=tier)["count"] == 2
    with refused(431, "tier1 keeps to the list"):
        lab.ask("deleteNetworkACLList", id=acl["id"])


def test_a_tier_is_given_another_list(lab: Cloud) -> None:
    tier, acl = lab.tier(1), lab.acl()
    lab.vm("web1", tier)
    lab.rule(acl, startport=22)
    lab.ask("replaceNetworkACLList", aclid=acl, networkid=tier)
    assert lab.access("10.20.1.1") == [("return", 22)]
    assert lab.ask("listNetworks", id=tier)["network"][0]["aclname"] == "web"
    with refused(431, "of another VPC"):
        theirs = lab.acl("x", lab.made_vpc("v2"))
        lab.ask("replaceNetworkACLList", aclid=theirs, networkid=tier)
    with refused(431, "of no VPC"):
        lab.ask("replaceNetworkACLList", aclid=acl, networkid=lab.network())


def test_a_forwarding_of_a_vpc_needs_no_firewall_and_leads_to_one_tier(lab: Cloud) -> None:
    web, db = lab.tier(1), lab.tier(2)
    one, two = lab.vm("web1", web)["id"], lab.vm("db1", db)["id"]
    id, _ = lab.address()
    words = {"ipaddressid": id, "protocol": "tcp", "privateport": 22}
    lab.ask("createPortForwardingRule", publicport=2222, virtualmachineid=one, **words)
    assert lab.forwards() == {2222: "10.20.1.2:22"}
    [row] = lab.ask("listPublicIpAddresses", id=id)["publicipaddress"]
    assert (row["associatednetworkname"], row["hasrules"]) == ("tier1", True)
    with refused(431, "db1 is not on the network tier1"):
        lab.ask("createPortForwardingRule", publicport=2223, virtualmachineid=two, **words)
    with refused(431, "leads to another tier"):
        lab.ask(
            "createPortForwardingRule", publicport=2223, virtualmachineid=two, networkid=db, **words
        )
    with refused(431, "the lists of its tiers"):
        lab.ask("createFirewallRule", ipaddressid=id, protocol="tcp", startport=22)
    with refused(431, "is a tier of a VPC"):
        lab.ask("associateIpAddress", networkid=web)


def test_static_nat_opens_what_the_tiers_list_lets_in(lab: Cloud) -> None:
    acl = lab.acl()
    vm = lab.vm("web1", lab.tier(1, aclid=acl))["id"]
    lab.rule(acl, startport=23, action="deny")
    lab.rule(acl, startport=22, endport=24)
    lab.rule(acl, startport=80, cidrlist="10.0.0.0/8")
    lab.rule(acl, "icmp")
    lab.rule(acl, startport=9000, action="allow", traffictype="egress")
    id, _ = lab.address()
    lab.ask("enableStaticNat", ipaddressid=id, virtualmachineid=vm)
    assert lab.forwards() == {22: "10.20.1.2:22", 24: "10.20.1.2:24"}
    lab.rule(acl)  # tcp, all ports
    forwards = lab.forwards()
    assert {25, 443, 8080} <= set(forwards)
    assert not {23, 1025} & set(forwards)


def test_a_vpc_goes_when_its_tiers_are_gone_and_takes_its_addresses_and_lists(lab: Cloud) -> None:
    tier, acl = lab.tier(1), lab.acl()
    lab.rule(acl, startport=22)
    lab.address()
    with refused(431, "has 1 network"):
        lab.ask("deleteVPC", id=lab.vpc)
    lab.ask("deleteNetwork", id=tier)
    assert lab.ask("deleteVPC", id=lab.vpc)["success"] is True
    assert lab.ask("listVPCs") == {}
    assert PublicAddress.there(lab.store) == []
    assert len(AclList.there(lab.store)) == 2
    assert lab.ask("listNetworkACLs")["count"] == 4


def test_a_vpc_is_its_accounts_and_is_counted(lab: Cloud) -> None:
    ann = lab.of_ann()
    assert ann.ask("listVPCs") == {}
    with refused(531, "VPC"):
        ann.ask("deleteVPC", id=lab.vpc)
    with refused(531, "VPC"):
        ann.ask("associateIpAddress", vpcid=lab.vpc)
    acl = lab.acl()
    with refused(531, "network ACL list"):
        ann.ask("createNetworkACL", aclid=acl, protocol="tcp")
    assert ann.ask("listNetworkACLLists")["count"] == 2
    lab.ask("updateConfiguration", name="max.account.vpcs", value="1")
    hers = Cloud.made_vpc(ann, "hers")  # type: ignore[arg-type]
    with refused(535, "vpc 1"):
        Cloud.made_vpc(ann, "more")  # type: ignore[arg-type]
    account = Account.called(lab.store, "ann", 1)
    assert account is not None
    lab.ask("deleteAccount", id=account.uuid)
    assert Vpc.known(lab.store, hers) is None


def test_a_vpc_is_renamed_and_restarted(lab: Cloud) -> None:
    told = lab.ask("updateVPC", id=lab.vpc, name="v9", displaytext="nine")["vpc"]
    assert (told["name"], told["displaytext"]) == ("v9", "nine")
    assert lab.ask("restartVPC", id=lab.vpc, cleanup="true")["success"] is True
