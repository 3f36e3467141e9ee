"""What the router makes of a state: links, rules, names, ports; nothing of it needs a namespace."""

from __future__ import annotations

import base64
import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmk.router import firewall, groups, links, names
from cmk.router.balancer import Balancer, config
from cmk.router.failure import Failed
from cmk.router.forwards import Uplink, UplinkError, ports_of
from cmk.router.metadata import Guests, document

GUEST = {
    "nic": 12,
    "mac": "02:00:01:00:00:0c",
    "address": "10.1.1.7",
    "name": "web1",
    "groups": None,
    "addresses": ["10.1.1.7"],
}


def network(**more: Any) -> dict[str, Any]:
    return {
        "id": 3,
        "address": "10.1.1.1",
        "prefix": 24,
        "netmask": "255.255.255.0",
        "mac": "02:00:00:00:00:03",
        "domain": "lab.internal",
        "outgoing": "deny",
        "egress": [],
        "services": ["Dhcp", "Dns", "SourceNat"],
        "vpc": 0,
        "access": None,
        "guests": [GUEST],
        **more,
    }


def state(*networks: dict[str, Any], publics: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"networks": list(networks), "publics": publics or [], "metadata": {}}


PUBLIC = {
    "address": "127.77.0.5",
    "inside": "100.64.1.5",
    "sources": [3],
    "balancers": [],
    "forwards": [{"protocol": "tcp", "port": 2222, "to": "10.1.1.7", "at": 22}],
}


def chain(name: str, table: str) -> list[str]:
    body = table.split(f"chain {name} {{\n", 1)[1].split("  }\n", 1)[0]
    return [line.strip() for line in body.splitlines()[1:]]


def test_links_that_are_missing_are_made_and_those_that_nobody_wants_go() -> None:
    lines = links.commands(state(network()), ["lo", "out0", "cmkb9", "cmkt4", "eth0"])
    assert lines[:2] == ["link del cmkb9", "link del cmkt4"]
    assert "link add cmkb3 address 02:00:00:00:00:03 type bridge" in lines
    assert "addr replace 10.1.1.1/24 dev cmkb3" in lines
    assert "tuntap add dev cmkt12 mode tap user 0" in lines
    assert "link set cmkt12 master cmkb3 up" in lines
    assert not [line for line in lines if "eth0" in line]


def test_links_that_are_there_are_not_made_again() -> None:
    lines = links.commands(state(network()), ["lo", "out0", "cmkb3", "cmkt12"])
    assert not [line for line in lines if " add " in line or " del " in line]


def test_an_l2_network_is_a_bridge_without_an_address_and_without_rules() -> None:
    bare = network(address="", prefix=0, services=[])
    assert not [line for line in links.commands(state(bare), []) if line.startswith("addr")]
    table = firewall.table(state(bare))
    assert "cmkb3" not in table


def test_nothing_leaves_a_network_that_denies_it_but_what_a_rule_lets_pass() -> None:
    rule = {"protocol": "tcp", "start": 80, "end": 90, "destinations": ["9.9.9.0/24"]}
    passing = chain("pass", firewall.table(state(network(egress=[rule]))))
    assert passing == [
        "ct state established,related accept",
        'iifname "out0" ct status dnat accept',
        'iifname "cmkb3" oifname "out0" ip daddr { 9.9.9.0/24 } tcp dport 80-90 accept',
    ]


def test_all_leaves_a_network_that_allows_it_but_what_a_rule_keeps_back() -> None:
    rule = {"protocol": "all", "start": None, "end": None, "sources": ["10.1.1.7/32"]}
    passing = chain("pass", firewall.table(state(network(outgoing="allow", egress=[rule]))))
    assert passing[-2:] == [
        'iifname "cmkb3" oifname "out0" ip saddr { 10.1.1.7/32 } drop',
        'iifname "cmkb3" oifname "out0" accept',
    ]


@pytest.mark.parametrize(
    ("rule", "written"),
    [
        ({"protocol": "udp"}, "ip protocol udp "),
        ({"protocol": "udp", "start": 5, "end": 5}, "udp dport 5-5 "),
        ({"protocol": "icmp", "type": -1, "code": -1}, "ip protocol icmp "),
        ({"protocol": "icmp", "type": 8, "code": 0}, "ip protocol icmp icmp type 8 icmp code 0 "),
        ({"protocol": "all"}, ""),
        ({"protocol": "47"}, "ip protocol 47 "),
    ],
)
def test_a_rule_is_written_as_nftables_reads_it(rule: dict[str, Any], written: str) -> None:
    assert firewall.condition(rule) == written


