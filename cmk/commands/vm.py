"""`cmk vm IMAGE`: one line to a VM that lets you in; `cmk images`: what IMAGE may be."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cmk.catalog import similar
from cmk.commands.console import find
from cmk.commands.guest import SSH, ssh, user_of, wait_for_banner
from cmk.document import Json
from cmk.errors import ApiError, NotThere, UsageError
from cmk.files import read
from cmk.images.catalog import CloudImage, images
from cmk.lab.engine import LabBackend
from cmk.lab.hosts.door import door_to
from cmk.lab.model.machine import Machine
from cmk.lab.nouns.key_pair import fingerprint
from cmk.line.arguments import attached
from cmk.session.flags import Flags
from cmk.session.progress import bar_for
from cmk.session.session import Session
from cmk.wire.envelope import content

#: What a VM gets where nothing is said: MiB, as most cloud images want.
MEMORY, CPUS = 1024, 1

#: Seconds that a guest is waited for until it lets somebody in: software emulation is slow.
PATIENCE = 600

#: What `--port` makes VMs be on: a network of the account's own, which has public addresses.
NETWORK = "cmk-vm"
_KIND = "DefaultIsolatedNetworkOfferingWithSourceNatService"


def show_images(session: Session, words: list[str], flags: Flags) -> None:
    """`images [NAME]`."""
    if len(words) > 1 or any("=" in word for word in words):
        raise UsageError(
            "images takes a name, or nothing.", "For example: cmk images debian -o text"
        )
    known = _catalog(session)
    rows = [
        {"name": each.name, "about": each.about, "user": each.user, "url": each.url}
        for each in known.values()
        if not words or each.name in words
    ]
    if words and not rows:
        raise _unknown(words[0], known)
    session.show({"count": len(rows), "image": rows}, flags)


def run(session: Session, words: list[str], flags: Flags) -> None:
    """`vm IMAGE [NAME]`."""
    if not 1 <= len(words) <= 2 or any("=" in word for word in words[1:]):
        raise UsageError("vm takes an image, and perhaps a name.", "For example: cmk vm debian-12")
    for pair in flags.port:
        ports = pair.split(":")
        if (
            len(ports) > 2
            or not all(re.fullmatch(r"[0-9]{1,5}", each) for each in ports)
            or not (all(0 < int(each) < 1 << 16 for each in ports))
        ):
            raise UsageError(f"--port {pair}: it is a port, or two: --port 8080:80")
    backend = session.backend
    if not isinstance(backend, LabBackend):
        raise UsageError("vm is for a lab.", "Use: cmk -u lab: vm …")
    making = _Making(session, backend, flags)
    vm = making.vm(words[0], words[1] if len(words) > 1 else "")
    try:
        making.forward(vm)
        making.wait_for_banner(vm)
        if flags.ssh or flags.rm:
            ssh(session, [vm.uuid], flags)
        else:
            making.tell(vm)
    finally:
        if flags.rm:
            making.finish("destroyVirtualMachine", id=vm.uuid, expunge="true")


class _Making:
    """One VM on its way, by the same APIs as everybody's."""

    def __init__(self, session: Session, backend: LabBackend, flags: Flags) -> None:
        self._session, self._backend, self._flags = session, backend, flags
        self._began = time.monotonic()
        self._ports: list[str] = []

    def ask(self, api: str, **params: str) -> Json:
        """What an API answers at once."""
        found: Json = content(self._backend.call(api, params))
        return found

    def finish(self, api: str, **params: str) -> Json:
        """What the job of an API answers, shown on its way."""
        jobid = str(self.ask(api, **params)["jobid"])
        done: Json = self._session.wait_for(jobid, self._flags.timeout or 0)
        return done

    def one(self, api: str, rows: str, **params: str) -> Json | None:
        """The first row of a list."""
        found: list[Json] = self.ask(api, **params).get(rows) or []
        return found[0] if found else None

    def vm(self, image: str, name: str) -> Machine:
        """Register what is not registered yet, and deploy."""
        flags = self._flags
        params = {"userdata": f"@{flags.user_data}"} if flags.user_data else {}
        given = attached(params, self._session.environment.stdin)
        zone = self.one("listZones", "zone", page="1", pagesize="1")
        if zone is None:
            raise NotThere("The lab has no zone.")
        template = self._template(image, str(zone["id"]))
        given |= {"zoneid": str(zone["id"]), "templateid": template}
        given["serviceofferingid"] = self._offering()
        if name:
            given["name"] = name
        if flags.disk:
            given["rootdisksize"] = str(flags.disk)
        if flags.key:
            given["keypair"] = self._key(Path(flags.key).expanduser())
        if flags.port:
            given["networkids"] = self._network(str(zone["id"]))
        told = self.finish("deployVirtualMachine", **given)
        return find(self._backend.lab, str(told["virtualmachine"]["id"]))

    def _template(self, image: str, zone: str) -> str:
        """The id of the template that is meant; registered now where it has to be."""
        ready = self.one("listTemplates", "template", templatefilter="executable", name=image)
        if ready is not None:
            return str(ready["id"])
        known = _catalog(self._session)
        meant = known.get(image.lower()) or _by_place(image)
        if meant is None:
            raise _unknown(image, known)
        for row in self.ask("listTemplates", templatefilter="executable").get("template", []):
            if row.get("url") == meant.url:
                return str(row["id"])
        params = {
            "name": meant.name,
            "displaytext": meant.about or meant.name,
            "url": meant.url,
            "format": "RAW" if ".raw" in Path(urlsplit(meant.url).path).name else "QCOW2",
            "hypervisor": "KVM",
            "zoneid": zone,
            "directdownload": "true",
            "sshkeyenabled": "true",
        }
        if meant.user:
            params["details[0].user"] = meant.user
        if meant.os:
            kind = self.one("listOsTypes", "ostype", description=meant.os)
            params |= {"ostypeid": str(kind["id"])} if kind else {}
        return self._register(params, meant.checksum)

    def _register(self, params: dict[str, str], checksum: str) -> str:
        """Register, with the checksum that is published where there is one."""
        if checksum and not params["url"].startswith("file:"):
            try:
                told = self.ask("registerTemplate", checksum=checksum, **params)
                return str(told["template"][0]["id"])
            except ApiError as problem:
                if checksum != "auto" or problem.errorcode != 431:
                    raise
        # What is wrong otherwise, this says once more.
        return str(self.ask("registerTemplate", **params)["template"][0]["id"])

    def _offering(self) -> str:
        cpus, memory = self._flags.cpu or CPUS, self._flags.memory or MEMORY
        for row in self.ask("listServiceOfferings").get("serviceoffering", []):
            if (row["cpunumber"], row["memory"]) == (cpus, memory):
                return str(row["id"])
        text = f"{cpus} CPU, {memory} MiB"
        made = self.ask(
            "createServiceOffering",
            name=text,
            displaytext=text,
            cpunumber=str(cpus),
            cpuspeed="1000",
            memory=str(memory),
        )
        return str(made["serviceoffering"]["id"])

    def _key(self, path: Path) -> str:
        """The name of the key pair with this public key; registered under the file's name."""
        public = path if path.suffix == ".pub" else path.with_name(f"{path.name}.pub")
        try:
            text = read(public).decode().strip()
        except (OSError, ValueError) as problem:
            raise UsageError(f"--key {path}: {public} cannot be read: {problem}.") from None
        found = self.one("listSSHKeyPairs", "sshkeypair", fingerprint=fingerprint(text))
        if found is not None:
            return str(found["name"])
        taken = self.one("listSSHKeyPairs", "sshkeypair", name=path.stem)
        name = f"{path.stem}-{fingerprint(text)[:5]}" if taken else path.stem
        self.ask("registerSSHKeyPair", name=name, publickey=text)
        return name

    def _network(self, zone: str) -> str:
        found = self.one("listNetworks", "network", name=NETWORK)
        if found is not None:
            return str(found["id"])
        kind = self.one("listNetworkOfferings", "networkoffering", name=_KIND)
        made = self.ask(
            "createNetwork", name=NETWORK, zoneid=zone, networkofferingid=str((kind or {})["id"])
        )["network"]["id"]
        self.finish("createEgressFirewallRule", networkid=str(made), protocol="all")
        return str(made)

    def forward(self, vm: Machine) -> None:
        """The ports that lead in, of its network's public address."""
        if not self._flags.port:
            return
        network = vm.nics(self._backend.lab.store)[0].network(self._backend.lab.store).uuid
        found = self.ask("listPublicIpAddresses", associatednetworkid=network, issourcenat="true")
        address = found["publicipaddress"][0]
        for pair in self._flags.port:
            public, _, private = pair.partition(":")
            self.finish(
                "createPortForwardingRule",
                ipaddressid=str(address["id"]),
                protocol="tcp",
                publicport=public,
                privateport=private or public,
                virtualmachineid=vm.uuid,
            )
            self._ports.append(f"{address['ipaddress']}:{public} -> {private or public}")

    def wait_for_banner(self, vm: Machine) -> None:
        """Until the guest lets somebody in. Raises WaitTimeout."""
        bar = bar_for(self._session.environment)
        patience = self._flags.timeout or PATIENCE
        try:
            with door_to(self._backend.lab, vm, SSH) as door:
                wait_for_banner(
                    vm, door, patience, lambda: bar.update({"phase": f"Booting {vm.name}"})
                )
        finally:
            bar.clear()

    def tell(self, vm: Machine) -> None:
        """What has come of it, as data; and the line that goes on."""
        lab = self._backend.lab
        told: dict[str, Any] = {
            "name": vm.name,
            "id": vm.uuid,
            "user": user_of(lab, vm),
            "ipaddress": next(iter(vm.addresses(lab.store)), ""),
            "seconds": round(time.monotonic() - self._began, 1),
            "ssh": f"cmk ssh {vm.name}",
        }
        if self._ports:
            told["ports"] = self._ports
        self._session.show({"vm": told}, self._flags)


def _catalog(session: Session) -> dict[str, CloudImage]:
    return images(Path(session.environment.config_file).with_name("images"))


def _by_place(image: str) -> CloudImage | None:
    """An image that is a URL, or a file."""
    if "://" in image:
        path = urlsplit(image).path
        return CloudImage(Path(path).name.partition(".")[0] or "image", image)
    path_here = Path(image).expanduser()
    if not path_here.is_file():
        return None
    return CloudImage(path_here.name.partition(".")[0], path_here.absolute().as_uri(), checksum="")


def _unknown(image: str, known: dict[str, CloudImage]) -> NotThere:
    near = similar(image.lower(), known)
    return NotThere(
        f"There is no template, file, URL or image '{image}'.",
        f"Did you mean {near}?" if near else "cmk images tells what there is.",
    )
