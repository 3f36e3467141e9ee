"""`cmk serve` as its users have it: a process, sockets, other people's clients."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.conftest import Cmk, LabCmk
from tests.serve.conftest import Served
from tests.web import Web


def status_of(url: str, method: str = "GET", body: bytes | None = None) -> int:
    try:
        with urlopen(Request(url, data=body, method=method), timeout=10) as answer:
            return int(answer.status)
    except HTTPError as problem:
        with problem:
            return problem.code


def test_cmk_is_a_client_of_its_own_lab(served: Served) -> None:
    client = served.client()
    assert client.ok("list", "zones", "filter=name", "-o", "value").out == "lab\n"
    assert "APIs of" in client.ok("sync").err
    assert client.ok("list", "so", "sort=memory", "filter=name").json["count"] == 3
    refused = served.client(CMK_SECRET_KEY="wrong")("list", "zones")
    assert refused.status == 3
    missing = client("list", "vms", "id=11111111-2222-4333-8444-555555555555")
    assert missing.status in (0, 7)


def test_cs_is_a_client_of_it(served: Served) -> None:
    from cs import CloudStack, CloudStackApiException

    client: Any = CloudStack(endpoint=served.url, key=served.key, secret=served.secret)
    assert client.listZones(name="* +ü%") == {}
    assert client.listZones()["zone"][0]["name"] == "lab"
    assert client.listCapabilities()["capability"]["cloudstackversion"] == "4.22.0.0"
    for method in ("post", "get"):
        wrong: Any = CloudStack(endpoint=served.url, key=served.key, secret="no", method=method)
        with pytest.raises(CloudStackApiException) as caught:
            wrong.listZones()
        assert caught.value.response.status_code == 401


def test_methods_and_sizes_are_as_the_real_ones(served: Served) -> None:
    assert status_of(served.url, "DELETE") == 405
    assert status_of(served.url) == 401
    assert status_of(f"{served.url}?x={'a' * 9000}") == 414
    assert status_of(served.url, "POST", b"a=" + b"b" * 1_200_000) == 404
    assert status_of(served.url, "POST", "ü".encode()) == 400
    assert status_of(served.url, "POST", b"&".join(b"a=b" for _ in range(2000))) == 400
    assert status_of(served.url.replace("/client/api", "/etc/passwd")) == 404


def test_it_says_each_request_in_a_line_without_secrets_and_ends_when_told(served: Served) -> None:
    served.client().ok("list", "zones")
    status_of(f"{served.url}?command=listZones%0Aevil&signature=SECRET")
    said = served.end()
    assert re.search(r"^127\.0\.0\.1 admin POST listZones 200 \d+ ms$", said, re.MULTILINE)
    assert "127.0.0.1 - GET - 401" in said
    for secret in (served.secret, served.key, "SECRET", "Traceback"):
        assert secret not in said
    assert served.process.returncode in (0, -signal.SIGTERM)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00",
        b"GET /client/api HTTP/1.1\r\n\r\n",
        b"GET /client/api HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
        b"POST /client/api HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\nshort",
        b"POST /client/api HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\0" * 1000,
    ],
)
def test_no_bytes_bring_it_down(served: Served, raw: bytes) -> None:
    parts = urlsplit(served.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), 5) as client:
        client.sendall(raw)
        client.shutdown(socket.SHUT_WR)
        while client.recv(4096):
            pass
    assert served.client().ok("list", "zones").json["count"] == 1
    assert "Traceback" not in served.end()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("serve", "--host", "0.0.0.0"), "say --insecure"),
        (("serve", "--tls-cert", "x"), "go together"),
        (("serve", "--tls-cert", "/none", "--tls-key", "/none"), "Cannot read /none"),
        (("serve", "--tls-cert", "/dev/zero", "--tls-key", "/dev/zero"), "Cannot read /dev/zero"),
        (("serve", "stray"), "takes no words"),
        (("serve", "--once"), "needs a command"),
    ],
)
def test_what_cannot_be_served_is_told(lab: LabCmk, words: tuple[str, ...], told: str) -> None:
    result = lab(*words)
    assert result.status == 2
    assert told in result.err


def test_a_port_that_is_taken_is_told(served: Served) -> None:
    port = str(urlsplit(served.url).port)
    result = served.lab("serve", "--port", port)
    assert result.status == 6
    assert "Cannot listen" in result.err


def test_a_management_server_is_not_served(cloud: Cmk) -> None:
    assert "serve is for a lab" in cloud("serve").err


def examples() -> list[tuple[str, list[str]]]:
    """The commands of the pages' examples for CI services, by the service."""
    page = (Path(__file__).parents[2] / "docs/serve.md").read_text()
    found = []
    for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL):
        lines = [line.strip() for line in block.splitlines()]
        runs = [line.removeprefix("- run: ") for line in lines if line.startswith("- run: ")]
        script = block.partition("  script:\n")[2]
        steps = [line.strip().removeprefix("- ") for line in script.splitlines()]
        found.append(("github" if runs else "gitlab", runs or steps))
    return found