def test_a_public_port_goes_to_its_guest_and_the_network_leaves_by_its_own_address() -> None:
    table = firewall.table(state(network(), publics=[PUBLIC]))
    assert chain("pre", table) == [
        'iifname "out0" ip daddr 100.64.1.5 tcp dport 2222 dnat to 10.1.1.7:22'
    ]
    assert chain("post", table) == ['iifname "cmkb3" oifname "out0" snat to 100.64.1.5']


def tier(id: int, **more: Any) -> dict[str, Any]:
    """A tier of the VPC 7."""
    access = {"ingress": [], "egress": [], **more}
    return network(id=id, address=f"10.1.{id}.1", outgoing="allow", vpc=7, access=access)


def test_a_tiers_list_is_asked_of_all_that_comes_and_goes() -> None:
    ssh = {"verdict": "return", "protocol": "tcp", "start": 22, "end": 22, "outside": True,
           "sources": ["127.0.0.0/8", "10.1.4.0/24"]}  # fmt: skip
    mail = {"verdict": "drop", "protocol": "tcp", "start": 25, "end": 25, "outside": False,
            "destinations": ["10.0.0.0/8"]}  # fmt: skip
    table = firewall.table(state(tier(3, ingress=[ssh], egress=[mail]), tier(4), network(id=5)))
    assert chain("in3", table) == [
        'iifname "out0" tcp dport 22-22 return',
        'iifname != "out0" ip saddr { 127.0.0.0/8, 10.1.4.0/24 } tcp dport 22-22 return',
        "drop",
    ]
    assert chain("out3", table) == ["ip daddr { 10.0.0.0/8 } tcp dport 25-25 drop"]
    assert (chain("in4", table), chain("out4", table)) == (["drop"], [])
    passing = chain("pass", table)
    assert passing[1:7] == [
        'iifname "cmkb3" jump out3',
        'oifname "cmkb3" jump in3',
        'iifname "cmkb4" jump out4',
        'oifname "cmkb4" jump in4',
        'iifname "out0" ct status dnat accept',
        'iifname { "cmkb3", "cmkb4" } oifname { "cmkb3", "cmkb4" } accept',
    ]
    assert not [rule for rule in passing if "cmkb5" in rule and "cmkb3" in rule]


def test_guests_in_groups_are_asked_about_on_their_bridge() -> None:
    ssh = {"protocol": "tcp", "start": 22, "end": 22, "sources": ["10.1.1.8/32"]}
    web = {"protocol": "tcp", "start": 443, "end": 443, "destinations": ["0.0.0.0/0"]}
    held = {**GUEST, "groups": {"ingress": [ssh], "egress": [web], "sends_all": False}}
    free = {**GUEST, "nic": 13, "groups": {"ingress": [], "egress": [], "sends_all": True}}
    its = state(network(guests=[held, free, {**GUEST, "nic": 14}]))
    assert [guest["nic"] for _, guest in groups.guarded(its)] == [12, 13]
    table = groups.table(its)
    answer = "ip saddr . ip daddr . meta l4proto . th sport . th dport @{} return"
    awaits = (
        "meta l4proto {{ tcp, udp }} update @{} "
        "{{ ip daddr . ip saddr . meta l4proto . th dport . th sport }} return"
    )
    allowed = "ip saddr { 10.1.1.8/32 } tcp dport 22-22 "
    assert chain("in12", table) == [
        answer.format("o12"),
        allowed + awaits.format("i12"),
        f"{allowed}return",
        "drop",
    ]
    sent = "ip daddr { 0.0.0.0/0 } tcp dport 443-443 "
    assert chain("out12", table) == [
        "ip daddr { 10.1.1.1, 255.255.255.255 } return",
        answer.format("i12"),
        sent + awaits.format("o12"),
        f"{sent}return",
        "drop",
    ]
    assert chain("in13", table) == [answer.format("o13"), "drop"]
    assert chain("out13", table)[2:] == [awaits.format("o13"), "return", "drop"]
    forward = chain("forward", table)
    assert 'iifname "cmkt12" ether type ip jump out12' in forward
    spoofs = [rule for rule in forward if "cmkt14" in rule]  # in no group, and not in disguise
    assert spoofs == [
        'iifname "cmkt14" ether type ip ip saddr != { 0.0.0.0, 10.1.1.7 } drop',
        'iifname "cmkt14" arp saddr ip != { 0.0.0.0, 10.1.1.7 } drop',
        'iifname "cmkt14" ether type vlan drop',
    ]
    assert chain("input", table)[0].startswith('iifname "cmkt12" ether type ip ip saddr !=')
    assert "set i12 {" in table


