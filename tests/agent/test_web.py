"""http and https: redirects, headers, trust, proxies, IPv6."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cmk.agent.connection import _public
from cmk.agent.failures import TransportFailure
from cmk.agent.source import Source
from cmk.agent.sources import open_source
from cmk.agent.wish import Limits, Wish
from tests.tls import Authority, Pair
from tests.web import Page, Web

pytestmark = pytest.mark.slow

LIMITS = Limits(2, 2)


def body_of(source: Source) -> bytes:
    buffer = bytearray(1 << 20)
    with_rest = b""
    while count := source.readinto(memoryview(buffer)):
        with_rest += buffer[:count]
    source.close()
    return with_rest


def fetched(url: str, limits: Limits = LIMITS, headers: dict[str, str] | None = None) -> bytes:
    return body_of(open_source(Wish(url, headers=headers or {}), limits))


@pytest.fixture
def other() -> Iterator[Web]:
    """A server on another origin."""
    server = Web()
    yield server
    server.close()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def secure(authority: Authority, tmp_path: Path) -> Iterator[Web]:
    """An https server whose CA the system does not know."""
    server = Web(tls=authority.issue("127.0.0.1").context(tmp_path))
    yield server
    server.close()


def test_ten_redirects_are_followed_and_eleven_are_not(web: Web) -> None:
    web.serve("/0", b"here")
    for number in range(1, 12):
        web.serve(f"/{number}", b"", status=302, headers={"Location": f"/{number - 1}"})
    assert fetched(f"{web.origin}/10") == b"here"
    with pytest.raises(TransportFailure, match="more than 10 redirects"):
        fetched(f"{web.origin}/11")


def test_a_redirect_loop_ends(web: Web) -> None:
    web.serve("/a", b"", status=302, headers={"Location": "/b"})
    web.serve("/b", b"", status=301, headers={"Location": "/a"})
    with pytest.raises(TransportFailure, match="more than 10 redirects") as caught:
        fetched(f"{web.origin}/a")
    assert caught.value.final


@pytest.mark.parametrize("target", ["file:///etc/passwd", "gopher://h/", "ftp://h/x", "data:,x"])
def test_a_redirect_to_another_kind_of_scheme_is_never_followed(web: Web, target: str) -> None:
    url = web.serve("/x", b"", status=302, headers={"Location": target})
    with pytest.raises(TransportFailure, match="never followed"):
        fetched(url)


def test_redirects_are_followed_only_where_the_setting_says_so(web: Web) -> None:
    web.serve("/a", b"here")
    url = web.serve("/x", b"", status=307, headers={"Location": "/a"})
    with pytest.raises(TransportFailure, match=r"store\.download\.follow\.redirects"):
        fetched(url, Limits(redirects=False))


def test_request_headers_go_on_at_the_same_origin_and_are_dropped_at_another(
    web: Web, other: Web
) -> None:
    other.serve("/end", b"here")
    web.serve("/here", b"", status=302, headers={"Location": f"{other.origin}/end"})
    url = web.serve("/x", b"", status=302, headers={"Location": "/here"})
    assert fetched(url, LIMITS, {"X-Token": "hunter2", "Authorization": "Basic x"}) == b"here"
    assert [request.headers.get("X-Token") for request in web.log] == ["hunter2"] * 2
    assert "hunter2" not in str(other.log)
    assert "Authorization" not in other.log[0].headers


def test_ipv6_works_and_names_its_host_in_brackets() -> None:
    server = Web("::1")
    try:
        url = server.serve("/x", b"six")
        assert url.startswith("http://[::1]:")
        assert fetched(url) == b"six"
        assert server.log[0].headers["Host"].startswith("[::1]:")
    finally:
        server.close()


def test_the_systems_cas_alone_do_not_trust_the_zones_server(secure: Web) -> None:
    url = secure.serve("/x", b"secret")
    with pytest.raises(TransportFailure, match="its certificate is refused"):
        fetched(url)


def test_the_zones_certificate_is_trusted_besides(secure: Web, authority: Authority) -> None:
    url = secure.serve("/x", b"secret")
    assert fetched(url, Limits(trust=(authority.pem,))) == b"secret"


@pytest.mark.parametrize("trusted", ["the server", "the intermediate", "the root"])
def test_what_is_trusted_need_not_be_a_root(tmp_path: Path, trusted: str) -> None:
    root = Authority("root")
    below = root.intermediate()
    pair = below.issue("127.0.0.1")
    chain = Pair(pair.certificate + below.pem, pair.key)
    pems = {"the server": pair.certificate, "the intermediate": below.pem, "the root": root.pem}
    server = Web(tls=chain.context(tmp_path))
    try:
        url = server.serve("/x", b"private")
        assert fetched(url, Limits(trust=(pems[trusted],))) == b"private"
        with pytest.raises(TransportFailure, match="its certificate is refused"):
            fetched(url, Limits(trust=(Authority("other").pem,)))
    finally:
        server.close()


def test_a_server_that_is_trusted_itself_is_so_under_its_own_name_only(tmp_path: Path) -> None:
    pair = Authority().issue("elsewhere.example")
    server = Web(tls=pair.context(tmp_path))
    try:
        with pytest.raises(TransportFailure, match="certificate is refused"):
            fetched(server.serve("/x", b""), Limits(trust=(pair.certificate,)))
    finally:
        server.close()


def test_a_certificate_for_another_name_is_refused(authority: Authority, tmp_path: Path) -> None:
    server = Web(tls=authority.issue("elsewhere.example").context(tmp_path))
    try:
        with pytest.raises(TransportFailure, match=r"certificate is refused.*127"):
            fetched(server.serve("/x", b""), Limits(trust=(authority.pem,)))
    finally:
        server.close()


def test_an_expired_certificate_is_refused(authority: Authority, tmp_path: Path) -> None:
    server = Web(tls=authority.issue("127.0.0.1", days=-1).context(tmp_path))
    try:
        with pytest.raises(TransportFailure, match="expired"):
            fetched(server.serve("/x", b""), Limits(trust=(authority.pem,)))
    finally:
        server.close()


def test_from_https_to_http_only_with_the_setting(
    secure: Web, web: Web, authority: Authority
) -> None:
    web.serve("/end", b"here")
    url = secure.serve("/x", b"", status=302, headers={"Location": f"{web.origin}/end"})
    with pytest.raises(TransportFailure, match="from https to plain http"):
        fetched(url, Limits(trust=(authority.pem,)))
    assert fetched(url, Limits(trust=(authority.pem,), downgrade=True)) == b"here"


def test_a_proxy_of_the_environment_is_asked_with_its_password(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.serve("/x", b"through")
    monkeypatch.setenv("http_proxy", web.origin.replace("http://", "http://me:p%40ss@"))
    assert fetched("http://images.example/x") == b"through"
    told = web.log[0].headers
    assert told["Host"] == "images.example"
    assert base64.b64decode(told["Proxy-Authorization"].split()[1]) == b"me:p@ss"


def test_a_proxy_that_is_down_is_named_and_not_the_server(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://me:s3cret@127.0.0.1:1")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    for url in ("http://images.example/x", "https://images.example/x", f"{web.origin}/x"):
        with pytest.raises(TransportFailure, match=r"the proxy 127\.0\.0\.1:1: connection refused"):
            fetched(url)


def test_no_proxy_is_obeyed(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert fetched(web.serve("/x", b"straight")) == b"straight"


def test_https_goes_through_a_proxys_tunnel(
    secure: Web, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{listener.getsockname()[1]}")
        asked = tunnel(listener, secure)
        assert fetched(secure.serve("/x", b"deep"), Limits(trust=(authority.pem,))) == b"deep"
    assert asked[0].startswith(b"CONNECT 127.0.0.1:")


def tunnel(listener: socket.socket, server: Web) -> list[bytes]:
    """A proxy for one CONNECT; what it was asked."""
    from threading import Thread

    asked: list[bytes] = []

    def copy(source: socket.socket, target: socket.socket) -> None:
        while data := source.recv(1 << 16):
            target.sendall(data)

    def serve() -> None:
        client, _ = listener.accept()
        asked.append(client.recv(1 << 16))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        upstream = socket.create_connection(("127.0.0.1", int(server.origin.rpartition(":")[2])))
        Thread(target=copy, args=(client, upstream), daemon=True).start()
        copy(upstream, client)

    Thread(target=serve, daemon=True).start()
    return asked


def test_a_proxy_of_another_kind_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")
    with pytest.raises(TransportFailure, match="'socks5:', and only http: is supported"):
        fetched("http://images.example/x")


def test_a_host_that_is_not_there_is_told_without_a_traceback() -> None:
    with pytest.raises(TransportFailure, match="connection refused"):
        fetched("http://127.0.0.1:1/x")


def test_retry_after_as_a_date_of_a_clock_that_is_wrong_is_bounded(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cmk.agent.sources import web as http

    date = {"Retry-After": "Fri, 01 Jan 2038 00:00:00 GMT"}
    url = web.serve("/x", b"", status=503, headers=date)
    for clock, least in ((0.0, 1e9), (4e9, 0.0)):
        monkeypatch.setattr(http, "time", lambda clock=clock: clock)
        with pytest.raises(TransportFailure) as caught:
            fetched(url)
        assert caught.value.retry_after >= least
        assert not caught.value.final


def test_a_bare_question_brings_no_bytes(web: Web) -> None:
    url = web.serve("/x", b"12345", headers={"Last-Modified": "Fri, 01 Jan 2038 00:00:00 GMT"})
    source = open_source(Wish(url, bare=True), LIMITS)
    source.close()
    assert (source.size, source.etag, web.log[0].method) == (5, '"one"', "HEAD")
    assert source.last_modified.startswith("Fri")


def test_where_head_is_refused_one_byte_is_asked_for(web: Web) -> None:
    from cmk.agent.probe import head

    web.serve("/x", b"12345", script=lambda _: None)
    page = web.pages["/x"]
    page.script = lambda _: Page(b"", 405) if len(web.log) == 0 else None
    assert head(f"{web.origin}/x", {}, LIMITS)["size"] == 5
    assert [request.method for request in web.log] == ["HEAD", "GET"]


@pytest.mark.parametrize("place", ["127.0.0.1", "localhost"])
def test_where_only_the_internet_is_allowed_nobody_is_asked_here(web: Web, place: str) -> None:
    port = urlsplit(web.serve("/x.raw", b"secret")).port
    with pytest.raises(TransportFailure, match="that is not for this account"):
        fetched(f"http://{place}:{port}/x.raw", Limits(2, 2, private=False))
    assert web.log == []


def test_files_of_the_host_are_no_sources_there_either(tmp_path: Path) -> None:
    (tmp_path / "x.raw").write_bytes(b"secret")
    with pytest.raises(TransportFailure, match="files of the host are not for this account"):
        fetched((tmp_path / "x.raw").as_uri(), Limits(private=False))


@pytest.mark.parametrize(
    ("address", "is_refused"),
    [
        ("10.1.2.3", True),
        ("169.254.169.254", True),
        ("192.168.0.1", True),
        ("100.64.0.1", True),
        ("fe80::1%eth0", True),
        ("fd00::1", True),
        ("::1", True),
        ("::ffff:10.0.0.1", True),
        ("0.0.0.0", True),
        ("224.0.0.1", True),
        ("8.8.8.8", False),
        ("2606:4700::1111", False),
    ],
)
def test_what_counts_are_the_addresses_that_a_name_has(
    address: str, is_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []
    peer = socket.socket()
    where = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 80))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: where)

    def connected(to: tuple[str, int], *_: object) -> socket.socket:
        asked.append(to)
        return peer

    monkeypatch.setattr("socket.create_connection", connected)
    with peer:
        if is_refused:
            with pytest.raises(TransportFailure):
                _public(("innocent.example", 80))
            assert asked == []  # nobody learns whether anything listens there
        else:
            assert _public(("innocent.example", 80)) is peer
            assert asked == [(address, 80)]
