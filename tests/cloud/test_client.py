"""Lines against a management server: requests, errors, bad servers."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cmk import __version__
from cmk.cloud import transport
from tests.conftest import Cmk
from tests.management_server import ManagementServer, Raw
from tests.tls import Authority


def test_a_line_is_signed_posted_and_answered(cloud: Cmk, server: ManagementServer) -> None:
    result = cloud.ok("list", "zones")
    assert result.json == {"count": 1, "zone": server.rows["zone"]}
    [call] = server.log
    assert (call.method, call.path) == ("POST", "/client/api")
    assert call.headers["User-Agent"] == f"cmk/{__version__}"
    assert "gzip" in call.headers["Accept-Encoding"]
    assert "the-secret" not in str(call)


def test_every_character_of_a_value_arrives(cloud: Cmk, server: ManagementServer) -> None:
    name = "a+b c&d=e~f*g%h/ü\U0001f435 '\"!()"
    cloud.ok("list", "zones", f"name={name}")
    assert server.log[0].params["name"] == name


def test_get_where_the_profile_says_so(
    cloud: Cmk, server: ManagementServer, tmp_path: Path
) -> None:
    (tmp_path / ".cmk").mkdir()
    (tmp_path / ".cmk" / "config").write_text("postrequest = false\n")
    cloud.ok("list", "zones", "name=a b~c")
    assert server.log[0].method == "GET"


def test_numbers_and_key_order_stay_as_the_server_sent_them(
    cloud: Cmk, server: ManagementServer
) -> None:
    body = b'{"listzonesresponse":{"count":1,"zone":[{"z":9007199254740993,"a":1.50,"m":1E400}]}}'
    server.next = [Raw(body=body)]
    assert (
        '"z": 9007199254740993,\n      "a": 1.50,\n      "m": 1E400'
        in cloud.ok("list", "zones").out
    )


def test_an_errors_own_text_reaches_the_user(cloud: Cmk, server: ManagementServer) -> None:
    result = cloud("list", "zones", "page=1", "pagesize=501")
    assert result.status == 1
    assert result.err.startswith("cmk: (HTTP 431, error code 4350) Page size can not exceed")
    assert result.out == ""


def test_wrong_keys_are_status_3_and_say_where_they_come_from(
    cloud: Cmk, server: ManagementServer
) -> None:
    cloud.variables["CMK_SECRET_KEY"] = "wrong"
    result = cloud("list", "zones")
    assert result.status == 3
    assert "Credentials come from CMK_URL" in result.err


def test_a_clock_that_is_off_is_told(cloud: Cmk, server: ManagementServer) -> None:
    server.clock = 20 * 60
    result = cloud("list", "zones")
    assert result.status == 3
    assert "This machine's clock is 20 minutes behind the server's" in result.err


def test_auto_finds_the_algorithm_once_and_remembers_it(
    server: ManagementServer, tmp_path: Path
) -> None:
    server.algorithms = ("sha512",)
    config = tmp_path / ".cmk" / "config"
    config.parent.mkdir()
    config.write_text(
        f"profile = p\n[p]\nurl = {server.url}\napikey = the-key\nsecretkey = the-secret\n"
        "signaturealgorithm = auto\n"
    )
    cmk = Cmk({"HOME": str(tmp_path)})
    cmk.ok("list", "zones")
    assert len(server.log) == 2
    assert "signaturealgorithm = sha512" in config.read_text()
    cmk.ok("list", "zones")
    assert len(server.log) == 3


@pytest.mark.parametrize("failures", [1, 3])
def test_a_read_is_tried_again(cloud: Cmk, server: ManagementServer, failures: int) -> None:
    server.next = [Raw(503, b"busy", {"Retry-After": "0"}), Raw(502), Raw(reset=True)][:failures]
    cloud.ok("list", "zones")
    assert len(server.log) == failures + 1


def test_a_change_is_never_sent_twice(cloud: Cmk, server: ManagementServer) -> None:
    server.next = [Raw(503, b"busy")] * 4
    result = cloud("create", "account", *account())
    assert result.status == 5
    assert server.commands() == ["createAccount"]


def account() -> list[str]:
    return ["email=a@b", "firstname=a", "lastname=b", "password=hunter2!", "username=u"]


def test_retry_after_is_waited_for(
    cloud: Cmk, server: ManagementServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.next = [Raw(503, b"", {"Retry-After": "1"})]
    began = time.monotonic()
    cloud.ok("list", "zones")
    assert time.monotonic() - began >= 1


HTML = b"<html>\n<head><title>Bad Gateway</title></head></html>"


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (Raw(body=b"not json"), 1, "HTTP 200 OK, and no JSON as CloudStack's API does: not json"),
        (Raw(body=HTML, headers={"Content-Type": "text/html"}), 1, "API does: <html>"),
        (Raw(404, HTML), 1, "Does the URL end in /client/api?"),
        (Raw(403, b"denied"), 3, "HTTP 403 Forbidden"),
        (Raw(body=b""), 1, "nothing at all"),
        (Raw(500, b""), 1, "HTTP 500"),
        (Raw(body=b'{"listzonesresponse":{"count":1', cut=20), 5, "ended early"),
        (Raw(body=b'{"listzonesresponse":{"count"'), 1, "no JSON"),
        (Raw(body=b"null"), 1, "no JSON as CloudStack's API does: null"),
        (Raw(body=b"[]"), 1, "no JSON as CloudStack's API does: []"),
        (Raw(body=b'{"listzonesresponse": null}'), 1, "no JSON as"),
        (Raw(body=b'{"listzonesresponse": "text"}'), 1, "no JSON as"),
        (Raw(body=b"[" * 100_000), 1, "no JSON as"),
        (Raw(body=b'{"a": NaN}'), 1, "no JSON as"),
        (Raw(body=b'{"errorresponse":{"errorcode":"431","errortext":null}}'), 1, "no reason"),
        (Raw(431, b'{"listzonesresponse":{"errortext":"x"}}'), 1, "(HTTP 431, error code 9999) x"),
        (
            Raw(302, b"", {"Location": "https://evil.example/?x"}),
            1,
            "to https://evil.example/ (HTTP 302); a signed",
        ),
        (Raw(307, b"", {}), 1, "redirects to nowhere"),
    ],
    ids=range(18),
)
def test_what_is_no_answer_is_told_with_its_status_and_first_line(
    cloud: Cmk, server: ManagementServer, answer: Raw, status: int, said: str
) -> None:
    server.next = [answer] * 4
    result = cloud("list", "zones")
    assert result.status == status
    assert said in result.err
    assert result.out == ""
    assert "the-key" not in result.err


@pytest.mark.parametrize(
    "body",
    [
        b'{"listzonesresponse":{}}',
        b'{"listzonesresponse":{"count":null,"zone":null}}',
        b'{"listzonesresponse":{"zone":[null,"x",{"name":null}]}}',
        b'{"wrongresponse":{"zone":{"name":"one"}}}',
        b'{"zone":[{"name":"one"}]}',
        b'{"listzonesresponse":{"count":7,"zone":[]}}',
        b'{"listzonesresponse":{"count":"many","zone":[{"id":1}]}}',
    ],
    ids=range(7),
)
@pytest.mark.parametrize("format", ["json", "jsonl", "table", "column", "csv", "text", "value"])
def test_odd_answers_are_shown_in_every_format(
    cloud: Cmk, server: ManagementServer, body: bytes, format: str
) -> None:
    server.next = [Raw(body=body)]
    assert cloud("list", "zones", "-o", format).status == 0
    server.next = [Raw(body=body)]
    assert cloud("list", "zones", "-o", format, "filter=name,id", "exclude=id").status == 0


def test_a_server_that_is_not_there_is_status_5(cloud: Cmk) -> None:
    for url, said in (
        ("http://127.0.0.1:1/client/api", "refuses connections"),
        ("http://no-such-host.invalid/client/api", "is not known"),
    ):
        cloud.variables["CMK_URL"] = url
        result = cloud("list", "zones")
        assert result.status == 5
        assert said in result.err
        assert "the-key" not in result.err + result.out


def test_a_server_that_hangs_is_left(
    cloud: Cmk, server: ManagementServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "READ", 0.2)
    server.next = [Raw(hang=1.0)]
    result = cloud("create", "account", *account())
    assert result.status == 5
    assert "What was asked may still happen." in result.err


def test_debug_tells_of_each_request_without_a_secret(cloud: Cmk, server: ManagementServer) -> None:
    result = cloud("-d", "create", "account", *account())
    assert "command=createAccount" in result.err
    assert "password=***" in result.err
    for secret in ("hunter2", "the-key", "the-secret", "signature="):
        assert secret not in result.err


# TLS


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("cloud CA")


@pytest.fixture
def secure(authority: Authority, tmp_path: Path) -> Iterator[ManagementServer]:
    server = ManagementServer(authority.issue("127.0.0.1").context(tmp_path))
    yield server
    server.close()


def write_profile(home: Path, url: str, *lines: str) -> Cmk:
    config = home / ".cmk" / "config"
    config.parent.mkdir(exist_ok=True)
    keys = ["apikey = the-key", "secretkey = the-secret", *lines]
    config.write_text("\n".join(["profile = p", "[p]", f"url = {url}", *keys, ""]))
    return Cmk({"HOME": str(home)})


def test_a_person_is_told_what_is_waited_for_and_a_script_is_not(
    cloud: Cmk, server: ManagementServer
) -> None:
    server.next = [Raw(503), Raw(503), Raw(reset=True)]
    assert cloud("list", "zones", terminal=True).err.splitlines() == [
        "The server is busy (HTTP 503). Trying again.",
        f"{server.url} reset the connection. Trying again.",
    ]
    server.next = [Raw(503)]
    assert cloud("list", "zones").err == ""


def test_a_certificate_that_nobody_knows_is_refused_and_cacert_mends_it(
    secure: ManagementServer, authority: Authority, tmp_path: Path
) -> None:
    result = write_profile(tmp_path, secure.url)("list", "zones")
    assert result.status == 5
    assert "The certificate of https://127.0.0.1" in result.err
    assert "cacert = /path" in result.err
    assert secure.log == []
    (tmp_path / "ca.pem").write_text(authority.pem)
    write_profile(tmp_path, secure.url, f"cacert = {tmp_path}/ca.pem").ok("list", "zones")
    missing = write_profile(tmp_path, secure.url, "cacert = /nowhere.pem")("list", "zones")
    assert (missing.status, "there is no such file" in missing.err) == (6, True)


def test_verifycert_false_is_obeyed_and_told_in_a_terminal(
    secure: ManagementServer, tmp_path: Path
) -> None:
    cmk = write_profile(tmp_path, secure.url, "verifycert = false")
    assert cmk.ok("list", "zones").err == ""
    assert "is not verified" in cmk("list", "zones", terminal=True).err


@pytest.mark.parametrize("kind", ["wrong host", "expired"])
def test_a_wrong_or_expired_certificate_is_refused(
    authority: Authority, tmp_path: Path, kind: str
) -> None:
    pair = (
        authority.issue("other.example")
        if kind == "wrong host"
        else authority.issue("127.0.0.1", days=-1)
    )
    server = ManagementServer(pair.context(tmp_path))
    try:
        (tmp_path / "ca.pem").write_text(authority.pem)
        result = write_profile(tmp_path, server.url, f"cacert = {tmp_path}/ca.pem")("list", "zones")
        assert result.status == 5
        assert ("expired" if kind == "expired" else "127.0.0.1") in result.err
        assert server.log == []
    finally:
        server.close()


def test_plain_http_on_a_tls_port_is_told(secure: ManagementServer, cloud: Cmk) -> None:
    cloud.variables["CMK_URL"] = secure.url.replace("https", "http")
    assert cloud("list", "zones").status == 5
    assert isinstance(secure, ManagementServer)
    assert ssl.OPENSSL_VERSION


# batches


def test_a_batch_keeps_one_connection(cloud: Cmk, server: ManagementServer) -> None:
    cloud.ok(stdin="list zones\n" * 20)
    assert len({call.peer for call in server.log}) == 1


def test_a_401_in_the_middle_of_a_batch_stops_it_there(
    cloud: Cmk, server: ManagementServer
) -> None:
    refused = json.dumps({"listzonesresponse": {"errorcode": 401, "errortext": "no"}}).encode()
    server.apis["listZones"] = lambda params: server.page("zone", params)
    server.next = []
    lines = "list zones\nlist zones\nlist zones\n"

    def second(params: dict[str, str]) -> dict[str, object]:
        if len(server.log) == 1:
            server.next = [Raw(401, refused)]
        return server.page("zone", params)

    server.apis["listZones"] = second
    result = cloud(stdin=lines)
    assert result.status == 3
    assert "line 2: " in result.err
    assert len(server.log) == 2


def test_proxies_of_the_environment_are_used(
    cloud: Cmk, server: ManagementServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url.removesuffix("/client/api"))
    cloud.variables["CMK_URL"] = "http://cloud.example/client/api"
    cloud.ok("list", "zones")
    assert server.log[0].path == "http://cloud.example/client/api"
    assert server.log[0].headers["Host"] == "cloud.example"


ESCAPE = "\x1b]0;owned\x07\x9b31m"


def test_no_escape_sequence_of_a_server_reaches_a_terminal(
    cloud: Cmk, server: ManagementServer
) -> None:
    refused = json.dumps({"x": {"errorcode": 431, "errortext": ESCAPE}}).encode()
    refused = refused.replace(b'"x"', b'"errorresponse"')
    server.rows["zone"] = [{"id": "1", "name": ESCAPE}]
    for words in (
        ("list", "shinythings"),
        ("-d", "list", "zones", "page=1"),
        ("list", "zones", "-o", "table"),
        ("list", "zones", "-o", "json"),
        ("list", "zones", "-o", "value"),
    ):
        server.next = [Raw(431, refused)] if "shinythings" in words or "-d" in words else []
        result = cloud(*words, terminal=True)
        assert not set("\x1b\x07\x9b") & set(result.out + result.err), words


def test_an_error_on_one_line_leaves_stdout_to_the_others(
    cloud: Cmk, server: ManagementServer, tmp_path: Path
) -> None:
    (tmp_path / ".cache").write_text("a file")
    result = cloud("--keep-going", stdin="list zones\nsync\nlist zones\n")
    assert result.out.count('"count": 1') == 2
    assert "This is a bug" not in result.err


@pytest.mark.parametrize(
    "body",
    [
        b'{"r1response":{"errorcode":1e999,"errortext":"x"}}',
        b'{"listzonesresponse":{"zone":[{"name":"\\ud800"}]}}',
        b'{"listzonesresponse":{"zone":[' + b'{"a":' * 600 + b"1" + b"}" * 600 + b"]}}",
    ],
    ids=range(3),
)
def test_odd_json_is_no_bug_of_ours(cloud: Cmk, server: ManagementServer, body: bytes) -> None:
    for format in ("json", "jsonl", "csv", "table", "text", "value"):
        server.next = [Raw(body=body)]
        assert "This is a bug" not in cloud("list", "zones", "-o", format).err


def test_query_calculates_with_fractions(cloud: Cmk, server: ManagementServer) -> None:
    server.next = [Raw(body=b'{"listzonesresponse":{"zone":[{"a":1.50},{"a":2.25}]}}')]
    assert cloud.ok("list", "zones", "query=sum(zone[].a)").value == "3.75"
    assert cloud("list", "zones", "query=zone[::0]").status == 2
