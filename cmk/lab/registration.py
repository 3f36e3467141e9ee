"""Registering a template or an ISO: everything that can be known of it is known at once."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cmk.lab.api import Args, Json, invalid, no_such
from cmk.lab.checksum import Checksum, parse
from cmk.lab.engine import ADMIN_ACCOUNT
from cmk.lab.events import record
from cmk.lab.headers import HEADER_DETAIL, headers_of
from cmk.lab.host import AgentFailure, Host
from cmk.lab.seed import DEFAULT_OS_TYPE
from cmk.lab.settings import number, setting
from cmk.lab.store import new_uuid, now

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

#: The endings of each format's files, each also with an ending of PACKINGS behind it.
ENDINGS = {"QCOW2": (".qcow2", ".img"), "RAW": (".img", ".raw"), "ISO": (".iso",)}
PACKINGS = (".gz", ".bz2", ".xz", ".zst")
OTHER_FORMATS = ("VMDK", "VHD", "VHDX", "OVA", "TAR", "BAREMETAL", "DIR")


@dataclass(frozen=True)
class Registration:
    """What is common to a template and an ISO that is being registered."""

    kind: str  # "template" or "iso"
    format: str
    hypervisor: str


def register(lab: Lab, args: Args, what: Registration) -> int:
    """Check all of it, ask the URL through a host, write the rows; returns the template's row id.

    Raises ApiError 431 for whatever is wrong.
    """
    if not args.get("directdownload"):
        raise invalid(
            "This lab has no secondary storage: add directdownload=true, and the host downloads "
            f"the {what.kind} itself."
        )
    zones = _zones(lab, args)
    ostype = _os_type(lab, args.get("ostypeid"))
    url = _checked_url(args["url"], what.format)
    checksum = parse(args["checksum"]) if args.get("checksum") else None
    details: dict[str, str] = args.get("details") or {}
    headers = headers_of(details)
    found = _ask(lab, zones[0]["id"], url, what, headers)
    _warn(lab, url, checksum)
    with lab.store.change():
        return _write(lab, args, what, zones, ostype, checksum, details, found)


def _zones(lab: Lab, args: Args) -> list[sqlite3.Row]:
    one, several = args.get("zoneid"), args.get("zoneids")
    if one and several:
        raise invalid("zoneid and zoneids exclude each other.")
    wanted = several or ([one] if one else [])
    if not wanted:
        raise invalid("registration needs zoneid or zoneids.")
    if wanted == ["-1"]:
        return lab.store.rows("SELECT * FROM data_center ORDER BY id")
    if "-1" in wanted:
        raise invalid("-1 (all zones) must be alone in zoneids.")
    zones = []
    for uuid in wanted:
        zone = lab.store.one("SELECT * FROM data_center WHERE uuid = ?", uuid.lower())
        if zone is None:
            raise no_such("zone", "zoneid", uuid)
        zones.append(zone)
    return zones


def _os_type(lab: Lab, uuid: str | None) -> int:
    if uuid is None:
        return int(
            lab.store.value("SELECT id FROM guest_os WHERE display_name = ?", DEFAULT_OS_TYPE)
        )
    found = lab.store.value("SELECT id FROM guest_os WHERE uuid = ?", uuid)
    if found is None:
        raise no_such("OS type", "ostypeid", uuid)
    return int(found)


def checked_format(text: str) -> str:
    """A template's format in upper case; raises ApiError 431 for one that KVM hosts do not take."""
    format = text.upper()
    if format in ENDINGS and format != "ISO":
        return format
    if format in OTHER_FORMATS:
        raise invalid(f"Format {format} is not for KVM hosts; QCOW2 and RAW are.")
    if format == "ISO":
        raise invalid("An ISO is registered with register iso.")
    raise invalid(f"There is no format {text}; templates are QCOW2 or RAW.")


