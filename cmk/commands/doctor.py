"""`cmk doctor`: one screen on what of this machine works."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from textwrap import wrap
from typing import NamedTuple

from cmk.catalog.index import place
from cmk.cloud.client import SKEW, Cloud
from cmk.config.credentials import Keyring
from cmk.config.file import Config
from cmk.config.settings import VALUES
from cmk.environment import Environment, harmless
from cmk.errors import CmkError, Unreachable
from cmk.lab.hosts.host import virt_type_here
from cmk.lab.libvirt.connection import check_binding
from cmk.lab.libvirt.daemon import usable_program
from cmk.session.flags import Flags
from cmk.session.session import Session

#: Seconds for each server, and days after which a catalog is old.
_PATIENCE, _OLD = 5.0, 90


class Finding(NamedTuple):
    """One thing that was looked at: whether it works, what was seen, what mends it."""

    check: str
    works: str
    seen: str
    mend: str = ""


def run(session: Session, words: list[str], flags: Flags) -> None:
    """`doctor`: a screen for a person, rows where a format is asked for."""
    environment = session.environment
    findings = [*_machine(environment), *_config(environment), *_servers(session)]
    if environment.output_is_terminal and not flags.output:
        environment.show("".join(map(_told, findings)))
        return
    session.show({"count": len(findings), "finding": [one._asdict() for one in findings]}, flags)


def _told(one: Finding) -> str:
    mend = "".join(f"{'':18}{row}\n" for row in wrap(harmless(one.mend), 62))
    return f"{one.works:<4} {harmless(one.check):<12} {harmless(one.seen)}\n{mend}"


def _machine(environment: Environment) -> Iterator[Finding]:
    """What the lab needs, and what is good to have."""
    try:
        check_binding()
        yield Finding("libvirt", "ok", usable_program(environment.variables))
    except Unreachable as problem:
        yield Finding("libvirt", "no", problem.message, problem.hint)
    qemu = shutil.which("qemu-img", path=environment.variables.get("PATH"))
    mend = "" if qemu else "On Debian: apt-get install qemu-utils"
    yield Finding("qemu-img", "ok" if qemu else "no", qemu or "it is not installed", mend)
    kind, why = virt_type_here()
    slowly = "Guests are emulated, slowly. On a machine with KVM: modprobe kvm_intel, or kvm_amd."
    yield Finding("KVM", "ok", why) if kind == "kvm" else Finding("KVM", "-", why, slowly)
    yield _device("tun", "/dev/net/tun", "Guests have no network of their own: modprobe tun.")
    yield _keyring(environment)


def _device(name: str, path: str, without: str) -> Finding:
    if not os.path.exists(path):  # noqa: PTH110 - a device, not a file
        return Finding(name, "-", f"there is no {path}", without)
    if not os.access(path, os.R_OK | os.W_OK):
        mend = "Let this user use it: usermod -aG kvm USER, then log in anew."
        return Finding(name, "no", f"{path} is there, but not for this user", mend)
    return Finding(name, "ok", path)


def _keyring(environment: Environment) -> Finding:
    ring = Keyring(environment)
    if ring.is_usable:
        return Finding("keyring", "ok", "it keeps secrets where a profile says so")
    return Finding(
        "keyring",
        "-",
        "there is none that could be used",
        "Secrets stay in the config file (0600).",
    )


def _config(environment: Environment) -> Iterator[Finding]:
    path = environment.config_file
    try:
        config = Config.read(path)
    except CmkError as problem:
        yield Finding(
            "config", "no", problem.message, problem.hint or "Mend the line, or move the file away."
        )
        return
    if not Path(path).exists():
        yield Finding(
            "config", "-", f"{path} is not there", "cmk profile add NAME url=URL makes it."
        )
        return
    mode = Path(path).stat().st_mode & 0o777
    if mode & 0o077:
        yield Finding(
            "config", "no", f"{path} can be read by others ({mode:03o})", f"chmod 600 {path}"
        )
    else:
        yield Finding("config", "ok", f"{path}, {len(config.profiles)} profile(s)")


def _servers(session: Session) -> Iterator[Finding]:
    """Each profile's server: whether it answers, its clock, and its catalog here."""
    try:
        names = Config.read(session.environment.config_file).profiles
    except CmkError:
        return
    chosen = [(name, Flags(profile=name)) for name in names]
    with suppress(CmkError):  # it is told by its own finding, or by the file's
        if session.profile.name not in names:
            chosen.append((session.profile.chosen_by, session.flags))
    for name, flags in chosen:
        there = Session(session.environment.silent(), flags, session.connect)
        try:
            yield from _settings(name, there)
            if not there.profile.is_lab:
                yield from _server(name, there)
        except (CmkError, OSError) as problem:
            hint = problem.hint if isinstance(problem, CmkError) else ""
            yield Finding(name, "no", str(problem).partition("\n")[0], hint)
        finally:
            there.close()


def _settings(name: str, there: Session) -> Iterator[Finding]:
    """Settings of a profile that mean nothing."""
    for key, value in there.profile.settings.items():
        allowed = VALUES.get(key)
        is_bad = bool(allowed) and value.lower() not in (allowed or ())
        if is_bad or (key == "timeout" and not value.isdigit()):
            means = f"one of {', '.join(allowed)}" if allowed else "a number of seconds"
            yield Finding(name, "no", f"{key} = {value} means nothing", f"It is {means}.")


def _server(name: str, there: Session) -> Iterator[Finding]:
    cloud = there.backend
    assert isinstance(cloud, Cloud)
    version, date = cloud.greeted(_PATIENCE)
    yield Finding(name, "ok", f"CloudStack {version} at {there.profile.url}")
    yield _clock(name, date)
    kept = Path(place(there.environment, there.profile.url))
    days = (time.time() - kept.stat().st_mtime) / 86400 if kept.exists() else None
    seen = "its catalog is not here" if days is None else f"its catalog is {days:.0f} day(s) old"
    is_good = days is not None and days < _OLD
    yield Finding(name, "ok" if is_good else "-", seen, "" if is_good else f"cmk -p {name} sync")


def _clock(name: str, date: str) -> Finding:
    try:
        apart = time.time() - parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return Finding(name, "-", "it does not tell the time")
    if abs(apart) < SKEW:
        return Finding(name, "ok", f"its clock is {abs(apart):.0f} s from this machine's")
    mend = "Signed requests expire by the clock: set this machine's (timedatectl set-ntp true)."
    return Finding(
        name, "no", f"its clock is {abs(apart) / 60:.0f} minutes from this machine's", mend
    )
