"""What every test stands on: a home of its own, no network but loopback, cmk in this process."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from cmk.catalog.fetching import mark
from cmk.cli import run
from cmk.environment import Environment
from cmk.files import put
from tests.guest import qcow2
from tests.management_server import ManagementServer
from tests.waiting import until
from tests.web import Web

#: What scripts/pythons runs: the language is another, the inputs need not be as many.
_PATIENT: Any = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("few", max_examples=10, **_PATIENT)
#: No property fails because the machine is busy.
settings.register_profile("usual", **_PATIENT)
settings.load_profile("usual")


@pytest.fixture(autouse=True)
def nothing_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration, no proxy, no state of whoever runs the tests is seen or touched."""
    for name in list(os.environ):
        if name.startswith(("CMK_", "CLOUDSTACK_", "XDG_", "LIBVIRT_")) or "proxy" in name.lower():
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches out fails."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        here = self.family == socket.AF_UNIX or str(address[0]).startswith("127.")
        if not here and address[0] not in {"::1", "localhost"}:
            pytest.fail(f"a test tried to reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass(frozen=True)
class Result:
    """What one invocation gave."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def value(self) -> str:
        return self.out.strip()


class Cmk:
    """cmk with its own environment; call it with an argument list."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.variables = variables

    def __call__(self, *argv: str, stdin: str = "", terminal: bool = False) -> Result:
        make = Terminal if terminal else io.StringIO
        out, err = make(), make()
        environment = Environment(make(stdin), out, err, self.variables)
        status = run(list(argv), environment)
        return Result(int(status), out.getvalue(), err.getvalue())

    def ok(self, *argv: str, stdin: str = "") -> Result:
        """The same, for a line that has to succeed."""
        result = self(*argv, stdin=stdin)
        assert result.status == 0, f"{argv}\n{result.out}\n{result.err}"
        return result

    def id(self, *argv: str) -> str:
        """The one id that a line shows."""
        return self.ok(*argv, "filter=id", "-o", "value").value

    def start(self, *argv: str) -> subprocess.Popen[str]:
        """cmk as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "cmk", *argv],
            env={**os.environ, **self.variables},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


@pytest.fixture
def cmk(tmp_path: Path) -> Cmk:
    """cmk with nothing configured."""
    return Cmk({"HOME": str(tmp_path)})


class LabCmk(Cmk):
    """cmk on a lab of its own, with the ids that nearly every line needs."""

    def __init__(self, directory: Path, home: Path) -> None:
        super().__init__({"HOME": str(home), "CMK_URL": f"lab:{directory}"})
        self.directory = directory

    @property
    def zone(self) -> str:
        return self.id("list", "zones")

    @property
    def offering(self) -> str:
        return self.id("list", "serviceofferings", "name=Tiny Instance")

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """The lab's store as SQLite sees it, to look or to break things; changes are kept."""
        with closing(sqlite3.connect(self.directory / "lab.db")) as db, db:
            yield db

    def register(self, url: str, name: str = "nano", **params: str) -> str:
        """Register a template from a URL; its id."""
        given = {"format": "QCOW2", "hypervisor": "KVM", "directdownload": "true", **params}
        words = [f"{key}={value}" for key, value in given.items()]
        return self.id(
            "register", "template", f"zoneid={self.zone}", f"url={url}", f"name={name}", *words
        )

    def deployment(self, template: str, name: str, *more: str) -> tuple[str, ...]:
        """The words that deploy a VM."""
        return (
            "deploy",
            "virtualmachine",
            f"zoneid={self.zone}",
            f"templateid={template}",
            f"serviceofferingid={self.offering}",
            f"name={name}",
            *more,
        )

    def deploy(self, template: str, name: str, *more: str) -> dict[str, Any]:
        """Deploy a VM; what the job says of it."""
        vm: dict[str, Any] = self.ok(*self.deployment(template, name, *more)).json["virtualmachine"]
        return vm

    def vm(self, name: str) -> dict[str, Any]:
        """A VM as it is listed now."""
        found: list[dict[str, Any]] = self.ok("list", "virtualmachines", f"name={name}").json[
            "virtualmachine"
        ]
        return found[0]

    def events(self) -> list[str]:
        """The descriptions of all events, the newest first."""
        return [event["description"] for event in self.ok("list", "events").json.get("event", [])]

    def wait_for_console(self, name: str, text: str, times: int = 1) -> str:
        """What a VM's console has shown, when it has shown the text so often."""
        shown = ""

        def is_said() -> bool:
            nonlocal shown
            shown = self("console", name, "--log").out
            return shown.count(text) >= times

        until(is_said, f"{text!r} {times} time(s) on the console of {name}", 0.1)
        return shown


def _short_directory() -> Path:
    # Not tmp_path: a UNIX socket's path is short.
    return Path(tempfile.mkdtemp(prefix="cmk-", dir="/tmp"))


def processes_of(directory: Path) -> list[str]:
    """The processes whose command line names the lab: QEMUs, daemons, workers."""
    found = []
    for entry in Path("/proc").glob("[1-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        if str(directory).encode() in words:
            found.append(f"{entry.name} {words[:80]!r}")
    return found


@pytest.fixture(scope="session")
def what_libvirt_knows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """libvirt's cache of what QEMU can do, kept from lab to lab: finding out takes seconds."""
    return tmp_path_factory.mktemp("libvirt") / "cache"


@pytest.fixture
def lab(tmp_path: Path, what_libvirt_knows: Path) -> Iterator[LabCmk]:
    """A new lab; what runs in it ends with the test."""
    directory = _short_directory()
    lab = LabCmk(directory / "lab", tmp_path)
    cache = lab.directory / "host" / "cache"
    if what_libvirt_knows.exists():
        shutil.copytree(what_libvirt_knows, cache)
        for made in (lab.directory, lab.directory / "host", cache):
            made.chmod(0o700)
    yield lab
    if cache.exists() and not what_libvirt_knows.exists():
        shutil.copytree(cache, what_libvirt_knows)
    if not (lab.directory / "lab.db").exists():
        shutil.rmtree(lab.directory, ignore_errors=True)  # no lab was made: only our cache is there
    result = lab("lab", "destroy")
    left = sorted(path.name for path in lab.directory.rglob("*")) if lab.directory.exists() else []
    until(lambda: not processes_of(lab.directory), "an end of what ran in the lab")
    shutil.rmtree(directory)
    assert result.status == 0, result.err
    assert not left, f"lab destroy left {left}"


@pytest.fixture
def server() -> Iterator[ManagementServer]:
    """A management server on 127.0.0.1."""
    server = ManagementServer()
    yield server
    server.close()


@pytest.fixture
def cloud(server: ManagementServer, tmp_path: Path) -> Cmk:
    """cmk with this server's keys."""
    return Cmk(
        {
            "HOME": str(tmp_path),
            "CMK_URL": server.url,
            "CMK_API_KEY": "the-key",
            "CMK_SECRET_KEY": "the-secret",
        }
    )


def has_asked(cloud: Cmk) -> None:
    """Let it be as if the server had been asked for its catalog of late: nobody asks in a test's
    background, then."""
    there = Environment(io.StringIO(), io.StringIO(), io.StringIO(), cloud.variables)
    put(mark(there, cloud.variables["CMK_URL"]), "")


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server on 127.0.0.1."""
    server = Web()
    yield server
    server.close()


@pytest.fixture(scope="session")
def nano(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A QCOW2 image that boots in no time and says READY."""
    return qcow2(tmp_path_factory.mktemp("nano") / "nano.qcow2")


LONG = (
    *("test_crash.py", "test_networks.py", "test_hosts.py", "test_ansible.py", "test_jobs.py"),
    *("test_shells.py", "test_ssh_hosts.py", "test_readme.py"),
)
"""Modules that take a minute each: begun last, one of them would be waited for alone."""


def in_good_order(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """The tests so that each worker's share, a slice of them, begins with long ones."""

    def weight(item: pytest.Item) -> int:
        if item.path.name in LONG:
            return LONG.index(item.path.name)
        return len(LONG) + (item.get_closest_marker("libvirt") is None)

    modules = [list(tests) for _, tests in groupby(items, key=lambda item: item.path)]
    modules.sort(key=lambda tests: weight(tests[0]))  # a stable one: the order of files otherwise
    return [item for first in range(workers) for tests in modules[first::workers] for item in tests]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that need libvirt are skipped on a developer's machine without it, never in CI; what
    makes a lab in a directory of its own takes its time."""
    if workers := getattr(config, "workerinput", {}).get("workercount"):
        items[:] = in_good_order(items, workers)
    for item in items:
        if "lab" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
    have = shutil.which("qemu-system-x86_64") and shutil.which(
        "libvirtd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    )
    if have or os.environ.get("CI") == "true":
        return
    missing = pytest.mark.skip(reason="no libvirt or no QEMU here; scripts/setup installs them")
    for item in items:
        if item.get_closest_marker("libvirt"):
            item.add_marker(missing)
