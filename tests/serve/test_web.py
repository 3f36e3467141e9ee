"""What a browser gets besides the API: the web UI's files, and screens of VMs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.conftest import LabCmk
from tests.serve.conftest import Served, serving
from tests.web import Web


def page(url: str) -> tuple[int, str]:
    try:
        with urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as problem:
        with problem:
            return problem.code, ""


def test_the_web_uis_files_are_served_and_nothing_beside_them(lab: LabCmk, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    ui = tmp_path / "ui"
    ui.mkdir()
    (ui / "index.html").write_text("<p>the UI</p>")
    with serving(lab, "--ui", str(ui)) as served:
        root = served.url.removesuffix("/client/api")
        assert page(f"{root}/") == (200, "<p>the UI</p>")
        assert page(f"{root}/client/") == (200, "<p>the UI</p>")
        assert page(f"{root}/client/%2e%2e/secret")[0] == 404
        assert page(f"{root}/client/../secret")[0] == 404
        assert served.client().ok("list", "zones").json["count"] == 1


def test_a_directory_without_the_ui_is_told(lab: LabCmk, tmp_path: Path) -> None:
    result = lab("serve", "--ui", str(tmp_path))
    assert (result.status, "has no index.html" in result.err) == (2, True)


def test_who_comes_by_the_integration_port_is_the_admin_and_others_are_not(lab: LabCmk) -> None:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with serving(lab, "--integration-port", str(port)) as served:
        asked = "/client/api?command=listUsers&response=json"
        status, text = page(f"http://127.0.0.1:{port}{asked}")
        assert (status, json.loads(text)["listusersresponse"]["count"]) == (200, 1)
        assert page(served.url.replace("/client/api", asked))[0] == 401


def test_a_token_that_is_not_good_shows_no_screen(served: Served) -> None:
    place = served.url.replace("http", "ws", 1).replace("/client/api", "/client/console/socket")
    for token in ("", "x", "é" * 200):
        with (
            pytest.raises((InvalidStatus, ConnectionClosed)),
            connect(f"{place}?{urlencode({'token': token})}"),
        ):
            pass
    assert "Traceback" not in served.end()


@pytest.mark.libvirt
def test_a_vms_screen_is_shown_by_an_address_that_is_good_once(
    served: Served, web: Web, nano: bytes
) -> None:
    client = served.client()
    template = served.lab.register(web.serve("/nano.qcow2", nano))
    vm = served.lab.deploy(template, "web1")
    words = ("create", "consoleendpoint", f"virtualmachineid={vm['id']}")
    told: dict[str, Any] = client.ok(*words).json["consoleendpoint"]
    root = served.url.removesuffix("/client/api")
    assert told["url"].startswith(f"{root}/client/console/#")
    assert "console.js" in page(told["url"].partition("#")[0])[1]
    assert "rfb.js" in page(f"{root}/client/console/console.js")[1]
    assert page(f"{root}/client/console/novnc/core/rfb.js")[0] == 200
    socket = told["websocket"]
    assert int(socket["port"]) == urlsplit(root).port
    place = f"ws://{socket['host']}:{socket['port']}/{socket['path']}?token={socket['token']}"
    with connect(place, subprotocols=["binary"]) as screen:  # type: ignore[list-item]
        assert screen.recv(timeout=10) == b"RFB 003.008\n"
        screen.send(b"RFB 003.008\n")
        assert screen.recv(timeout=10) == b"\x01\x01"  # one kind of authentication: none
    with pytest.raises((InvalidStatus, ConnectionClosed)), connect(place):
        pass
    refused = served.lab(*words)
    assert (refused.status, "shown by cmk serve" in refused.err) == (1, True)
    served.lab.ok("stop", "vm", f"id={vm['id']}", "forced=true")
    assert client(*words).status == 1
