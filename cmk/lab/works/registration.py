"""Registering a template or an ISO: everything that can be known of it is known at once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cmk.errors import CmkError
from cmk.images.checksum import Checksum, parse
from cmk.images.formats import checked_url, endings_of
from cmk.images.headers import headers_of
from cmk.images.metalink import BadMetalinkError
from cmk.lab.api import Args, Json, invalid, no_such
from cmk.lab.engine import ADMIN_ACCOUNT
from cmk.lab.events import record
from cmk.lab.hosts.host import Agent, AgentFailure, Host
from cmk.lab.hosts.pools import pool_of
from cmk.lab.jobs import hire, submit
from cmk.lab.seed import DEFAULT_OS_TYPE
from cmk.lab.store import new_uuid, now
from cmk.lab.works.order import headers
from cmk.lab.works.source import Scout, Source

if TYPE_CHECKING:
    from cmk.lab.engine import Lab


@dataclass(frozen=True)
class Registration:
    """What is common to a template and an ISO that is being registered."""

    kind: str  # "template" or "iso"
    format: str
    hypervisor: str


@dataclass(frozen=True)
class Place:
    """Who looks at a URL, and later downloads it: an agent, for a directory that it will fill.

    `name` is for people: `host vm`, `image store x`; `location` the country to prefer mirrors from.
    """

    name: str
    agent: Agent
    directory: str
    location: str
    limits: Json


def register(lab: Lab, args: Args, what: Registration) -> int:
    """Check all of it, ask the URL through whoever will download it, write the rows; returns the
    template's row id. Raises ApiError 431 for whatever is wrong."""
    zones = _zones(lab, args)
    ostype = _os_type(lab, args.get("ostypeid"))
    url = checked_url(args["url"], what.format)
    text = args.get("checksum") or ""
    checksum = parse(text) if text and text.lower() != "auto" else None
    details: dict[str, str] = args.get("details") or {}
    direct = bool(args.get("directdownload"))
    stores = [] if direct else [_image_store(lab, zone, what.kind) for zone in zones]
    with _host(lab, zones[0]) if direct else _own_machine(lab, stores[0]) as place:
        source = _look(place, url, what.format, headers_of(details), text.lower() == "auto")
    if checksum is not None:
        source = replace(source, checksum=checksum, published="")
    _tell(lab, url, checksum, source)
    with lab.store.change():
        template = _write(lab, args, what, zones, ostype, details, source)
        _write_copies(lab, template, stores, source)
    if stores:
        hire(lab)
    return template


def look_again(host: Host, template: sqlite3.Row) -> None:
    """Write down what a template's URL serves now; raises CmkError where its checksum forbids that,
    AgentFailure and BadMetalinkError where nothing can be learnt."""
    lab, published = host.lab, template["checksum_from"] or ""
    if template["checksum"] and not published:
        raise CmkError(
            f"The checksum of {template['name']} was given at registration and fixes its bytes; "
            "register the new version"
        )
    given = headers(lab.store, template)
    with _place_of(host) as place:
        auto = published.startswith(("http:", "https:", "file:"))
        source = _look(place, template["url"], template["format"], given, auto)
    lab.store.update("vm_template", template["id"], **_columns_of(source))


def _image_store(lab: Lab, zone: sqlite3.Row, kind: str) -> sqlite3.Row:
    row = lab.store.one(
        "SELECT * FROM image_store WHERE data_center_id = ? AND removed IS NULL ORDER BY id",
        zone["id"],
    )
    if row is None:
        raise invalid(
            f"The zone {zone['name']} has no secondary storage: say directdownload=true, and the "
            f"host downloads the {kind} itself, or add imagestore provider=Directory "
            "url=file:///path first."
        )
    return row


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


@contextmanager
def _host(lab: Lab, zone: sqlite3.Row) -> Iterator[Place]:
    """The zone's first usable host."""
    row = lab.store.one(
        "SELECT * FROM host WHERE data_center_id = ? AND removed IS NULL AND status = 'Up' "
        "AND resource_state = 'Enabled' ORDER BY id",
        zone["id"],
    )
    if row is None:
        raise invalid("There is no host Up and Enabled in the zone that could look at the URL.")
    with Host(lab, row) as host, _place_of(host) as place:
        yield place


