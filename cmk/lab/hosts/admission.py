"""Taking a host into the lab: everything that it must be able to do is tried at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from cmk.document import Json
from cmk.errors import CmkError, Unreachable
from cmk.lab.hosts.agent import AgentFailure
from cmk.lab.hosts.host import OpenHost
from cmk.lab.hosts.placement import MIB
from cmk.lab.hosts.reach import Local
from cmk.lab.lab import Lab
from cmk.lab.model.host import Host
from cmk.lab.model.pool import Pool, PoolState
from cmk.lab.store import new_uuid, now

#: Python that the agent needs.
OLDEST = (3, 9)

_VIRT = (
    "if grep -qE '^flags.* (vmx|svm)( |$)' /proc/cpuinfo && test -r /dev/kvm && test -w /dev/kvm; "
    "then echo kvm; else echo qemu; fi"
)


def admit(lab: Lab, columns: Json, pool_path: str) -> Host:
    """Try a host, write its row and that of its own pool.

    `columns` are those of its row as far as they were given, `pool_path` the directory of its pool
    ("": one of our choice). Raises Unreachable, each time with what it cannot do; nothing is
    written then.
    """
    candidate = Candidate(lab, columns, pool_path)
    with candidate.host:
        found = candidate.examine()
    with lab.store.change():
        host = Host.add(
            lab.store,
            name=_free_name(lab, found["name"]),
            cpus=found["cpus"],
            speed=found["speed"],
            ram=found["ram"],
            last_seen=now(),
            created=now(),
            **columns,
        )
        host.set_details(lab.store, found["details"])
        Pool.add(
            lab.store,
            uuid=candidate.pool.uuid,
            name=f"{host.name}-local",
            data_center_id=host.data_center_id,
            host_id=host.id,
            path=candidate.pool.path,
            capacity=found["total"],
            used=found["total"] - found["free"],
            created=now(),
        )
    return host


class Candidate:
    """A host that is not in the store yet."""

    def __init__(self, lab: Lab, columns: Json, pool_path: str) -> None:
        self.lab = lab
        self.host = OpenHost(lab, Host.draft(name=columns["url"], last_seen=None, **columns))
        self.pool = Pool.draft(path=pool_path, status=PoolState.UP)

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
        room = host.agent.ask("space", pool=self.pool.path)
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
        host, path = self.host, self.pool.path
        if not path:
            if isinstance(host.reach, Local):
                path = str(self.lab.directory.path / "hosts" / self.pool.uuid[:8])
            else:
                state = "${XDG_STATE_HOME:-$HOME/.local/state}/cmk/pool-"
                path = host.reach.run(f'echo "{state}{self.lab.id[:8]}"').strip()
        if not re.fullmatch(r"/[\w./+@-]+", path):
            raise Unreachable(f"'{path}' is no path for a pool: absolute, and plain words.")
        self.pool = Pool.draft(uuid=self.pool.uuid, path=path, status=PoolState.UP)
        try:
            host.reach.run(f"mkdir -p '{path}' && chmod 711 '{path}'")
        except Unreachable as problem:
            raise Unreachable(
                f"{host.name}: the pool {path} cannot be made: {problem.message}"
            ) from None

    def _prove_pool(self) -> None:
        """The agent writes an image, QEMU boots (paused) from an overlay on it: both do both."""
        from cmk.lab.libvirt import domain, storage

        host, path, name, disk = self.host, self.pool.path, new_uuid(), new_uuid()
        source = f"{path}/.{name}.proof"
        host.reach.run(f"head -c 1048576 /dev/zero > '{source}'")
        try:
            host.agent.ask(
                "fetch", pool=path, name=name, format="RAW",
                mirrors=[Path(source).as_uri()], limits={},
            )  # fmt: skip
            with host.pool(self.pool) as pool:
                storage.create(pool, disk, MIB, f"{path}/{name}", "raw")
            kind, _ = host.virt_type()
            domain.try_out(host.connection, self.lab.id, kind, f"{path}/{disk}")
        except CmkError as problem:
            raise Unreachable(
                f"{host.name}: agent and QEMU cannot both use the pool {path}: {problem.message}",
                "Both must read and write there: look at its owner, and at QEMU's user.",
            ) from None
        finally:
            host.reach.run(
                f"rm -f '{source}' '{path}/{name}' '{path}/{disk}'* "
                f"'{path}/.{name}.part' '{path}/.{name}.state'"
            )


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
    name, number = wanted, 1
    while Host.is_taken(lab.store, name):
        number += 1
        name = f"{wanted}-{number}"
    return name
