"""A host: where guests run, and where the agent downloads. The way to both of them."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from cmk.errors import CmkError, Unreachable
from cmk.lab.settings import setting
from cmk.lab.store import now

if TYPE_CHECKING:
    from cmk.lab.engine import Lab
    from cmk.lab.hosts.reach import Reach
    from cmk.lab.libvirt.daemon import EmbeddedDaemon

Json = dict[str, Any]

#: The protocol that this cmk speaks; see cmk.agent.protocol.
PROTOCOL = 1


class AgentFailure(CmkError):
    """The agent's reason: its kind (transport, checksum, image, space, pool), and the story."""

    def __init__(self, failed: Json) -> None:
        super().__init__(str(failed.get("reason", "the agent gave no reason")))
        self.kind = str(failed.get("kind", "failure"))
        self.story: list[Json] = failed.get("story") or []
        self.digest = str(failed.get("digest", ""))


class Agent:
    """A running agent: one request after another, each to its end."""

    def __init__(self, command: list[str]) -> None:
        import subprocess

        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/"
        )
        self._next = 0

    def ask(self, what: str, tell: Callable[[Json], None] | None = None, **request: Any) -> Any:
        """What the agent answers to a request; `tell` gets its progress. Raises AgentFailure."""
        if not self._next:
            self._greet()
        self._next += 1
        line = json.dumps({"id": self._next, "do": what, **request}).encode() + b"\n"
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._gone() from None
        while True:
            answer = self._read()
            if "failed" in answer:
                raise AgentFailure(answer["failed"])
            if "done" in answer:
                return answer["done"]
            if tell is not None and "progress" in answer:
                tell(answer["progress"])

    def _greet(self) -> None:
        """Its first line; read late, so that it starts while others work."""
        hello = self._read()
        self._python = str(hello.get("python"))
        if hello.get("hello") != PROTOCOL:
            raise Unreachable(f"The agent speaks protocol {hello.get('hello')}, not {PROTOCOL}.")

    def _read(self) -> Json:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._gone()
        answer: Json = json.loads(line)
        return answer

    def _gone(self) -> AgentFailure:
        status = self._process.wait()
        how = f"killed by signal {-status}" if status < 0 else f"left with status {status}"
        return AgentFailure({"kind": "agent", "reason": f"the agent was {how}"})

    @property
    def python(self) -> str:
        """The version of the Python that runs it."""
        if not self._next:
            self._greet()
            self._next = 1
        return self._python

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self.close()

    def close(self) -> None:
        """Close its stdin, at which it leaves."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # what a dead agent has not read
                    pipe.close()
        self._process.wait()


class Host:
    """One row of the host table; a context that closes what was opened of it."""

    def __init__(self, lab: Lab, row: sqlite3.Row) -> None:
        self.lab = lab
        self.row = row
        self._agent: Agent | None = None
        self._connection: Any = None

    @classmethod
    def of(cls, lab: Lab, id: int) -> Host:
        """The host with this row id."""
        row = lab.store.one("SELECT * FROM host WHERE id = ?", id)
        assert row is not None  # rows refer to it
        return cls(lab, row)

    @property
    def id(self) -> int:
        return int(self.row["id"])

    @property
    def name(self) -> str:
        return str(self.row["name"])

    @cached_property
    def daemon(self) -> EmbeddedDaemon | None:
        """The lab's own daemon, where this host is the one it runs on."""
        if self.row["url"] != "embedded":
            return None
        from cmk.lab.libvirt.daemon import EmbeddedDaemon

        return EmbeddedDaemon(self.lab.directory, self.lab.id)

    @cached_property
    def reach(self) -> Reach:
        """The way to it."""
        from cmk.lab.hosts.reach import Local, reach_of

        if self.daemon is None:
            return reach_of(self.lab, str(self.row["url"]))
        disguise = self.daemon.disguise()
        # Inside a user namespace root's files are still root's: only setpriv changes the owner.
        return Local(self.daemon.uri, disguise if disguise[:1] == ["setpriv"] else [])

    @property
    def uri(self) -> str:
        return self.daemon.uri if self.daemon else str(self.row["url"])

    @property
    def location(self) -> str:
        """The country that mirrors are preferred from: the host's, else its zone's, else ""."""
        return self.detail("location") or str(
            self.lab.store.value(
                "SELECT value FROM data_center_details WHERE dc_id = ? AND name = 'location'",
                self.row["data_center_id"],
            )
            or ""
        )

    def detail(self, name: str) -> str:
        """One of its details, "" where it has none of that name."""
        found = self.lab.store.value(
            "SELECT value FROM host_details WHERE host_id = ? AND name = ?", self.id, name
        )
        return str(found or "")

    def console_log(self, pool: str, instance: str) -> str:
        """Where QEMU writes what a VM's serial console shows: beside the disks, but on the lab's
        own host in the lab's directory."""
        if self.daemon is not None:
            return str(self.lab.directory.console / f"{instance}.log")
        return f"{pool}/{instance}.log"

    def seen(self) -> None:
        """Write down that it answers."""
        if self.id:  # a candidate has no row yet
            self.lab.store.update("host", self.id, status="Up", last_seen=now(), reason=None)

    def missed(self, problem: CmkError) -> None:
        """Write down that it does not answer, and why; since when is when it last did."""
        if self.id and self.row["url"] != "embedded":  # the lab's own starts when it is needed
            self.lab.store.update("host", self.id, status="Down", reason=problem.message)

    @property
    def limits(self) -> Json:
        """What its agent puts up with when it downloads, and whom it trusts."""
        from cmk.lab.certificates import trusted_by
        from cmk.lab.settings import limits

        store = self.lab.store
        return limits(store, trusted_by(store, self.id, self.row["data_center_id"]))

    @property
    def connection(self) -> Any:
        """An open connection to its libvirt, the lab's own daemon started first. Unreachable."""
        if self._connection is None:
            from cmk.lab.libvirt.connection import connect, load

            load()  # a missing binding is said before a daemon is started for nothing
            try:
                uri = self.daemon.ensure() if self.daemon else self.reach.uri
                self._connection = connect(uri)
            except CmkError as problem:
                self.missed(problem)
                raise
            if self.row["status"] != "Up":
                self.seen()
        return self._connection

    @contextmanager
    def pool(self, uuid: str, path: str) -> Iterator[Any]:
        """A storage pool in its libvirt, for one worker at a time: libvirt refuses to look for new
        files in a pool while somebody makes one there."""
        from cmk.lab.directory import held
        from cmk.lab.libvirt import storage

        with held(self.lab.directory.jobs / f"pool.{uuid}"):
            yield storage.pool(self.connection, uuid, path)

    @property
    def agent(self) -> Agent:
        """Its agent, started at first use."""
        if self._agent is None:
            self._agent = Agent(self.reach.agent_command())
        return self._agent

    def drop_agent(self) -> None:
        """End the agent, whatever it does: somebody does not want its answer any more."""
        if self._agent is not None:
            self._agent.kill()
            self._agent = None

    def warm_up(self) -> None:
        """Start the lab's own daemon without waiting, where it will be needed soon.

        Raises Unreachable where libvirt's binding is missing: nothing is begun then.
        """
        from cmk.lab.libvirt.connection import load

        load()
        if self.daemon is not None and not self.daemon.is_running:
            from cmk.lab.directory import held

            with held(self.daemon.base / "daemon.lock"):
                if not self.daemon.is_running:
                    self.daemon.start()

    def virt_type(self) -> tuple[str, str]:
        """`kvm` or `qemu`, and why."""
        wanted = setting(self.lab.store, "lab.virt.type")
        if wanted != "auto":
            return wanted, "the setting lab.virt.type"
        told = self.detail("virttype")
        if told:
            return told, "found when the host was added"
        try:
            flags = Path("/proc/cpuinfo").read_text()
        except OSError:
            return "qemu", "/proc/cpuinfo cannot be read"
        if " vmx" not in flags and " svm" not in flags:
            return "qemu", "this CPU shows no virtualisation (vmx, svm)"
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            return "qemu", "/dev/kvm cannot be opened by this user"
        return "kvm", "this CPU has virtualisation and /dev/kvm opens"

    def details(self) -> dict[str, str]:
        """How this host is reached and runs its guests, for people."""
        kind, why = self.virt_type()
        told = {"uri": self.uri, "virttype": kind, "virttypereason": why}
        if self.daemon is None:
            return {**told, "libvirt": "not the lab's own"}
        pid = self.daemon.pid
        state = f"running, pid {pid}" if pid else "stopped; it starts when it is needed"
        return {**told, "libvirt": "the lab's own session daemon", "daemon": state}

    def __enter__(self) -> Host:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._agent is not None:
            self._agent.close()
            self._agent = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
