"""--curl, --dry-run and uploads."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.conftest import Cmk
from tests.management_server import ManagementServer, Raw


def test_curl_is_the_equivalent_call_and_runs(cloud: Cmk, server: ManagementServer) -> None:
    line = cloud.ok("list", "zones", "name=a b~c&d", "--curl").out
    assert server.log == []
    assert "the-secret" not in line
    answer = subprocess.run(
        [*shlex.split(line), "--silent"], check=True, capture_output=True, text=True
    ).stdout
    assert server.log[0].params["name"] == "a b~c&d"
    assert answer == '{"listzonesresponse": {}}'


def test_dry_run_tells_what_would_be_sent_less_secrets(
    cloud: Cmk, server: ManagementServer
) -> None:
    words = ["email=a@b", "firstname=a", "lastname=b", "password=hunter2", "username=u"]
    told = cloud.ok("create", "account", *words, "--dry-run").json
    assert told["command"] == "createAccount"
    assert told["params"]["password"] == "***"
    assert told["params"]["username"] == "u"
    assert server.log == []


def test_a_lab_has_no_curl(tmp_path: Path) -> None:
    cmk = Cmk({"HOME": str(tmp_path), "CMK_URL": f"lab:{tmp_path}/lab"})
    assert cmk("list", "zones", "--curl").status == 2
    assert cmk.ok("list", "zones", "--dry-run").json["command"] == "listZones"


class Receiver:
    """What CloudStack's secondary storage VM is for uploads."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((dict(self.headers), body))
                self.send_response(receiver.status)
                self.end_headers()
                self.wfile.write(b"" if receiver.status == 200 else b"bad signature\nmore")

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/upload/1"
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver(server: ManagementServer) -> Iterator[Receiver]:
    receiver = Receiver()
    place = {
        "id": "42",
        "postURL": receiver.url,
        "metadata": "meta",
        "expires": "soon",
        "signature": "sig",
    }
    server.apis["getUploadParamsForTemplate"] = lambda _: {"getuploadparams": place}
    yield receiver
    receiver.close()


def upload(cloud: Cmk, path: Path, **more: Any) -> Any:
    return cloud(
        "upload",
        "template",
        f"file={path}",
        "name=t",
        "displaytext=t",
        "format=QCOW2",
        "hypervisor=KVM",
        "zoneid=2f1c7d3e-0000-4000-8000-000000000001",
        **more,
    )


def test_a_file_is_sent_to_the_place_that_the_server_names(
    cloud: Cmk, server: ManagementServer, receiver: Receiver, tmp_path: Path
) -> None:
    body = bytes(range(256)) * 8192
    (tmp_path / 'a "b".qcow2').write_bytes(body)
    result = upload(cloud, tmp_path / 'a "b".qcow2')
    assert result.status == 0, result.err
    assert result.json == {"template": {"id": "42", "sent": len(body)}}
    [(headers, got)] = receiver.got
    assert [headers[f"X-{name}"] for name in ("signature", "metadata", "expires")] == [
        "sig",
        "meta",
        "soon",
    ]
    boundary = headers["Content-Type"].partition("boundary=")[2].encode()
    found = re.fullmatch(
        rb"--" + boundary + rb"\r\n(.*?)\r\n\r\n(.*)\r\n--" + boundary + rb"--\r\n", got, re.DOTALL
    )
    assert found is not None
    assert b'filename="a %22b%22.qcow2"' in found[1]
    assert found[2] == body