def _checked_url(url: str, format: str) -> str:
    if len(url) > 2048:
        raise invalid("The url is longer than 2048 characters.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as problem:
        raise invalid(f"The url cannot be read: {problem}.") from None
    scheme = parts.scheme.lower()
    if scheme == "nfs":
        raise invalid(
            "nfs: is not a source: the host cannot mount a file. Use http, https or file."
        )
    if scheme not in {"http", "https", "file"}:
        raise invalid(f"The url's scheme '{scheme}' is not supported; http, https and file are.")
    if parts.username or parts.password:
        raise invalid(
            "The url holds a user or a password, which listings would show; give a header instead: "
            f"'details[0].{HEADER_DETAIL}Authorization=Basic …'."
        )
    if scheme == "file" and (host or not parts.path.startswith("/")):
        raise invalid("A file url names a file on the host: file:///path.")
    if scheme != "file" and (not host or port == 0):
        raise invalid("The url names no server.")
    if re.search(r"[\x00-\x20\x7f]", url):
        raise invalid("The url has blanks or control characters; write them as %20 and the like.")
    _check_ending(parts.path, format)
    return url


def _check_ending(path: str, format: str) -> None:
    name = path.rpartition("/")[2].lower()
    bare = name
    for packing in PACKINGS:
        bare = bare.removesuffix(packing) if name.endswith(packing) else bare
    if bare.endswith(ENDINGS[format]):
        return
    endings = " or ".join(ENDINGS[format])
    raise invalid(
        f"The url's file '{name}' is not valid for the format {format}: it ends in {endings}, "
        f"perhaps with {', '.join(PACKINGS)} behind it."
    )


def _ask(
    lab: Lab, zone: int, url: str, what: Registration, headers: dict[str, str]
) -> dict[str, Any]:
    """What the zone's first usable host sees behind the URL."""
    row = lab.store.one(
        "SELECT * FROM host WHERE data_center_id = ? AND removed IS NULL AND status = 'Up' "
        "AND resource_state = 'Enabled' ORDER BY id",
        zone,
    )
    if row is None:
        raise invalid("There is no host Up and Enabled in the zone that could look at the URL.")
    with Host(lab, row) as host:
        try:
            found: Json = host.agent.ask(
                "probe", url=url, format=what.format, headers=headers, limits=limits(lab)
            )
            room = host.agent.ask("space", pool=_pool(lab, host.id))
        except AgentFailure as problem:
            raise invalid(
                f"URL: {_shown(url)} validation failed on host {host.name}: {problem.message}."
            ) from None
    needed = max(found.get("size") or 0, 0 if found["packing"] else found.get("virtual_size") or 0)
    if (found.get("size") or 0) > room["total"]:
        raise invalid(f"It has {needed} bytes; the pool of host {host.name} holds {room['total']}.")
    return found


def _pool(lab: Lab, host: int) -> str:
    return str(
        lab.store.value("SELECT path FROM storage_pool WHERE host_id = ? AND removed IS NULL", host)
    )


def limits(lab: Lab) -> Json:
    """The agent's limits of time, from the settings."""
    return {
        "connect": number(lab.store, "direct.download.connect.timeout") / 1000,
        "read": number(lab.store, "direct.download.socket.timeout") / 1000,
        "redirects": setting(lab.store, "store.download.follow.redirects").lower() == "true",
    }


def _shown(url: str) -> str:
    return urlsplit(url)._replace(query="", fragment="").geturl()


def _warn(lab: Lab, url: str, checksum: Checksum | None) -> None:
    if checksum is not None:
        return
    risk = ""
    if url.lower().startswith("http:"):
        risk = ", and over plain http anybody on the way could change it"
    lab.environment.say(f"No checksum given: what the host downloads cannot be verified{risk}.")


def _write(
    lab: Lab,
    args: Args,
    what: Registration,
    zones: list[sqlite3.Row],
    ostype: int,
    checksum: Checksum | None,
    details: dict[str, str],
    found: dict[str, Any],
) -> int:
    created, uuid = now(), new_uuid()
    size = found["virtual_size"] or (None if found["packing"] else found["size"])
    template = lab.store.insert(
        "vm_template",
        uuid=uuid,
        name=args["name"],
        display_text=args.get("displaytext") or args["name"],
        format=what.format,
        hypervisor_type=what.hypervisor,
        url=args["url"],
        direct_download=1,
        checksum=str(checksum) if checksum else None,
        size=size,
        url_size=found["size"],
        guest_os_id=ostype,
        account_id=ADMIN_ACCOUNT,
        bootable=args.get("bootable", True),
        public=args.get("ispublic", False),
        featured=args.get("isfeatured", False),
        extractable=args.get("isextractable", False),
        enable_password=args.get("passwordenabled", False),
        enable_sshkey=args.get("sshkeyenabled", False),
        hvm=args.get("requireshvm", True),
        bits=args.get("bits", 64),
        dynamically_scalable=args.get("isdynamicallyscalable", False),
        template_tag=args.get("templatetag"),
        cross_zones=args.get("zoneid") == "-1" or args.get("zoneids") == ["-1"],
        etag=found["etag"] or None,
        last_modified=found["last_modified"] or None,
        created=created,
    )
    for name, value in details.items():
        lab.store.insert("vm_template_details", template_id=template, name=name, value=value)
    for zone in zones:
        lab.store.insert(
            "template_zone_ref", template_id=template, zone_id=zone["id"], created=created
        )
    lab.store.insert(
        "template_store_ref",
        template_id=template,
        state="Ready",
        download_state="BYPASSED",
        size=size or 0,
        created=created,
    )
    label = "ISO" if what.kind == "iso" else "Template"
    record(
        lab,
        f"{label.upper()}.CREATE",
        f"Registered {what.kind} {args['name']} ({uuid})",
        label,
        uuid,
    )
    return template
