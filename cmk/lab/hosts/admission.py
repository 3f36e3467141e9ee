"""Taking a host into the lab: everything that it must be able to do is tried at once."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmk.errors import CmkError, Unreachable
from cmk.lab.hosts.host import AgentFailure, Host
from cmk.lab.hosts.reach import Local
from cmk.lab.seed import MIB
from cmk.lab.store import new_uuid, now

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

Json = dict[str, Any]

#: Python that the agent needs.
OLDEST = (3, 9)

_VIRT = (
    "if grep -qE '^flags.* (vmx|svm)( |$)' /proc/cpuinfo && test -r /dev/kvm && test -w /dev/kvm; "
    "then echo kvm; else echo qemu; fi"
)


def admit(lab: Lab, row: Json, pool_path: str) -> int:
    """Try a host, write its row and that of its own pool; the row's id.

    `row` are its columns as far as they were given. Raises Unreachable, each time with what it
    cannot do; nothing is written then.
    """
    candidate = Candidate(lab, row, pool_path)
    with candidate.host:
        found = candidate.examine()
    with lab.store.change():
        name = _free_name(lab, found["name"])
        host = lab.store.insert(
            "host",
            uuid=new_uuid(),
            name=name,
            cpus=found["cpus"],
            speed=found["speed"],
            ram=found["ram"],
            last_seen=now(),
            created=now(),
            **row,
        )
        for key, value in found["details"].items():
            lab.store.insert("host_details", host_id=host, name=key, value=value)
        lab.store.insert(
            "storage_pool",
            uuid=candidate.pool_uuid,
            name=f"{name}-local",
            data_center_id=row["data_center_id"],
            host_id=host,
            path=candidate.pool,
            capacity=found["total"],
            used=found["total"] - found["free"],
            created=now(),
        )
    return host


class Candidate:
    """A host that is not in the store yet."""

    def __init__(self, lab: Lab, row: Json, pool_path: str) -> None:
        self.lab = lab
        self.pool_uuid = new_uuid()
        self.pool = pool_path
        self.host = Host(lab, _as_row({"id": 0, "name": row["url"], **row}))

    def examine(self) -> Json:
        """All checks, in the order in which they depend on each other; what was found."""
        host = self.host
        connection = host.connection  # says itself why it cannot be opened
        _check_guests(connection, host.name)
        details = self._check_agent()
        self._make_pool()
        self._prove_pool()
        from cmk.lab.libvirt.connection import errors

        with errors(f"{host.name} does not tell of itself"):
            _, memory, cpus, mhz, *_ = connection.getInfo()
            version = connection.getVersion()
            name = connection.getHostname()
        details["qemu"] = f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"
        room = host.agent.ask("space", pool=self.pool)
        return {
            "name": name,
            "cpus": cpus,
            "speed": mhz or 1000,
            "ram": memory * MIB,
            "details": details,
            **room,
        }

    def _check_agent(self) -> dict[str, str]:
        host = self.host
        try:
            version = host.agent.python
        except AgentFailure as problem:
            raise Unreachable(
                f"{host.name}: the agent does not run there: {problem.message}.",
                f"It needs python3, {OLDEST[0]}.{OLDEST[1]} or newer.",
            ) from None
        numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
        if numbers < OLDEST:
            raise Unreachable(
                f"{host.name} has Python {version}; the agent needs {OLDEST[0]}.{OLDEST[1]}."
            )
        for program, package in (("qemu-img", "qemu-utils"), ("prlimit", "util-linux")):
            try:
                host.reach.run(f"command -v {program}")
            except Unreachable:
                raise Unreachable(
                    f"{host.name} has no {program}.", f"On Debian: apt-get install {package}"
                ) from None
        virt = host.reach.run(_VIRT).strip()
        return {"python": version, "virttype": virt}

    def _make_pool(self) -> None:
        host = self.host
        if not self.pool:
            if isinstance(host.reach, Local):
                self.pool = str(self.lab.directory.path / "hosts" / self.pool_uuid[:8])
            else:
                state = "${XDG_STATE_HOME:-$HOME/.local/state}/cmk/pool-"
                self.pool = host.reach.run(f'echo "{state}{self.lab.id[:8]}"').strip()
        if not re.fullmatch(r"/[\w./+@-]+", self.pool):
            raise Unreachable(f"'{self.pool}' is no path for a pool: absolute, and plain words.")
        try:
            host.reach.run(f"mkdir -p '{self.pool}' && chmod 711 '{self.pool}'")
        except Unreachable as problem:
            raise Unreachable(
                f"{host.name}: the pool {self.pool} cannot be made: {problem.message}"
            ) from None

    def _prove_pool(self) -> None:
        """The agent writes an image, QEMU boots (paused) from an overlay on it: both do both."""
        from cmk.lab.libvirt import domain, storage

        host, name, disk = self.host, new_uuid(), new_uuid()
        source = f"{self.pool}/.{name}.proof"
        host.reach.run(f"head -c 1048576 /dev/zero > '{source}'")
        try:
            host.agent.ask(
                "fetch", pool=self.pool, name=name, format="RAW",
                mirrors=[Path(source).as_uri()], limits={},
            )  # fmt: skip
            with host.pool(self.pool_uuid, self.pool) as pool:
                storage.create(pool, disk, MIB, f"{self.pool}/{name}", "raw")
            kind, _ = host.virt_type()
            domain.try_out(host.connection, self.lab.id, kind, f"{self.pool}/{disk}")
        except CmkError as problem:
            raise Unreachable(
                f"{host.name}: agent and QEMU cannot both use the pool {self.pool}: "
                f"{problem.message}",
                "Both must read and write there: look at its owner, and at QEMU's user.",
            ) from None
        finally:
            host.reach.run(
                f"rm -f '{source}' '{self.pool}/{name}' '{self.pool}/{disk}'* "
                f"'{self.pool}/.{name}.part' '{self.pool}/.{name}.state'"
            )


def _as_row(values: Json) -> sqlite3.Row:
    """Columns as the row that the store would give."""
    db = sqlite3.connect(":memory:")
    db.row_factory = sqlite3.Row
    try:
        columns = ", ".join(f'? AS "{name}"' for name in values)
        row: sqlite3.Row = db.execute(f"SELECT {columns}", tuple(values.values())).fetchone()
        return row
    finally:
        db.close()


def _check_guests(connection: Any, name: str) -> None:
    from xml.etree import ElementTree as Xml

    from cmk.lab.libvirt.connection import errors

    with errors(f"{name} does not tell what it can run"):
        told = Xml.fromstring(connection.getCapabilities())  # noqa: S314 - libvirt's own
    kinds = {
        (g.findtext("os_type"), a.get("name")) for g in told.iter("guest") for a in g.iter("arch")
    }
    if ("hvm", "x86_64") not in kinds:
        raise Unreachable(
            f"{name} cannot run guests: its libvirt finds no QEMU for x86_64.",
            "On Debian: apt-get install qemu-system-x86",
        )


def _free_name(lab: Lab, wanted: str) -> str:
    taken = {row["name"] for row in lab.store.rows("SELECT name FROM host WHERE removed IS NULL")}
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name
