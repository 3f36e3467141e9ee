"""Requests from their parameters to the reply, without a socket."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmk.catalog.index import lab, shipped
from cmk.lab.call import Call
from cmk.lab.lab import Lab
from cmk.lab.model.user import User
from cmk.lab.nouns.nothing import NOTHING
from cmk.serve.answer import Answerer, Request
from cmk.serve.replies import Reply
from cmk.wire.signature import signature, signed
from tests.lab.conftest import Things

NONE: Mapping[str, str] = {}
REFUSED = "unable to verify user credentials and/or request signature"


class Asked:
    """An answerer of a lab of its own, and its admin."""

    def __init__(self, place: Path) -> None:
        self.said: list[str] = []
        self.answerer = Answerer(place, {"HOME": str(place)}, self.said.append)
        with closing(Lab(place, {})) as lab:
            self.user = User.admin(lab.store).renew_keys(lab.store)
            self.password = self.user.renew_password(lab.store)

    def raw(
        self, params: Mapping[str, str], method: str = "GET", cookies: Mapping[str, str] = NONE
    ) -> Reply:
        return self.answerer.answer(Request(method, params, {}, cookies))

    def signed(self, command: str, algorithm: str = "sha1", **params: str) -> Reply:
        key, secret = self.user.api_key or "", self.user.secret_key or ""
        return self.raw(signed({"command": command, **params}, key, secret, algorithm))

    def json(self, command: str, **params: str) -> Any:
        reply = self.signed(command, **params)
        assert reply.status == 200, reply.body
        return json.loads(reply.body)[f"{command.lower()}response"]


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    there = Asked(tmp_path / "lab")
    yield there
    there.answerer.lab.close()


def error_of(reply: Reply) -> tuple[str, dict[str, Any]]:
    [(envelope, told)] = json.loads(reply.body).items()
    return envelope, told


@pytest.mark.parametrize("algorithm", ["sha1", "sha512"])
def test_a_signed_request_is_answered_whatever_its_values_hold(
    asked: Asked, algorithm: str
) -> None:
    reply = asked.signed("listZones", algorithm, name="a~b *+ü%&=", keyword="[x]")
    assert (reply.status, json.loads(reply.body)) == (200, {"listzonesresponse": {}})
    assert reply.who == "admin"


@pytest.mark.parametrize(
    "change",
    [
        {"signature": "AAAA"},
        {"signature": ""},
        {"apiKey": "nobody's"},
        {"expires": "2020-01-01T00:00:00+0000"},
        {"expires": "tomorrow"},
        {"name": "another"},
    ],
)
def test_whatever_is_wrong_with_a_request_is_one_401(asked: Asked, change: dict[str, str]) -> None:
    key, secret = asked.user.api_key or "", asked.user.secret_key or ""
    params = {**signed({"command": "listZones", "name": "x"}, key, secret, "sha1"), **change}
    envelope, told = error_of(asked.raw(params))
    assert envelope == "listzonesresponse"
    assert told == {"uuidList": [], "errorcode": 401, "errortext": REFUSED}


def test_an_expired_request_is_refused_though_it_was_signed_so(asked: Asked) -> None:
    for expires, status in (
        ("2020-01-01T00:00:00+0000", 401),
        (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60)), 200),
        (time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() + 60)), 200),
    ):
        params = {
            "command": "listZones",
            "apiKey": asked.user.api_key or "",
            "signatureVersion": "3",
            "expires": expires,
        }
        made = signature(params, asked.user.secret_key or "")
        assert asked.raw({**params, "signature": made}).status == status, expires


def test_an_unknown_api_is_refused_like_a_bad_signature(asked: Asked) -> None:
    for name in ("listNothing", "listzones", "LISTZONES"):
        envelope, told = error_of(asked.signed(name))
        assert (envelope, told["errorcode"], told["errortext"]) == ("errorresponse", 401, REFUSED)


def test_xml_is_what_comes_unless_json_is_asked_for(asked: Asked) -> None:
    params = {"command": "listZones", "apiKey": asked.user.api_key or ""}
    made = signature(params, asked.user.secret_key or "")
    reply = asked.raw({**params, "signature": made})
    root = fromstring(reply.body)
    assert (root.tag, root.get("cloud-stack-version")) == ("listzonesresponse", "4.22.0.0")
    assert (root.findtext("count"), root.findtext("zone/name")) == ("1", "lab")
    assert reply.type == "text/xml;charset=utf-8"
    refused = fromstring(asked.raw({"command": "listZones"}).body)
    assert [child.tag for child in refused] == ["errorcode", "errortext"]


def test_parameters_that_nobody_knows_are_left_out_and_what_is_not_true_is_false(
    asked: Asked,
) -> None:
    assert asked.json("listZones", colour="red", available="perhaps")["count"] == 1


def test_an_error_has_cloudstacks_codes_its_status_and_a_description(asked: Asked) -> None:
    reply = asked.signed("deployVirtualMachine")
    envelope, told = error_of(reply)
    assert (reply.status, envelope) == (431, "deployvirtualmachineresponse")
    assert (told["uuidList"], told["errorcode"], told["cserrorcode"]) == ([], 431, 9999)
    assert ("X-Description", told["errortext"]) in reply.headers


def test_a_login_gives_a_cookie_and_a_key_and_both_are_needed(asked: Asked) -> None:
    login = {"command": "login", "username": "admin", "response": "json"}
    assert asked.raw({**login, "password": asked.password}).status == 405
    wrong = asked.raw({**login, "password": "wrong"}, "POST")
    assert (wrong.status, "cserrorcode" in error_of(wrong)[1]) == (531, False)
    assert asked.raw({**login, "username": "nobody", "password": "x"}, "POST").status == 531
    reply = asked.raw({**login, "password": asked.password}, "POST")
    told = json.loads(reply.body)["loginresponse"]
    cookies = dict(
        value.partition(";")[0].split("=", 1)
        for name, value in reply.headers
        if name == "Set-Cookie"
    )
    assert cookies["sessionkey"] == told["sessionkey"]
    session = {"JSESSIONID": cookies["JSESSIONID"]}
    zones = {"command": "listZones", "response": "json"}
    assert asked.raw(zones, cookies=session).status == 401
    assert asked.raw({**zones, "sessionkey": "wrong"}, cookies=session).status == 401
    assert asked.raw({**zones, "sessionkey": told["sessionkey"]}, cookies=session).status == 200
    assert asked.raw(zones, cookies=cookies).status == 200
    assert asked.raw({"command": "logout", "response": "json"}, "POST", cookies).status == 200
    assert asked.raw(zones, cookies=cookies).status == 401


def test_a_disabled_user_is_nobody(asked: Asked) -> None:
    asked.user.update(asked.answerer.lab.store, state="disabled")
    assert asked.signed("listZones").status == 401
    login = {"command": "login", "username": "admin", "password": asked.password}
    assert asked.raw(login, "POST").status == 531


def test_renewed_keys_are_the_only_ones(asked: Asked) -> None:
    keys = asked.json("registerUserKeys", id=asked.user.uuid)["userkeys"]
    assert asked.signed("listZones").status == 401
    asked.user = asked.user.again(asked.answerer.lab.store)
    assert keys["apikey"] == asked.user.api_key
    assert asked.json("getUser", userapikey=keys["apikey"])["user"]["username"] == "admin"
    assert "secretkey" not in json.dumps(asked.json("listUsers"))


@pytest.mark.parametrize(
    ("command", "params"),
    [
        ("registerTemplate", {"url": "file:///etc/passwd"}),
        ("registerTemplate", {"url": "file:///srv/../etc/passwd"}),
        ("addHost", {"url": "qemu+ssh://root@h/system"}),
        ("addHost", {"url": "qemu+unix:///session?socket=/tmp/x"}),
        ("addHost", {"url": "qemu:///system", "details[0].pool": "/etc"}),
        ("addImageStore", {"url": "file:///etc", "provider": "Directory"}),
        ("createStoragePool", {"url": "file:///etc", "name": "p"}),
        ("updateConfiguration", {"name": "direct.download.file.paths", "value": "/"}),
    ],
)
def test_nobody_names_this_machines_files_over_http(
    asked: Asked, command: str, params: dict[str, str]
) -> None:
    zone = asked.json("listZones")["zone"][0]["id"]
    pod = asked.json("listPods")["pod"][0]["id"]
    more = {"zoneid": zone, "podid": pod, "hypervisor": "KVM", "format": "QCOW2", "name": "x"}
    reply = asked.signed(command, **{**more, **params})
    assert reply.status == 531, reply.body


def test_a_file_inside_a_path_that_is_allowed_may_be_named(asked: Asked, tmp_path: Path) -> None:
    store = asked.answerer.lab.store
    store.set_configuration("direct.download.file.paths", str(tmp_path))
    zone = asked.json("listZones")["zone"][0]["id"]
    params = {"zoneid": zone, "hypervisor": "KVM", "format": "RAW", "name": "x"}
    (tmp_path / "x.raw").write_bytes(bytes(1 << 20))
    url = f"file://{tmp_path}/x.raw"
    told = asked.json("registerTemplate", **params, url=url, directdownload="true")
    assert told["template"][0]["name"] == "x"


def test_the_integration_port_asks_nobody_but_no_strangers(asked: Asked) -> None:
    def status(headers: dict[str, str]) -> int:
        params = {"command": "listZones", "response": "json"}
        return asked.answerer.answer(Request("GET", params, headers, {}, True)).status

    assert status({"host": "127.0.0.1:8096"}) == 200
    assert status({"host": "localhost:8096"}) == 200
    assert status({"host": "[::1]:8096"}) == 200
    assert status({"host": "evil.example:8096"}) == 403
    assert status({"host": "127.0.0.1:8096", "origin": "http://evil.example"}) == 403


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from(["GET", "POST"]),
    st.dictionaries(
        st.sampled_from(
            ["command", "apiKey", "signature", "response", "expires", "x", "sessionkey"]
        ),
        st.text(max_size=12) | st.sampled_from(["listZones", "login", "logout", "json", "3"]),
    ),
)
def test_whatever_is_asked_gets_an_answer_and_is_no_bug(
    asked: Asked, method: str, params: dict[str, str]
) -> None:
    reply = asked.answerer.answer(Request(method, params, {}, {"JSESSIONID": "x"}))
    assert 400 <= reply.status < 600
    assert not asked.said


def test_of_what_a_lab_has_none_the_list_is_empty_and_other_apis_are_a_432(asked: Asked) -> None:
    assert asked.json("listPublicIpAddresses", listall="true") == {}
    assert asked.signed("createVolume").status == 432
    assert asked.raw({"command": "listPublicIpAddresses"}).status == 401


def test_what_is_answered_empty_is_cloudstacks_and_not_the_labs() -> None:
    assert all(shipped().get(name) is not None for name in NOTHING)
    assert not NOTHING & set(lab().names())


def test_what_the_web_ui_asks_before_a_login_is_answered_to_anybody(asked: Asked) -> None:
    for name in ("listGuiThemes", "listOauthProvider"):
        reply = asked.raw({"command": name, "response": "json"})
        assert json.loads(reply.body) == {f"{name.lower()}response": {}}
    assert asked.raw({"command": "logout", "response": "json"}, "POST").status == 431
    told = json.loads(asked.signed("listLdapConfigurations").body)
    assert told == {"ldapconfigurationresponse": {}}
    assert asked.json("cloudianIsEnabled") == {"cloudianisenabled": {"enabled": False}}


def test_list_apis_tells_of_what_answers_with_nothing_too(asked: Asked) -> None:
    rows = {row["name"]: row for row in asked.json("listApis")["api"]}
    assert rows["listSnapshots"]["deviation"].startswith("The lab has none")
    assert {p["name"] for p in rows["listSnapshots"]["params"]} >= {"volumeid", "zoneid"}
    [zone] = [p for p in rows["deployVirtualMachine"]["params"] if p["name"] == "zoneid"]
    assert (zone["type"], zone["required"], zone["related"]) == ("uuid", True, "listZones")


def test_the_same_rows_come_under_the_names_for_metrics(asked: Asked) -> None:
    for name, rows in (("Zones", "zone"), ("Hosts", "host"), ("StoragePools", "storagepool")):
        [metrics] = asked.json(f"list{name}Metrics")[rows]
        [plain] = asked.json(f"list{name}")[rows]
        assert (set(metrics), metrics["id"]) == (set(plain), plain["id"])
    told = asked.json("listInfrastructure")["infrastructure"]
    assert (told["zones"], told["hosts"], told["routers"]) == (1, 1, 1)
    assert {row["name"] for row in asked.json("listCapacity")["capacity"]} >= {"MEMORY", "CPU"}


def test_what_no_vm_has_finds_none_and_never_all(asked: Asked) -> None:
    store = asked.answerer.lab.store
    things = Things(Call.of_admin(asked.answerer.lab, asked.said.append), asked.said)
    things.vm(things.template())
    assert store is things.store
    assert asked.json("listVirtualMachines", colour="red")["count"] == 1
    for more in (
        {"tags[0].key": "a", "tags[0].value": "b"},
        {"groupid": "x"},
        {"haenable": "true"},
    ):
        assert asked.json("listVirtualMachines", **more) == {}
    assert asked.json("listVirtualMachines", haenable="false", groupid="")["count"] == 1
    for api, more in (
        ("listTemplates", {"templatefilter": "all", "isvnf": "true"}),
        ("listVolumes", {"tags[0].key": "a"}),
        ("listZones", {"storageaccessgroup": "x"}),
        ("listServiceOfferings", {"issystem": "true"}),
    ):
        assert asked.json(api, **more) == {}