def test_a_receiver_that_refuses_is_told(cloud: Cmk, receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    receiver.status = 401
    result = upload(cloud, tmp_path / "a")
    assert result.status == 1
    assert "HTTP 401 bad signature" in result.err
    receiver.close()
    assert upload(cloud, tmp_path / "a").status == 5


def test_a_bar_shows_the_upload_in_a_terminal(
    cloud: Cmk, receiver: Receiver, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(bytes(3 << 20))
    cloud.variables["TERM"] = "xterm"
    assert "Uploading" in upload(cloud, tmp_path / "a", terminal=True).err


def test_upload_without_a_file_is_a_usage_error(cloud: Cmk, server: ManagementServer) -> None:
    for words in ((), ("template",), ("template", "file=/nowhere"), ("thing", "file=/etc/passwd")):
        assert cloud("upload", *words).status == 2
    assert server.log == []


def test_api_sends_whatever_is_written(cloud: Cmk, server: ManagementServer) -> None:
    server.apis["listSomethingNew"] = lambda params: {"count": 1, "thing": [{"id": "1"}]}
    words = ("api", "listSomethingNew", "details[0].x=1", "odd=true", "filter=id", "-o", "value")
    assert cloud.ok(*words).out == "1\n"
    sent = server.log[0].params
    assert (sent["command"], sent["details[0].x"], sent["odd"]) == ("listSomethingNew", "1", "true")


def test_api_checks_nothing_of_what_it_knows(cloud: Cmk, server: ManagementServer) -> None:
    cloud.ok("api", "listzones", "id=7", "available=perhaps")
    assert server.log[0].params["command"] == "listZones"
    assert server.log[0].params["available"] == "perhaps"


@pytest.mark.parametrize("words", [("api",), ("api", "a=b")])
def test_api_without_a_name_is_refused(cloud: Cmk, words: tuple[str, ...]) -> None:
    assert cloud(*words).status == 2


def test_set_debug_tells_each_call(cloud: Cmk, server: ManagementServer) -> None:
    cloud.ok("set", "debug", "true")
    assert "command=listZones" in cloud.ok("list", "zones").err
    cloud.ok("set", "debug", "false")
    assert "command=listZones" not in cloud.ok("list", "zones").err


@pytest.mark.parametrize(
    "view",
    [
        "query=[",
        "query=foo(keypair)",
        "query=a[::0]",
        "filter=privatekey.[",
        "sort=-",
        "exclude=a..b",
    ],
)
def test_a_way_to_see_that_is_none_is_told_before_anything_is_sent(
    cloud: Cmk, server: ManagementServer, view: str
) -> None:
    assert cloud("create", "sshkeypair", "name=a", view).status == 2
    assert server.log == []


def test_an_answer_is_not_lost_to_a_query_that_fails_on_it(
    cloud: Cmk, server: ManagementServer
) -> None:
    server.apis["createSSHKeyPair"] = lambda params: {"keypair": {"privatekey": "KEY"}}
    told = cloud("create", "sshkeypair", "name=a", "query=length(keypair.nothing)")
    assert told.status == 1
    assert "KEY" in told.out
    assert "The answer is shown whole." in told.err


@pytest.mark.parametrize("column", ["nic[0].nosuch", "nic.nosuch", "nic[7].ipaddress"])
def test_a_path_inside_that_no_row_has_is_told(
    cloud: Cmk, server: ManagementServer, column: str
) -> None:
    rows = [{"id": "1", "nic": [{"ipaddress": "10.0.0.1"}]}]
    server.apis["listVirtualMachines"] = lambda params: {"count": 1, "virtualmachine": rows}
    told = cloud.ok("list", "vms", f"filter={column}", "-o", "value")
    assert f"No row has a '{column}'." in told.err
    assert cloud.ok("list", "vms", "filter=nic.ipaddress", "-o", "value").err == ""


def test_what_does_not_exist_by_the_servers_words_is_7(
    cloud: Cmk, server: ManagementServer
) -> None:
    text = "A key pair with name 'nokp' does not exist for account admin"
    refusal = {"deletesshkeypairresponse": {"errorcode": 431, "errortext": text}}
    server.next.append(Raw(431, json.dumps(refusal).encode()))
    assert cloud("delete", "sshkeypair", "name=nokp").status == 7


@pytest.mark.parametrize(
    "word", ["nicnetworklist[0].network=name:net1", 'iptonetworklist={"networkid": "name:net1"}']
)
def test_names_stand_in_every_way_to_write_a_map(
    cloud: Cmk, server: ManagementServer, word: str
) -> None:
    net = "11111111-2222-4333-8444-555555555555"
    server.apis["listNetworks"] = lambda params: {
        "count": 1,
        "network": [{"id": net, "name": "net1"}],
    }
    words = ("deploy", "vm", "--dry-run", "zoneid=-1", "serviceofferingid=-1", word)
    assert net in cloud.ok(*words).json["params"].values()