@pytest.mark.parametrize(("service", "commands"), examples(), ids=lambda each: str(each)[:6])
def test_the_examples_for_ci_services_run(
    lab: LabCmk, tmp_path: Path, service: str, commands: list[str]
) -> None:
    """All but what installs: in one shell, as GitLab has it, on a port that is free here."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    mine = [line for line in commands if not re.search(r"apt-get|pip install", line)]
    script = "\n".join(["set -e", *mine, "kill %1 2>/dev/null || true"])
    variables = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **lab.variables}
    run = subprocess.run(
        ["bash", "-c", script.replace("8080", str(port))],
        env=variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    assert '"name": "lab"' in run.stdout or run.stdout.startswith("lab")


def test_ready_fd_gets_the_port(lab: LabCmk) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)

    process = subprocess.Popen(
        [sys.executable, "-m", "cmk", "serve", "--port", "0", "--ready-fd", str(writer)],
        env={**os.environ, **lab.variables},
        pass_fds=[writer],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    with os.fdopen(reader) as ready:
        port = ready.readline().strip()
    process.terminate()
    out, _ = process.communicate(timeout=20)
    assert f":{port}/client/api" in out


def test_once_runs_a_command_on_a_fresh_lab_and_leaves_nothing(lab: LabCmk, tmp_path: Path) -> None:
    script = tmp_path / "client.py"
    script.write_text(
        "import os, sys\n"
        "from cs import CloudStack\n"
        "told = os.environ\n"
        "c = CloudStack(endpoint=told['CLOUDSTACK_ENDPOINT'], key=told['CLOUDSTACK_KEY'],\n"
        "               secret=told['CLOUDSTACK_SECRET'])\n"
        "print(c.listZones()['zone'][0]['name'], told['CLOUDSTACK_API_URL'] == told['CMK_URL'])\n"
        "print(told['CMK_LAB'], file=sys.stderr)\n"
        "sys.exit(9)\n"
    )
    process = lab.start("serve", "--once", "--", sys.executable, str(script))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (9, "lab True\n"), err
    place = Path(err.strip().removeprefix("lab:"))
    assert place.name == "lab"
    assert not place.parent.exists()


def test_the_admins_keys_stay_until_they_are_renewed(lab: LabCmk) -> None:
    first = lab.ok("lab", "keys").json
    assert lab.ok("lab", "keys").json == first
    assert lab.ok("lab", "keys", "--renew").json != first
    assert len(lab.ok("lab", "password").json["user"]["password"]) >= 16
    assert json.dumps(first["userkeys"]["secretkey"]) not in lab.ok("list", "users").out


def test_another_account_asks_by_its_keys_over_http_and_on_the_machine(served: Served) -> None:
    named = ("firstname=A", "lastname=N", "email=a@x.y", "password=@-")
    served.lab.ok("create", "domain", "name=sales")
    made = ("create", "account", "username=ann", *named, "domainid=name:sales")
    served.lab.ok(*made, stdin="s3cret")
    keys = served.lab.ok("lab", "keys", "--account", "/sales/ann").json["userkeys"]
    ann = served.client(CMK_API_KEY=keys["apikey"], CMK_SECRET_KEY=keys["secretkey"])
    assert ann.ok("list", "accounts", "filter=name", "-o", "value").out == "ann\n"
    assert ann("list", "hosts").status != 0
    assert ann.ok("list", "zones").json["count"] == 1
    on_the_machine = ("-k", keys["apikey"], "-s", keys["secretkey"])
    seen = served.lab.ok(*on_the_machine, "list", "users", "filter=username", "-o", "value")
    assert seen.out == "ann\n"
    wrong = served.lab("-k", keys["apikey"], "-s", "wrong", "list", "zones")
    assert (wrong.status, "These keys are not of a user" in wrong.err) == (3, True)
    assert served.lab("lab", "keys", "--account", "nobody").status == 7


@pytest.mark.libvirt
def test_a_vm_is_deployed_by_other_peoples_clients(served: Served, web: Web, nano: bytes) -> None:
    client = served.client()
    url = web.serve("/nano.qcow2", nano)
    words = ("zoneid=name:lab", "hypervisor=KVM", "format=QCOW2", "directdownload=true")
    client.ok("register", "template", *words, f"url={url}", "name=nano", "ostypeid=name:None")
    place = ("zoneid=name:lab", "templateid=name:nano", "serviceofferingid=name:Tiny Instance")
    vm = client.ok("deploy", "vm", *place, "name=web1").json["virtualmachine"]
    assert vm["state"] == "Running"
    served.lab.wait_for_console("web1", "READY")
    assert (
        client.ok("stop", "vm", f"id={vm['id']}", "forced=true").json["virtualmachine"]["state"]
        == "Stopped"
    )
    failed = client("start", "vm", f"id={vm['id']}", f"hostid={vm['id']}")
    assert failed.status in (1, 4, 7)