@contextmanager
def _place_of(host: Host) -> Iterator[Place]:
    pool = pool_of(host.lab, host.id)
    yield Place(f"host {host.name}", host.agent, pool["path"], host.location, host.limits)


@contextmanager
def _own_machine(lab: Lab, store: sqlite3.Row) -> Iterator[Place]:
    from cmk.lab.works.secondary_storage import local_agent, local_limits

    limits = local_limits(lab, store["data_center_id"])
    with local_agent() as agent:
        yield Place(f"image store {store['name']}", agent, store["path"], "", limits)


def _look(place: Place, url: str, format: str, headers: dict[str, str], auto: bool) -> Source:
    """What is behind the URL, seen from there; `auto`: with a digest published beside it."""
    scout = Scout(place.agent, format, headers, place.limits)
    try:
        source = scout.look(url, endings_of(format), place.location)
        if auto and source.checksum is None:
            checksum, beside = scout.published_digest(url)
            source = replace(source, checksum=checksum, published=_shown(beside))
        room = place.agent.ask("space", pool=place.directory)
    except (AgentFailure, BadMetalinkError) as problem:
        raise invalid(
            f"URL: {_shown(url)} validation failed on {place.name}: {problem.message}."
        ) from None
    if (source.size or 0) > room["total"]:
        raise invalid(
            f"It has {source.size} bytes; the storage of {place.name} holds {room['total']}."
        )
    if auto and source.checksum is None:
        raise invalid(
            "checksum=auto found no digest: neither in headers nor in files beside the URL."
        )
    return source


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
    lab.environment.say(f"No checksum given: what is downloaded cannot be verified{risk}.")


def _columns_of(source: Source) -> Json:
    """What is known of the bytes behind a URL, as columns of vm_template."""
    return {
        "checksum": str(source.checksum) if source.checksum else None,
        "checksum_from": source.published or None,
        "size": source.virtual_size or (None if source.packing else source.size),
        "url_size": source.size,
        "etag": source.etag or None,
        "last_modified": source.last_modified or None,
        "metalink": json.dumps(source.metalink.to_json()) if source.metalink else None,
    }


def _write(
    lab: Lab,
    args: Args,
    what: Registration,
    zones: list[sqlite3.Row],
    ostype: int,
    details: dict[str, str],
    source: Source,
) -> int:
    created, uuid = now(), new_uuid()
    template = lab.store.insert(
        "vm_template",
        uuid=uuid,
        name=args["name"],
        display_text=args.get("displaytext") or args["name"],
        format=what.format,
        hypervisor_type=what.hypervisor,
        url=args["url"],
        direct_download=bool(args.get("directdownload")),
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
        created=created,
        **_columns_of(source),
    )
    for name, value in details.items():
        lab.store.insert("vm_template_details", template_id=template, name=name, value=value)
    for zone in zones:
        lab.store.insert(
            "template_zone_ref", template_id=template, zone_id=zone["id"], created=created
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


def _write_copies(lab: Lab, template: int, stores: list[sqlite3.Row], source: Source) -> None:
    """The rows of secondary storage: BYPASSED, or a copy that a job, queued here, will make."""
    row = {"template_id": template, "created": now()}
    if not stores:
        size = _columns_of(source)["size"] or 0
        lab.store.insert(
            "template_store_ref", state="Ready", download_state="BYPASSED", size=size, **row
        )
        return
    uuid = str(lab.store.value("SELECT uuid FROM vm_template WHERE id = ?", template))
    for store in stores:
        lab.store.insert(
            "template_store_ref",
            store_id=store["id"],
            state="Creating",
            download_state="NOT_DOWNLOADED",
            install_path=new_uuid(),
            **row,
        )
    iso = lab.store.value("SELECT format = 'ISO' FROM vm_template WHERE id = ?", template)
    cmd, label = ("registerIso", "Iso") if iso else ("registerTemplate", "Template")
    submit(lab, cmd, {}, label, uuid, template)