def test_guests_ask_the_router_at_its_address_in_their_own_network_only() -> None:
    own = chain("own", firewall.table(state(network(), network(id=4, address="10.1.2.1"))))
    asked = [rule for rule in own if "dport { 53, 80, 8080 }" in rule]
    assert asked == [
        'iifname "cmkb3" ip daddr 10.1.1.1 tcp dport { 53, 80, 8080 } accept',
        'iifname "cmkb4" ip daddr 10.1.2.1 tcp dport { 53, 80, 8080 } accept',
    ]


def test_dnsmasq_gives_each_guest_its_address_and_its_name(tmp_path: Path) -> None:
    assert names.files(network()) == {
        "guests": "02:00:01:00:00:0c,10.1.1.7,web1\n",
        "names": "10.1.1.7 web1\n",
    }
    command = names.dnsmasq(network(), tmp_path, "100.64.0.3")
    assert "--dhcp-range=10.1.1.1,static,infinite" in command
    assert "--local=/lab.internal/" in command


def test_without_dns_nobody_answers_for_names(tmp_path: Path) -> None:
    command = names.dnsmasq(network(services=["Dhcp"]), tmp_path, "100.64.0.3")
    assert "--port=0" in command
    assert not [word for word in command if word.startswith("--server")]


def test_a_balancer_is_haproxys_and_its_port_is_open() -> None:
    balancer: dict[str, Any] = {
        "id": 9,
        "protocol": "tcp",
        "port": 80,
        "algorithm": "leastconn",
        "servers": [{"name": "web1", "address": "10.1.1.7:8080"}],
        "sticky": {},
        "check": {"path": "/up", "inter": "5s", "rise": 2},
    }
    public = {**PUBLIC, "balancers": [balancer]}
    text = config([public])
    assert "    bind 100.64.1.5:80\n    mode http\n    balance leastconn\n" in text
    assert (
        "    option httpchk GET /up\n    server web1 10.1.1.7:8080 check inter 5s rise 2\n" in text
    )
    balancer["check"] = {}
    balancer["sticky"] = {"method": "SourceBased", "size": "1k", "expire": "9s"}
    assert "mode tcp" in config([public])
    assert "stick-table type ip size 1k expire 9s\n    stick on src\n" in config([public])
    balancer["sticky"] = {"method": "LbCookie", "name": "SRV"}
    assert "server web1 10.1.1.7:8080 check cookie web1" in config([public])
    assert config([PUBLIC]) == ""
    own = chain("own", firewall.table(state(network(), publics=[public])))
    assert 'iifname "out0" ip daddr 100.64.1.5 tcp dport 80 accept' in own
    assert ("tcp", "127.77.0.5", 80, "100.64.1.5", 80) in ports_of(state(publics=[public]))


def test_a_configuration_that_haproxy_refuses_leaves_the_one_that_works(tmp_path: Path) -> None:
    def publics(address: str, algorithm: str = "roundrobin") -> list[dict[str, Any]]:
        balancer = {
            "id": 9,
            "port": port,
            "algorithm": algorithm,
            "servers": [{"name": "web1", "address": address}],
        }
        return [{"inside": "127.0.0.1", "balancers": [balancer]}]

    def answer() -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            return client.recv(10)

    def server(says: bytes) -> socket.socket:
        found = socket.create_server(("127.0.0.1", 0))

        def live() -> None:
            while True:
                try:
                    client, _ = found.accept()
                except OSError:
                    return
                with client:
                    client.sendall(says)

        threading.Thread(target=live, daemon=True).start()
        return found

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    one, two = server(b"one"), server(b"two")
    balancer = Balancer(tmp_path)
    balancer.serve(publics(f"127.0.0.1:{one.getsockname()[1]}"))
    assert answer() == b"one"
    with pytest.raises(Failed, match="haproxy: "):
        balancer.serve(publics("127.0.0.1:1", algorithm="fastest"))
    assert answer() == b"one"
    balancer.serve(publics(f"127.0.0.1:{two.getsockname()[1]}"))
    assert {answer() for _ in range(10)} == {b"two"}
    balancer.serve([])
    balancer.wait()
    with pytest.raises(ConnectionRefusedError):
        answer()
    for each in (one, two):
        each.close()


