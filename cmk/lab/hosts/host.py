"""A host to work with: its libvirt, its agent, and the way to both of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from cmk.document import Json
from cmk.errors import CmkError, Unreachable
from cmk.lab.directory import held
from cmk.lab.hosts.agent import Agent
from cmk.lab.lab import Lab
from cmk.lab.model.certificate import Certificate
from cmk.lab.model.host import Host, HostState
from cmk.lab.model.place import Zone
from cmk.lab.model.pool import Pool
from cmk.lab.settings import GUESTS, NETWORK_MODE, flag, limits, setting

if TYPE_CHECKING:
    from cmk.lab.hosts.reach import Reach
    from cmk.lab.libvirt.daemon import EmbeddedDaemon


class OpenHost:
    """A host to work with; a context that closes what was opened of it."""

    def __init__(self, lab: Lab, row: Host) -> None:
        self.lab = lab
        self.row = row
        self._agent: Agent | None = None
        self._connection: Any = None

    @classmethod
    def of(cls, lab: Lab, id: int | None) -> OpenHost:
        """The host with this row id."""
        return cls(lab, Host.of(lab.store, id))

    @classmethod
    def own(cls, lab: Lab) -> OpenHost | None:
        """The lab's own host, if it has not been deleted."""
        row = Host.own(lab.store)
        return None if row is None else cls(lab, row)

    @property
    def id(self) -> int:
        return self.row.id

    @property
    def name(self) -> str:
        return self.row.name

    @cached_property
    def daemon(self) -> EmbeddedDaemon | None:
        """The lab's own daemon, where this host is the one it runs on."""
        if not self.row.is_embedded:
            return None
        from cmk.lab.libvirt.daemon import EmbeddedDaemon

        wanted = self.has_guests and setting(self.lab.store, NETWORK_MODE) == "auto"
        return EmbeddedDaemon(self.lab.directory, self.lab.id, self.lab.variables, wanted)

    @property
    def has_guests(self) -> bool:
        """Whether VMs on it have guests, or are only written down."""
        return flag(self.lab.store, GUESTS)

    @property
    def router_lack(self) -> str:
        """Why its guests are not on the lab's router; "" where they are."""
        if self.daemon is None:
            return "only the lab's own host has it"
        return self.daemon.router_lack

    @property
    def lack(self) -> Unreachable | None:
        """What is not installed on this machine that the lab's own host needs; its daemon starts
        when it is needed, and need not run."""
        if self.daemon is None or not self.has_guests:
            return None
        from cmk.lab.libvirt.connection import check_binding
        from cmk.lab.libvirt.daemon import usable_program

        try:
            check_binding()
            usable_program(self.lab.variables)
        except Unreachable as problem:
            return problem
        return None

    @cached_property
    def reach(self) -> Reach:
        """The way to it."""
        from cmk.lab.hosts.reach import Local, reach_of

        if self.daemon is None:
            return reach_of(self.lab, self.row.url)
        from cmk.lab.libvirt.daemon import disguise

        needed = disguise() if self.has_guests else []
        # Inside a user namespace root's files are still root's: only setpriv changes the owner.
        return Local(self.daemon.uri, needed if needed[:1] == ["setpriv"] else [])

    @property
    def uri(self) -> str:
        return self.daemon.uri if self.daemon else self.row.url

    @property
    def location(self) -> str:
        """The country that mirrors are preferred from: the host's, else its zone's, else ""."""
        zone = Zone.of(self.lab.store, self.row.data_center_id)
        return self.detail("location") or zone.details(self.lab.store).get("location", "")

    def detail(self, name: str) -> str:
        """One of its details, "" where it has none of that name."""
        return self.row.details(self.lab.store).get(name, "")

    def console_log(self, pool: str, instance: str) -> str:
        """Where QEMU writes what a VM's serial console shows: beside the disks, but on the lab's
        own host in the lab's directory."""
        if self.daemon is not None:
            return str(self.lab.directory.console / f"{instance}.log")
        return f"{pool}/{instance}.log"

    @property
    def limits(self) -> Json:
        """What its agent puts up with when it downloads, and whom it trusts."""
        store = self.lab.store
        return limits(store, Certificate.trusted(store, self.row.data_center_id, self.id))

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
                self.row.missed(self.lab.store, problem.message)
                raise
            if self.row.status != HostState.UP:
                self.row.answered(self.lab.store)
        return self._connection

    @contextmanager
    def pool(self, pool: Pool) -> Iterator[Any]:
        """A storage pool in its libvirt, for one worker at a time: libvirt refuses to look for new
        files in a pool while somebody makes one there."""
        from cmk.lab.libvirt import storage

        with held(self.lab.directory.jobs / f"pool.{pool.uuid}"):
            yield storage.pool(self.connection, pool.uuid, pool.path)

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
        if not self.has_guests:
            return
        from cmk.lab.libvirt.connection import load

        load()
        if self.daemon is not None:
            self.daemon.go_inside()
        if self.daemon is not None and not self.daemon.is_running:
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
        return virt_type_here()

    def details(self) -> dict[str, str]:
        """How this host is reached and runs its guests, for people."""
        kind, why = self.virt_type()
        told = {"uri": self.uri, "virttype": kind, "virttypereason": why}
        if self.daemon is not None and self.has_guests:
            lack = self.router_lack
            told["network"] = f"QEMU's user mode: {lack}" if lack else "the lab's virtual router"
        if not self.has_guests:
            told["guests"] = f"none are started ({GUESTS} is false)"
        if self.daemon is None:
            return {**told, "libvirt": "not the lab's own"}
        pid = self.daemon.pid
        state = f"running, pid {pid}" if pid else "stopped; it starts when it is needed"
        return {**told, "libvirt": "the lab's own session daemon", "daemon": state}

    def __enter__(self) -> OpenHost:
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


def virt_type_here() -> tuple[str, str]:
    """`kvm` or `qemu`, by what this machine can, and why."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return "qemu", "/proc/cpuinfo cannot be read"
    if " vmx" not in flags and " svm" not in flags:
        return "qemu", "this CPU shows no virtualisation (vmx, svm)"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "qemu", "/dev/kvm cannot be opened by this user"
    return "kvm", "this CPU has virtualisation and /dev/kvm opens"
