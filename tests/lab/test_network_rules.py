"""Networks, addresses, rules, key pairs and user data in the store: what is allowed, and what the
router is told of it. Real traffic is in test_networks.py."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from cmk.errors import ApiError
from cmk.lab.engine import run
from cmk.lab.hosts.router import public_cidr
from cmk.lab.hosts.seed_disk import files_of, iso9660
from cmk.lab.jobs import Job
from cmk.lab.jobs import run as run_job
from cmk.lab.model.job import AsyncJob
from cmk.lab.model.machine import Machine, MachineState
from cmk.lab.model.network import Network, PublicAddress, SecondaryAddress
from cmk.lab.worker import OUTCOMES
from cmk.wire.envelope import content
from tests.lab.at_once import LabAtOnce, refused
from tests.lab.conftest import Things

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me@example"


@pytest.fixture
def lab(things: Things) -> LabAtOnce:
    return LabAtOnce(things)


def test_a_network_gets_the_next_free_block_and_the_first_vm_brings_it_up(lab: LabAtOnce) -> None:
    first, second = lab.network("n1"), lab.network("n2")
    rows = {row["id"]: row for row in lab.ask("listNetworks")["network"]}
    assert (rows[first]["cidr"], rows[first]["gateway"]) == ("10.1.1.0/24", "10.1.1.1")
    assert (rows[second]["cidr"], rows[first]["state"]) == ("10.1.2.0/24", "Allocated")
    vm = lab.vm("web1", first)
    [nic] = vm["nic"]
    assert (nic["ipaddress"], nic["netmask"], nic["gateway"]) == (
        "10.1.1.2",
        "255.255.255.0",
        "10.1.1.1",
    )
    assert (vm["ipaddress"], nic["type"], nic["isdefault"]) == ("10.1.1.2", "Isolated", True)


def test_a_vm_on_two_networks_has_a_nic_on_each_the_first_by_default(lab: LabAtOnce) -> None:
    first, second = lab.network("n1"), lab.network("n2")
    vm = lab.vm("web1", second, first, ipaddress="10.1.2.77")
    assert [(nic["ipaddress"], nic["isdefault"]) for nic in vm["nic"]] == [
        ("10.1.2.77", True),
        ("10.1.1.2", False),
    ]
    listed = lab.ask("listNics", virtualmachineid=vm["id"])["nic"]
    assert [nic["deviceid"] for nic in listed] == ["0", "1"]
    assert lab.ask("listVirtualMachines", networkid=first)["count"] == 1


def test_networks_are_named_with_the_addresses_on_them(lab: LabAtOnce) -> None:
    first, second = lab.network("n1"), lab.network("n2")
    words = {
        "iptonetworklist[0].networkid": first,
        "iptonetworklist[1].networkid": second,
        "iptonetworklist[1].ip": "10.1.2.77",
    }
    vm = lab.vm("web1", **words)
    assert [nic["ipaddress"] for nic in vm["nic"]] == ["10.1.1.2", "10.1.2.77"]
    with refused(431, "without networkids"):
        lab.vm("web2", first, **words)
    with refused(431, "no ip6 of them"):
        lab.vm("web2", **words, **{"iptonetworklist[0].ip6": "::1"})
    with refused(431, "have networkid and ip"):
        lab.vm("web2", **{"iptonetworklist[0].ip": "10.1.1.9"})
    with refused(431, "is in use"):
        lab.vm("web2", **words)


def test_a_nic_has_more_addresses_that_are_nobody_elses(lab: LabAtOnce) -> None:
    network = lab.network("n1")
    vm = lab.vm("web1", network)
    nic = vm["nic"][0]["id"]
    made = lab.ask("addIpToNic", nicid=nic)["nicsecondaryip"]
    assert made["ipaddress"] == "10.1.1.3"
    assert lab.vm("web2", network)["nic"][0]["ipaddress"] == "10.1.1.4"
    with refused(431, "is in use"):
        lab.ask("addIpToNic", nicid=nic, ipaddress="10.1.1.4")
    [row] = lab.ask("listNics", virtualmachineid=vm["id"])["nic"]
    assert row["secondaryip"] == [{"id": made["id"], "ipaddress": "10.1.1.3"}]
    public = lab.ask("associateIpAddress", networkid=network)["ipaddress"]["id"]
    words = {"ipaddressid": public, "protocol": "tcp", "virtualmachineid": vm["id"]}
    rule = lab.ask(
        "createPortForwardingRule", publicport=80, privateport=80, vmguestip="10.1.1.3", **words
    )["portforwardingrule"]
    assert (rule["vmguestip"], lab.forwards()) == ("10.1.1.3", {80: "10.1.1.3:80"})
    with refused(431, "leads to 10.1.1.3"):
        lab.ask("removeIpFromNic", id=made["id"])
    lab.ask("deletePortForwardingRule", id=rule["id"])
    lab.ask("removeIpFromNic", id=made["id"])
    assert lab.ask("addIpToNic", nicid=nic)["nicsecondaryip"]["ipaddress"] == "10.1.1.3"
    ann = lab.of_ann()
    with refused(531, "VM"):
        ann.ask("addIpToNic", nicid=nic)
    with refused(531, "secondary"):
        ann.ask("removeIpFromNic", id=SecondaryAddress.there(lab.store)[0].uuid)
    lab.ask("destroyVirtualMachine", id=vm["id"], expunge="true")
    assert SecondaryAddress.there(lab.store) == []


def test_a_nic_has_so_many_more_addresses(lab: LabAtOnce) -> None:
    nic = lab.vm("web1", lab.network("n1"))["nic"][0]["id"]
    for _ in range(10):
        lab.ask("addIpToNic", nicid=nic)
    with refused(431, "are the most"):
        lab.ask("addIpToNic", nicid=nic)


def test_a_parameter_that_is_no_text_or_no_map_is_refused(lab: LabAtOnce) -> None:
    with refused(431, "half a letter"):
        lab.network("n\udc80")
    with refused(431, "no entry of a map"):
        lab.vm("web1", **{f"iptonetworklist[{'9' * 5000}].networkid": "x"})


def test_the_address_of_a_stopped_vm_changes(lab: LabAtOnce) -> None:
    vm = lab.vm("web1", lab.network("n1"))
    nic = vm["nic"][0]["id"]
    told = lab.ask("updateVmNicIp", nicid=nic, ipaddress="10.1.1.9")["virtualmachine"]
    assert told["nic"][0]["ipaddress"] == "10.1.1.9"
    lab.routed()  # it runs from here on
    with refused(431, "when it is Stopped"):
        lab.ask("updateVmNicIp", nicid=nic)


def test_a_vm_comes_to_a_network_and_leaves_it(lab: LabAtOnce) -> None:
    first, second = lab.network("n1"), lab.network("n2")
    vm = lab.vm("web1", first)["id"]
    words = {"virtualmachineid": vm, "networkid": second, "ipaddress": "10.1.2.9"}
    told = lab.ask("addNicToVirtualMachine", **words)["virtualmachine"]
    old, new = told["nic"]
    assert (new["ipaddress"], new["isdefault"], new["deviceid"]) == ("10.1.2.9", False, "1")
    with refused(431, "already"):
        lab.ask("addNicToVirtualMachine", virtualmachineid=vm, networkid=second)
    with refused(431, "the default NIC"):
        lab.ask("removeNicFromVirtualMachine", virtualmachineid=vm, nicid=old["id"])
    words = {"virtualmachineid": vm, "nicid": new["id"]}
    told = lab.ask("updateDefaultNicForVirtualMachine", **words)["virtualmachine"]
    assert [nic["ipaddress"] for nic in told["nic"]] == ["10.1.2.9", "10.1.1.2"]
    assert told["ipaddress"] == "10.1.2.9"
    told = lab.ask("removeNicFromVirtualMachine", virtualmachineid=vm, nicid=old["id"])
    assert [nic["ipaddress"] for nic in told["virtualmachine"]["nic"]] == ["10.1.2.9"]
    assert lab.ask("deleteNetwork", id=first)["success"] is True


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("10.1.1.1", "not for guests"),
        ("10.1.1.255", "not for guests"),
        ("10.9.9.9", "not for guests"),
        ("10.1.1.2", "in use"),
        ("web1", "no IPv4 address"),
    ],
)
def test_an_address_that_cannot_be_is_refused(lab: LabAtOnce, address: str, why: str) -> None:
    network = lab.network()
    lab.vm("web1", network)
    with refused(431, why):
        lab.vm("web2", network, ipaddress=address)
    assert Machine.called(lab.store, "web2") is None


def test_an_account_has_as_many_networks_and_addresses_as_it_may(lab: LabAtOnce) -> None:
    mine = lab.of_ann()
    for name in ("max.account.networks", "max.account.public.ips"):
        lab.ask("updateConfiguration", name=name, value="1")
    network = mine.network()
    with refused(535, "network 1"):
        mine.network("n2")
    mine.ask("associateIpAddress", networkid=network)
    with refused(535, "public_ip"):
        mine.ask("associateIpAddress", networkid=network)


def test_an_account_that_goes_leaves_nothing_of_its_networks(lab: LabAtOnce) -> None:
    mine = lab.of_ann()
    network = mine.network()
    mine.ask("associateIpAddress", networkid=network)
    mine.ask("registerSSHKeyPair", name="me", publickey=KEY)
    mine.ask("registerUserData", name="web", userdata="IyEvYmluL3NoCg==")
    mine.ask("createAffinityGroup", name="apart", type="host anti-affinity")
    lab.ask("deleteAccount", id=mine.call.caller.uuid)
    for api in ("listPublicIpAddresses", "listSSHKeyPairs", "listUserData", "listAffinityGroups"):
        assert lab.ask(api, listall="true") == {}, api
    names = [row["name"] for row in lab.ask("listNetworks", listall="true")["network"]]
    assert names == ["lab-network"]


def test_an_l2_network_gives_no_addresses(lab: LabAtOnce) -> None:
    network = lab.network("cable", "DefaultL2NetworkOffering")
    [nic] = lab.vm("web1", network)["nic"]
    assert "ipaddress" not in nic
    with refused(431, "gives no addresses"):
        lab.vm("web2", network, ipaddress="10.1.1.5")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"gateway": "10.1.1.1", "netmask": "255.255.255.0"}, "overlaps with 10.1.1.0/24"),
        ({"gateway": "8.8.8.1", "netmask": "255.255.255.0"}, "are private"),
        ({"gateway": "127.0.0.1", "netmask": "255.0.0.0"}, "are private"),
        ({"gateway": "0.0.0.0", "netmask": "255.0.0.0"}, "are private"),
        ({"gateway": "10.5.0.0", "netmask": "255.255.255.0"}, "no host's address"),
        ({"gateway": "10.5.0.255", "netmask": "255.255.255.0"}, "no host's address"),
        ({"gateway": "10.5.0.1", "netmask": "24"}, "no netmask"),
        ({"gateway": "10.5.0.1", "netmask": "0.0.0.255"}, "no netmask"),
        ({"gateway": "10.5.0.1"}, "go together"),
        ({"gateway": "x", "netmask": "y"}, "no IPv4 network"),
        ({"networkdomain": "-bad-"}, "no name of a domain"),
        ({"acltype": "Domain"}, "Shared networks"),
    ],
)
def test_a_network_that_cannot_be_is_refused(lab: LabAtOnce, words: Any, why: str) -> None:
    lab.network()
    with refused(431, why):
        lab.network("n2", **words)
    assert not Network.there(lab.store, name="n2")


def test_a_network_with_vms_stays_and_one_without_goes_with_all_on_it(lab: LabAtOnce) -> None:
    network = lab.network()
    vm = lab.vm("web1", network)
    address = lab.ask("associateIpAddress", networkid=network)["ipaddress"]["id"]
    with refused(431, "1 NIC"):
        lab.ask("deleteNetwork", id=network)
    lab.ask("destroyVirtualMachine", id=vm["id"], expunge="true")
    assert lab.ask("deleteNetwork", id=network)["success"] is True
    assert PublicAddress.known(lab.store, address) is None
    with refused(431, "the lab's own"):
        lab.ask("deleteNetwork", id=Network.default(lab.store).uuid)


def test_the_first_address_of_a_network_is_what_it_reaches_out_by(lab: LabAtOnce) -> None:
    network = lab.network()
    more = lab.ask("associateIpAddress", networkid=network)["ipaddress"]
    rows = lab.ask("listPublicIpAddresses", associatednetworkid=network)["publicipaddress"]
    assert sorted(row["issourcenat"] for row in rows) == [False, True]
    source = next(row for row in rows if row["issourcenat"])
    with refused(431, "source NAT"):
        lab.ask("disassociateIpAddress", id=source["id"])
    assert more["ipaddress"].startswith(public_cidr(lab.store).rpartition(".")[0])
    assert lab.ask("disassociateIpAddress", ipaddress=more["ipaddress"])["success"] is True
    assert lab.ask("listPublicIpAddresses")["count"] == 1


def test_a_shared_network_has_no_public_addresses(lab: LabAtOnce) -> None:
    with refused(431, "not Isolated"):
        lab.ask("associateIpAddress", networkid=Network.default(lab.store).uuid)


class Front:
    """A VM behind a public address."""

    def __init__(self, lab: LabAtOnce) -> None:
        self.lab, self.network = lab, lab.network()
        self.vm = lab.vm("web1", self.network)["id"]
        self.other = lab.vm("web2", self.network)["id"]
        self.stranger = lab.vm("web3")["id"]
        found = lab.ask("associateIpAddress", networkid=self.network)["ipaddress"]
        self.id, self.address = found["id"], found["ipaddress"]

    def forward(self, port: int, at: int = 22, vm: str = "", **more: Any) -> Any:
        words = {"protocol": "tcp", "publicport": port, "privateport": at, **more}
        return self.lab.ask(
            "createPortForwardingRule", ipaddressid=self.id, virtualmachineid=vm or self.vm, **words
        )["portforwardingrule"]

    def opened(self, start: int, **more: Any) -> Any:
        words = {"protocol": "tcp", "startport": start, **more}
        return self.lab.ask("createFirewallRule", ipaddressid=self.id, **words)["firewallrule"]


@pytest.fixture
def front(lab: LabAtOnce) -> Front:
    return Front(lab)


def test_a_forwarding_opens_the_firewall_and_closes_it_when_it_goes(front: Front) -> None:
    rule = front.forward(2222)
    assert (rule["publicport"], rule["privateport"], rule["state"]) == ("2222", "22", "Active")
    assert front.lab.forwards() == {2222: "10.1.1.2:22"}
    [opened] = front.lab.ask("listFirewallRules", ipaddressid=front.id)["firewallrule"]
    assert (opened["startport"], opened["endport"], opened["cidrlist"]) == (2222, 2222, "0.0.0.0/0")
    front.lab.ask("deletePortForwardingRule", id=rule["id"])
    assert front.lab.forwards() == {}
    assert front.lab.ask("listFirewallRules") == {}


def test_a_forwarding_without_a_firewall_rule_leads_nowhere(front: Front) -> None:
    front.forward(2222, openfirewall="false")
    assert front.lab.forwards() == {}
    opened = front.opened(2000, endport=3000)
    assert front.lab.forwards() == {2222: "10.1.1.2:22"}
    front.lab.ask("deleteFirewallRule", id=opened["id"])
    assert front.lab.forwards() == {}


def test_a_range_of_ports_goes_to_as_many_of_the_vm(front: Front) -> None:
    front.forward(8000, 80, publicendport=8002, privateendport=82)
    assert front.lab.forwards() == {8000: "10.1.1.2:80", 8001: "10.1.1.2:81", 8002: "10.1.1.2:82"}
    with refused(431, "differ"):
        front.forward(9000, 80, publicendport=9002, privateendport=89)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"port": 2222}, "lead elsewhere"),
        ({"port": 2000, "publicendport": 2300}, "lead elsewhere"),
        ({"port": 0}, "no port"),
        ({"port": 70000}, "no port"),
        ({"port": 90, "publicendport": 80}, "before"),
        ({"port": 1000, "publicendport": 9999, "protocol": "udp"}, "are the most"),
        ({"port": 99, "protocol": "icmp"}, "tcp or udp"),
    ],
)
def test_a_forwarding_that_cannot_be_is_refused(front: Front, words: Any, why: str) -> None:
    front.forward(2222)
    with refused(431, why):
        front.forward(**words)
    assert front.lab.forwards() == {2222: "10.1.1.2:22"}


def test_a_forwarding_leads_to_another_port_and_another_vm(front: Front) -> None:
    rule = front.forward(8000, 80, publicendport=8001, privateendport=81)
    change = {"id": rule["id"], "virtualmachineid": front.other}
    told = front.lab.ask("updatePortForwardingRule", privateport=90, **change)["portforwardingrule"]
    assert (told["privateport"], told["privateendport"]) == ("90", "91")
    assert front.lab.forwards() == {8000: "10.1.1.3:90", 8001: "10.1.1.3:91"}
    with refused(431, "differ"):
        front.lab.ask("updatePortForwardingRule", id=rule["id"], privateport=1, privateendport=9)
    with refused(431, "goes with privateport"):
        front.lab.ask("updatePortForwardingRule", id=rule["id"], privateendport=90)
    with refused(431, "past 65535"):
        front.lab.ask("updatePortForwardingRule", id=rule["id"], privateport=65535)
    with refused(431, "not on the network"):
        front.lab.ask("updatePortForwardingRule", id=rule["id"], virtualmachineid=front.stranger)


def test_a_forwarding_to_a_vm_of_another_network_is_refused(front: Front) -> None:
    with refused(431, "not on the network n1"):
        front.forward(2222, vm=front.stranger)


def test_static_nat_takes_a_whole_address_and_its_firewall_says_which_ports(front: Front) -> None:
    front.lab.ask("enableStaticNat", ipaddressid=front.id, virtualmachineid=front.vm)
    assert front.lab.forwards() == {}
    front.opened(80, endport=81)
    assert front.lab.forwards() == {80: "10.1.1.2:80", 81: "10.1.1.2:81"}
    [row] = front.lab.ask("listPublicIpAddresses", id=front.id)["publicipaddress"]
    assert (row["isstaticnat"], row["virtualmachinename"], row["vmipaddress"]) == (
        True,
        "web1",
        "10.1.1.2",
    )
    with refused(431, "static NAT"):
        front.forward(2222)
    with refused(431, "leads to another VM"):
        front.lab.ask("enableStaticNat", ipaddressid=front.id, virtualmachineid=front.other)
    front.lab.ask("disableStaticNat", ipaddressid=front.id)
    assert front.lab.forwards() == {}
    assert front.lab.ask("listFirewallRules") == {}


def test_static_nat_and_forwardings_exclude_each_other(front: Front) -> None:
    front.forward(2222)
    with refused(431, "port forwarding"):
        front.lab.ask("enableStaticNat", ipaddressid=front.id, virtualmachineid=front.vm)


def test_a_firewall_rule_for_others_than_this_machine_lets_nothing_in(front: Front) -> None:
    front.forward(2222, openfirewall="false")
    rule = front.opened(2222, cidrlist="192.168.0.0/16")
    assert front.lab.forwards() == {}
    front.lab.ask("deleteFirewallRule", id=rule["id"])
    front.opened(2222, cidrlist="192.168.0.0/16,127.0.0.0/8")
    assert front.lab.forwards() == {2222: "10.1.1.2:22"}


def test_a_rule_on_icmp_is_there_once(front: Front) -> None:
    words = {"ipaddressid": front.id, "protocol": "icmp", "icmptype": 8}
    front.lab.ask("createFirewallRule", icmpcode=0, **words)
    front.lab.ask("createFirewallRule", icmpcode=1, **words)
    with refused(431, "this rule on icmp already"):
        front.lab.ask("createFirewallRule", icmpcode=0, **words)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"protocol": "sctp", "startport": 1}, "none of tcp"),
        ({"protocol": "tcp"}, "needs startport"),
        ({"protocol": "tcp", "startport": 2222}, "have a firewall rule"),
        ({"protocol": "tcp", "startport": 1, "cidrlist": "x"}, "no IPv4 blocks"),
        ({"protocol": "icmp", "startport": 1}, "no ports"),
        ({"protocol": "tcp", "startport": 1, "icmptype": 8}, "go with protocol=icmp"),
        ({"protocol": "all"}, "what leaves"),
    ],
)
def test_a_firewall_rule_that_cannot_be_is_refused(front: Front, words: Any, why: str) -> None:
    front.opened(2222)
    with refused(431, why):
        front.lab.ask("createFirewallRule", ipaddressid=front.id, **words)


class Balancing:
    """A balancer of port 80 to 8080, with two VMs behind it."""

    def __init__(self, front: Front) -> None:
        self.lab, self.front = front.lab, front
        self.id = self.made(80)["id"]
        self.lab.ask(
            "assignToLoadBalancerRule", id=self.id, virtualmachineids=f"{front.vm},{front.other}"
        )

    def made(self, port: int, **more: Any) -> Any:
        words = {"name": "web", "publicport": port, "privateport": 8080, "algorithm": "roundrobin"}
        return self.lab.ask(
            "createLoadBalancerRule", publicipid=self.front.id, **{**words, **more}
        )["loadbalancer"]

    def routed(self) -> Any:
        """What the router is told of it."""
        return [each for public in self.lab.routed()["publics"] for each in public["balancers"]]


@pytest.fixture
def balancing(front: Front) -> Balancing:
    return Balancing(front)


def test_a_balancer_shares_among_its_vms_and_opens_the_firewall(balancing: Balancing) -> None:
    [told] = balancing.routed()
    assert (told["port"], told["algorithm"]) == (80, "roundrobin")
    assert [server["address"] for server in told["servers"]] == ["10.1.1.2:8080", "10.1.1.3:8080"]
    [row] = balancing.lab.ask("listLoadBalancerRules")["loadbalancerrule"]
    assert (row["publicport"], row["privateport"], row["state"]) == ("80", "8080", "Active")
    behind = balancing.lab.ask("listLoadBalancerRuleInstances", id=balancing.id)
    assert [vm["name"] for vm in behind["loadbalancerruleinstance"]] == ["web1", "web2"]
    found = balancing.lab.ask("listLoadBalancerRules", virtualmachineid=balancing.front.other)
    assert found["count"] == 1
    balancing.lab.ask("deleteLoadBalancerRule", id=balancing.id)
    assert balancing.routed() == []
    assert balancing.lab.ask("listFirewallRules") == {}


def test_a_vm_is_taken_from_behind_a_balancer_and_leaves_it_when_it_goes(
    balancing: Balancing,
) -> None:
    front, lab = balancing.front, balancing.lab
    lab.ask("removeFromLoadBalancerRule", id=balancing.id, virtualmachineids=front.vm)
    with refused(431, "not behind"):
        lab.ask("removeFromLoadBalancerRule", id=balancing.id, virtualmachineids=front.vm)
    with refused(431, "already"):
        lab.ask("assignToLoadBalancerRule", id=balancing.id, virtualmachineids=front.other)
    with refused(431, "not on the network"):
        lab.ask("assignToLoadBalancerRule", id=balancing.id, virtualmachineids=front.stranger)
    lab.ask("destroyVirtualMachine", id=front.other, expunge="true")
    [told] = balancing.routed()
    assert told["servers"] == []
    words = {"id": balancing.id, "applied": "false"}
    could = lab.ask("listLoadBalancerRuleInstances", **words)["loadbalancerruleinstance"]
    assert [vm["name"] for vm in could] == ["web1"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"port": 80}, "leads elsewhere"),
        ({"port": 0}, "no port"),
        ({"port": 81, "algorithm": "fastest"}, "none of roundrobin"),
        ({"port": 81, "protocol": "udp"}, "share tcp"),
    ],
)
def test_a_balancer_that_cannot_be_is_refused(balancing: Balancing, words: Any, why: str) -> None:
    with refused(431, why):
        balancing.made(**words)
    assert len(balancing.routed()) == 1


def test_a_port_has_a_balancer_or_a_forwarding(balancing: Balancing) -> None:
    with refused(431, "lead elsewhere"):
        balancing.front.forward(80)
    with refused(431, "balancers"):
        balancing.lab.ask(
            "enableStaticNat", ipaddressid=balancing.front.id, virtualmachineid=balancing.front.vm
        )


def test_a_client_is_kept_and_vms_are_asked_as_policies_say(balancing: Balancing) -> None:
    lab, id = balancing.lab, balancing.id
    words = {"lbruleid": id, "name": "s", "methodname": "lbcookie", "param[0].cookie-name": "SRV"}
    row = AsyncJob.known(
        lab.store, content(run(lab.call, "createLBStickinessPolicy", words))["jobid"]
    )
    assert row is not None
    run_job(Job(lab.call, row), OUTCOMES[row.job_cmd])
    lab.ask("createLBHealthCheckPolicy", lbruleid=id, pingpath="/up", intervaltime=9)
    [told] = balancing.routed()
    assert (told["sticky"]["method"], told["sticky"]["name"]) == ("LbCookie", "SRV")
    assert told["check"] == {"path": "/up", "inter": "9s"}
    [shown] = lab.ask("listLBStickinessPolicies", lbruleid=id)["stickinesspolicies"]
    policy = shown["stickinesspolicy"][0]
    assert (policy["methodname"], policy["params"]) == ("LbCookie", {"cookie-name": "SRV"})
    with refused(431, "delete that first"):
        lab.ask("createLBStickinessPolicy", lbruleid=id, name="t", methodname="SourceBased")
    lab.ask("deleteLBStickinessPolicy", id=policy["id"])
    assert balancing.routed()[0]["sticky"] == {}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"methodname": "magic"}, "none of LbCookie"),
        ({"methodname": "LbCookie", "param[0].cookie-name": "a b\nbind :1"}, "nothing that"),
        ({"methodname": "SourceBased", "param[0].expire": "soon"}, "nothing that"),
        ({"methodname": "SourceBased", "param[0].colour": "red"}, "nothing that"),
        ({"methodname": "SourceBased", "param[0].expire": "25d"}, "nothing that"),
        ({"methodname": "SourceBased", "param[0].expire": "999999999s"}, "nothing that"),
        ({"methodname": "SourceBased", "param[0].tablesize": "0"}, "nothing that"),
        ({"methodname": "SourceBased", "param[0].tablesize": "999999999m"}, "nothing that"),
        ({"methodname": "AppCookie", "param[0].length": "0"}, "nothing that"),
        ({"methodname": "LbCookie", "param[0].domain": "x"}, "nothing that"),
    ],
)
def test_what_haproxy_cannot_be_told_is_refused(balancing: Balancing, words: Any, why: str) -> None:
    with refused(431, why):
        run(
            balancing.lab.call,
            "createLBStickinessPolicy",
            {"lbruleid": balancing.id, "name": "s", **words},
        )


@pytest.mark.parametrize(
    "path", ["up", '/"${HOME}"', "/a b", "/'x", "/\\x", "/$x", "/#x", "/%[env(H)]"]
)
def test_a_path_that_haproxy_would_read_more_into_is_refused(
    balancing: Balancing, path: str
) -> None:
    with refused(431, "no path"):
        balancing.lab.ask("createLBHealthCheckPolicy", lbruleid=balancing.id, pingpath=path)


def test_a_vm_is_named_once_and_others_vms_are_not_shown(balancing: Balancing) -> None:
    lab, front = balancing.lab, balancing.front
    more = balancing.made(81)["id"]
    with refused(431, "already"):
        lab.ask("assignToLoadBalancerRule", id=more, virtualmachineids=f"{front.vm},{front.vm}")
    lab.ask("createLBHealthCheckPolicy", lbruleid=more, pingpath="/up")
    [shown] = lab.ask("listLBHealthCheckPolicies", lbruleid=more)["healthcheckpolicies"]
    policy = shown["healthcheckpolicy"][0]["id"]
    lab.ask("deleteLoadBalancerRule", id=more)
    with pytest.raises(ApiError, match=r"[Pp]olicy|policy"):
        lab.ask("listLBHealthCheckPolicies", id=policy)


def test_only_what_is_closed_is_opened_with_a_forwarding(front: Front) -> None:
    front.opened(80)
    front.forward(79, 79, publicendport=90)
    assert sorted(front.lab.forwards()) == list(range(79, 91))
    with refused(431, "past 65535"):
        front.forward(200, 65535, publicendport=210)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"protocol": "tcp", "cidrlist": "8.8.8.8/32"}, "not of the network"),
        ({"protocol": "all", "destcidrlist": ",".join(["9.9.9.9/32"] * 101)}, "are the most"),
    ],
)
def test_an_egress_rule_that_cannot_work_is_refused(front: Front, words: Any, why: str) -> None:
    with refused(431, why):
        front.lab.ask("createEgressFirewallRule", networkid=front.network, **words)


def test_a_vm_is_on_networks_and_in_groups_of_its_own_account(lab: LabAtOnce) -> None:
    mine = lab.of_ann()
    network = mine.network()
    group = mine.ask("createAffinityGroup", name="g", type="host affinity")["affinitygroup"]["id"]
    with refused(431, "not for the VM's account"):
        lab.vm("web1", network)
    with refused(431, "as its VMs"):
        lab.vm("web1", affinitygroupids=group)
    made = lab.vm("web1", account="ann", networkids=network, affinitygroupids=f"{group},{group}")
    assert made["account"] == "ann"
    lab.vm("web2")
    with refused(431, "not for the VM's account"):
        lab.ask(
            "addNicToVirtualMachine",
            virtualmachineid=lab.ask("listVirtualMachines", name="web2")["virtualmachine"][0]["id"],
            networkid=network,
        )


def test_egress_rules_are_the_routers_and_no_other_list_shows_them(front: Front) -> None:
    words = {"protocol": "tcp", "startport": 443, "destcidrlist": "9.9.9.9/32"}
    made = front.lab.ask("createEgressFirewallRule", networkid=front.network, **words)
    [network] = [n for n in front.lab.routed()["networks"] if n["domain"] and n["egress"]]
    assert network["egress"] == [
        {
            "protocol": "tcp",
            "start": 443,
            "end": 443,
            "type": None,
            "code": None,
            "sources": ["10.1.1.0/24"],
            "destinations": ["9.9.9.9/32"],
        }
    ]
    assert network["outgoing"] == "deny"
    assert front.lab.ask("listFirewallRules") == {}
    assert front.lab.ask("listEgressFirewallRules")["count"] == 1
    front.lab.ask("deleteEgressFirewallRule", id=made["firewallrule"]["id"])
    assert front.lab.ask("listEgressFirewallRules") == {}


def test_what_leads_to_a_vm_goes_with_it(front: Front) -> None:
    front.forward(2222)
    front.lab.ask("destroyVirtualMachine", id=front.vm, expunge="true")
    assert front.lab.forwards() == {}
    assert front.lab.ask("listPortForwardingRules") == {}
    assert front.lab.ask("listFirewallRules") == {}


def test_an_address_that_is_given_back_takes_its_rules_with_it(front: Front) -> None:
    front.forward(2222)
    front.lab.ask("disassociateIpAddress", id=front.id)
    assert front.lab.ask("listPortForwardingRules") == {}
    assert front.lab.ask("listFirewallRules") == {}


def test_a_key_pair_is_kept_named_and_given_to_guests(lab: LabAtOnce) -> None:
    made = lab.ask("registerSSHKeyPair", name="me", publickey=KEY)["keypair"]
    assert made["fingerprint"].count(":") == 15
    vm = lab.vm("web1", keypair="me")
    assert vm["keypairs"] == "me"
    told = lab.routed()["metadata"][vm["ipaddress"]]["values"]
    assert told["public-keys"].splitlines() == [KEY, "ssh-ed25519 LAB"]
    assert lab.ask("deleteSSHKeyPair", name="me")["success"] is True
    with refused(431, "no key pair me"):
        lab.vm("web2", keypair="me")


def test_a_key_pair_that_is_made_shows_its_private_half_once(lab: LabAtOnce) -> None:
    made = lab.ask("createSSHKeyPair", name="ci")["keypair"]
    assert made["privatekey"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert "privatekey" not in lab.ask("listSSHKeyPairs")["sshkeypair"][0]
    with refused(431, "already"):
        lab.ask("createSSHKeyPair", name="ci")


@pytest.mark.parametrize("key", ["", "x", "ssh-rsa AAAA", "ssh-ed25519 !!!! me", KEY + "\nroot"])
def test_what_is_no_public_key_is_refused(lab: LabAtOnce, key: str) -> None:
    with pytest.raises(ApiError):
        lab.ask("registerSSHKeyPair", name="me", publickey=key)
    assert lab.ask("listSSHKeyPairs") == {}


def test_user_data_is_base64_and_comes_to_the_guest_as_it_was(lab: LabAtOnce) -> None:
    packed = base64.b64encode(b"#!/bin/sh\necho hi\n").decode()
    vm = lab.vm("web1", userdata=packed)
    shown = lab.ask("getVirtualMachineUserData", virtualmachineid=vm["id"])
    assert shown["virtualmachineuserdata"]["userdata"] == packed
    assert lab.routed()["metadata"][vm["ipaddress"]]["userdata"] == packed
    with refused(431, "base64"):
        lab.vm("web2", userdata="#!/bin/sh")
    with refused(431, "are the most"):
        lab.vm("web2", userdata="A" * 40000)


def test_registered_user_data_is_named_and_is_kept_while_a_vm_uses_it(lab: LabAtOnce) -> None:
    packed = base64.b64encode(b"#cloud-config\n").decode()
    made = lab.ask("registerUserData", name="web", userdata=packed)["userdata"]
    vm = lab.vm("web1", userdataid=made["id"])
    assert (vm["userdataid"], vm["userdataname"]) == (made["id"], "web")
    with refused(530, "in use by: web1"):
        lab.ask("deleteUserData", id=made["id"])


def test_a_vm_is_renamed_when_it_is_off_and_its_text_changes_at_any_time(lab: LabAtOnce) -> None:
    vm = lab.vm("web1")["id"]
    lab.vm("web2")
    told = lab.ask("updateVirtualMachine", id=vm, name="front", displayname="the front")
    assert (told["virtualmachine"]["name"], told["virtualmachine"]["displayname"]) == (
        "front",
        "the front",
    )
    with refused(431, "already exists"):
        lab.ask("updateVirtualMachine", id=vm, name="web2")
    with refused(431, "no name for a VM"):
        lab.ask("updateVirtualMachine", id=vm, name="-x")
    row = Machine.called(lab.store, "front")
    assert row is not None
    row.update(lab.store, state=MachineState.RUNNING)
    with refused(431, "when it is off"):
        lab.ask("updateVirtualMachine", id=vm, name="back")
    told = lab.ask("updateVirtualMachine", id=vm, displayname="still the front")
    assert told["virtualmachine"]["displayname"] == "still the front"


def test_a_seed_disk_says_what_the_router_says(lab: LabAtOnce) -> None:
    lab.ask("registerSSHKeyPair", name="me", publickey=KEY)
    lab.vm("web1", keypair="me", userdata=base64.b64encode(b"#!/bin/sh\n").decode())
    vm = Machine.called(lab.store, "web1")
    assert vm is not None
    files = files_of(vm, "ssh-ed25519 LAB")
    meta = json.loads(files["meta-data"])
    assert (meta["local-hostname"], meta["public-keys"]) == ("web1", [KEY, "ssh-ed25519 LAB"])
    assert files["user-data"] == b"#!/bin/sh\n"
    disk = iso9660(files)
    assert disk[32769:32774] == b"CD001"
    assert b"cidata" in disk[32768:34816]


def test_a_password_is_made_for_a_template_that_takes_one(lab: LabAtOnce) -> None:
    vm = lab.vm("web1")
    with refused(431, "passwordenabled"):
        lab.ask("resetPasswordForVirtualMachine", id=vm["id"])
    row = Machine.called(lab.store, "web1")
    assert row is not None
    row.template(lab.store).update(lab.store, enable_password=1)
    row.update(lab.store, state=MachineState.RUNNING)
    with refused(431, "stop it first"):
        lab.ask("resetPasswordForVirtualMachine", id=vm["id"])
    row.update(lab.store, state=MachineState.STOPPED)
    told = lab.ask("resetPasswordForVirtualMachine", id=vm["id"])["virtualmachine"]
    assert len(told["password"]) == 12
    assert lab.routed()["metadata"][vm["ipaddress"]]["password"] == told["password"]


def test_an_accounts_network_is_its_own_and_the_labs_is_for_all(lab: LabAtOnce) -> None:
    mine = lab.network()
    call = lab.of_ann().call
    names = [row["name"] for row in content(run(call, "listNetworks", {}))["network"]]
    assert names == ["lab-network"]
    with pytest.raises(ApiError) as caught:
        run(call, "deleteNetwork", {"id": mine})
    assert caught.value.errorcode == 531
    with pytest.raises(ApiError) as caught:
        run(call, "associateIpAddress", {"networkid": mine})
    assert caught.value.errorcode == 531
