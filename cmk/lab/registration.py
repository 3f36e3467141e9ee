"""Registering a template or an ISO: everything that can be known of it is known at once."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cmk.lab.api import Args, Json, invalid, no_such
from cmk.lab.checksum import Checksum, parse
from cmk.lab.engine import ADMIN_ACCOUNT
from cmk.lab.events import record
from cmk.lab.formats import checked_url, endings_of
from cmk.lab.headers import headers_of
from cmk.lab.host import AgentFailure, Host
from cmk.lab.metalink import BadMetalinkError
from cmk.lab.seed import DEFAULT_OS_TYPE
from cmk.lab.settings import number, setting
from cmk.lab.source import Scout, Source
from cmk.lab.store import new_uuid, now

if TYPE_CHECKING:
    from cmk.lab.engine import Lab


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
    url = checked_url(args["url"], what.format)
    text = args.get("checksum") or ""
    checksum = parse(text) if text and text.lower() != "auto" else None
    details: dict[str, str] = args.get("details") or {}
    source = _look(lab, zones[0], url, what, headers_of(details), text.lower() == "auto")
    used = checksum or source.checksum
    _tell(lab, url, checksum, source)
    with lab.store.change():
        return _write(lab, args, what, zones, ostype, used, details, source)


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


def _look(
    lab: Lab, zone: sqlite3.Row, url: str, what: Registration, headers: dict[str, str], auto: bool
) -> Source:
    """What the zone's first usable host sees behind the URL."""
    row = lab.store.one(
        "SELECT * FROM host WHERE data_center_id = ? AND removed IS NULL AND status = 'Up' "
        "AND resource_state = 'Enabled' ORDER BY id",
        zone["id"],
    )
    if row is None:
        raise invalid("There is no host Up and Enabled in the zone that could look at the URL.")
    with Host(lab, row) as host:
        scout = Scout(host, what.format, headers, limits(lab))
        try:
            source = scout.look(url, endings_of(what.format), host.location)
            if auto and source.checksum is None:
                checksum, place = scout.published_digest(url)
                source = replace(source, checksum=checksum, published=_shown(place))
            room = host.agent.ask("space", pool=_pool(lab, host.id))
        except (AgentFailure, BadMetalinkError) as problem:
            raise invalid(
                f"URL: {_shown(url)} validation failed on host {host.name}: {problem.message}."
            ) from None
    if (source.size or 0) > room["total"]:
        raise invalid(
            f"It has {source.size} bytes; the pool of host {host.name} holds {room['total']}."
        )
    if auto and source.checksum is None:
        raise invalid(
            "checksum=auto found no digest: neither in headers nor in files beside the URL."
        )
    return source


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
        "low_speed": number(lab.store, "direct.download.low.speed"),
        "low_speed_time": number(lab.store, "direct.download.low.speed.time"),
    }


def _shown(url: str) -> str:
    return urlsplit(url)._replace(query="", fragment="").geturl()


def _tell(lab: Lab, url: str, given: Checksum | None, source: Source) -> None:
    """Say which checksum counts, or what it means that there is none."""
    if given is not None:
        return
    if source.checksum is not None:
        lab.environment.say(f"Checksum {source.checksum}, from {source.published}.")
        return
    if source.metalink is not None and source.metalink.pieces:
        lab.environment.say("No checksum of the whole; the metalink's pieces are checked.")
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
    source: Source,
) -> int:
    created, uuid = now(), new_uuid()
    size = source.virtual_size or (None if source.packing else source.size)
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
        url_size=source.size,
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
        etag=source.etag or None,
        last_modified=source.last_modified or None,
        metalink=json.dumps(source.metalink.to_json()) if source.metalink else None,
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