class FakeSlirp:
    """The control socket of slirp4netns, as version 1.2 answers."""

    def __init__(self, path: Path) -> None:
        self.entries: list[dict[str, Any]] = []
        self.refused = {81}
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client:
                body = b""
                while more := client.recv(4096):
                    body += more
                client.sendall(json.dumps(self._answer(json.loads(body))).encode())

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        arguments = request.get("arguments", {})
        if request["execute"] == "list_hostfwd":
            return {"entries": self.entries}
        if request["execute"] == "remove_hostfwd":
            self.entries = [e for e in self.entries if e["id"] != arguments["id"]]
            return {"return": {}}
        if arguments["host_port"] in self.refused:
            return {"error": {"desc": "bad request: add_hostfwd: slirp_add_hostfwd failed"}}
        self.entries.append({"id": len(self.entries) + 1, **arguments})
        return {"return": {"id": len(self.entries)}}

    def close(self) -> None:
        self._listener.close()


def test_exactly_the_wanted_ports_are_open(tmp_path: Path) -> None:
    slirp = FakeSlirp(tmp_path / "s")
    uplink = Uplink(tmp_path / "s")
    wanted = ports_of(state(network(), publics=[PUBLIC]))
    assert uplink.open_exactly(wanted) == {}
    [entry] = slirp.entries
    assert (entry["host_addr"], entry["host_port"], entry["guest_addr"]) == (
        "127.77.0.5",
        2222,
        "100.64.1.5",
    )
    assert uplink.open_exactly(wanted) == {}
    assert len(slirp.entries) == 1
    assert uplink.open_exactly(set()) == {}
    assert slirp.entries == []
    slirp.close()


def test_a_port_that_somebody_has_is_told_with_the_reason(tmp_path: Path) -> None:
    slirp = FakeSlirp(tmp_path / "s")
    with socket.create_server(("127.0.0.1", 0)) as other:
        number = other.getsockname()[1]
        slirp.refused = {number}
        refused = Uplink(tmp_path / "s").open_exactly(
            {("tcp", "127.0.0.1", number, "100.64.1.5", number)}
        )
    assert refused == {f"tcp 127.0.0.1:{number}": "address already in use"}
    slirp.close()


def test_an_uplink_that_has_died_is_told(tmp_path: Path) -> None:
    uplink = Uplink(tmp_path / "nobody")
    assert not uplink.answers
    with pytest.raises(UplinkError, match="does not answer"):
        uplink.open_exactly(set())


TOLD = {
    "values": {"instance-id": "i-1", "public-keys": "ssh-ed25519 AAAA me"},
    "userdata": base64.b64encode(b"#!/bin/sh\n").decode(),
    "password": "secret",
}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/latest/meta-data/instance-id", b"i-1"),
        ("/latest/meta-data/public-keys", b"ssh-ed25519 AAAA me"),
        ("/latest/meta-data/", b"instance-id\npublic-keys\n"),
        ("/latest/user-data", b"#!/bin/sh\n"),
        ("/latest/", b"meta-data\nuser-data\n"),
        ("/2009-04-04/meta-data/instance-id", b"i-1"),
        ("/latest/meta-data/nothing", None),
        ("/latest/secrets", None),
    ],
)
def test_a_guest_is_told_under_cloudstacks_paths(path: str, body: bytes | None) -> None:
    assert document(TOLD, path) == body


@given(st.text())
def test_any_path_is_answered_or_is_not_there(path: str) -> None:
    found = document(TOLD, path)
    assert found is None or isinstance(found, bytes)


def test_a_new_password_is_told_until_the_guest_has_it_and_to_no_other() -> None:
    guests = Guests()
    guests.replace({"10.1.1.7": TOLD, "10.1.1.8": {"values": {}}})
    assert guests.password("10.1.1.7") == "secret"
    assert guests.password("10.1.1.8") == "saved_password"
    assert guests.password("10.9.9.9") == "bad_request"
    guests.has_saved("10.1.1.7")
    assert guests.password("10.1.1.7") == "saved_password"
    assert guests.fetched == ["10.1.1.7"]
    guests.replace({"10.1.1.7": {"values": {}, "password": ""}})
    guests.replace({"10.1.1.7": {**TOLD, "password": "next"}})
    assert guests.password("10.1.1.7") == "next"
