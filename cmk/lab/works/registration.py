"""Registering a template or an ISO: everything that can be known of it is known at once."""

from __future__ import annotations

from typing import Any

from cmk.images.checksum import Checksum, parse
from cmk.images.formats import checked_url
from cmk.images.headers import headers_of
from cmk.lab.call import Call
from cmk.lab.events import record
from cmk.lab.jobs import Task, submit
from cmk.lab.model.account import Account
from cmk.lab.model.copy import DownloadState, ImageStore, StoredCopy
from cmk.lab.model.place import Zone
from cmk.lab.model.template import OsType, Template
from cmk.lab.ownership import owner_of_new, require
from cmk.lab.remote import check_path, reach_of
from cmk.lab.seed import DEFAULT_OS_TYPE
from cmk.lab.settings import number
from cmk.lab.store import new_uuid, now
from cmk.lab.works.look import columns_of, look, on_a_host, on_this_machine
from cmk.lab.works.source import Source
from cmk.wire.faults import invalid, malformed

Args = dict[str, Any]

#: What stands for all zones.
EVERYWHERE = "-1"

#: Parameters that are a column by another name, and what they are when they were not given.
_COLUMNS: dict[str, tuple[str, Any]] = {
    "bootable": ("bootable", True),
    "ispublic": ("public", False),
    "isfeatured": ("featured", False),
    "isextractable": ("extractable", False),
    "passwordenabled": ("enable_password", False),
    "sshkeyenabled": ("enable_sshkey", False),
    "requireshvm": ("hvm", True),
    "bits": ("bits", 64),
    "isdynamicallyscalable": ("dynamically_scalable", False),
    "templatetag": ("template_tag", None),
}


def register(call: Call, args: Args, format: str, hypervisor: str) -> Template:
    """Check all of it, ask the URL through whoever will download it, write the rows.

    Raises ApiError 431, ImageError for whatever is wrong.
    """
    zones = _zones(call, args)
    ostype = _os_type(call, args)
    owner = owner_of_new(call, args)
    require(call, owner, template=1)
    check_path(call, args["url"])
    url = checked_url(args["url"], format)
    text = args.get("checksum") or ""
    auto = text.lower() == "auto"
    given = parse(text) if text and not auto else None
    headers = headers_of(args.get("details") or {})
    direct = bool(args.get("directdownload"))
    stores = [] if direct else [_image_store(call, zone, format) for zone in zones]
    there = on_a_host(call.lab, zones[0]) if direct else on_this_machine(call.lab, stores[0])
    with there as place:
        reach = {**place.limits, **reach_of(call.store, owner.id)}
        source = look(place._replace(limits=reach), url, format, headers, auto)
    most = number(call.store, "storage.max.volume.size") << 30
    if (source.virtual_size or 0) > most:
        told = f"Its virtual size is {source.virtual_size} bytes; "
        raise invalid(f"{told}storage.max.volume.size allows {most}.")
    if given is not None:
        source = source._replace(checksum=given, published="")
    _tell(call, url, given, source)
    with call.store.change():
        require(call, owner, template=1)  # others may have registered meanwhile
        template = _write(call, args, owner, format, hypervisor, ostype, source)
        for zone in zones:
            template.register_in(call.store, zone.id)
        _write_copies(call, template, stores)
    return template


def expect(call: Call, args: Args, format: str, hypervisor: str) -> Template:
    """Write down a template or an ISO whose bytes somebody is going to upload to the zone's image
    store. Raises ApiError 431, ImageError for whatever is wrong."""
    zone = call.find(Zone, args["zoneid"], "zoneid")
    ostype, owner = _os_type(call, args), owner_of_new(call, args)
    given = parse(args["checksum"]) if args.get("checksum") else None
    store = _image_store(call, zone, format)
    nothing = Source(None, None, "", "", "", checksum=given)
    named = {**args, "url": f"upload:{new_uuid()}", "directdownload": False}
    with call.store.change():
        require(call, owner, template=1)
        template = _write(call, named, owner, format, hypervisor, ostype, nothing)
        template.register_in(call.store, zone.id)
        _write_stored(call, template, store, DownloadState.NOT_UPLOADED)
    return template


def uploaded(call: Call, template: Template) -> None:
    """Its file is there: queue the job that brings it to the image store."""
    with call.store.change():
        for copy in StoredCopy.on_stores(call.store, template):
            copy.update(call.store, download_state=DownloadState.NOT_DOWNLOADED)
        _submit(call, template)


def _os_type(call: Call, args: Args) -> OsType:
    if args.get("ostypeid"):
        return call.find(OsType, args["ostypeid"], "ostypeid")
    return OsType.there(call.store, display_name=DEFAULT_OS_TYPE)[0]


def _image_store(call: Call, zone: Zone, format: str) -> ImageStore:
    found = ImageStore.first(call.store, data_center_id=zone.id)
    if found is None:
        kind = "iso" if format == "ISO" else "template"
        raise invalid(
            f"The zone {zone.name} has no secondary storage: say directdownload=true, and the "
            f"host downloads the {kind} itself, or add imagestore provider=Directory "
            "url=file:///path first."
        )
    return found


def _zones(call: Call, args: Args) -> list[Zone]:
    one, several = args.get("zoneid"), args.get("zoneids")
    if one and several:
        raise malformed("zoneid and zoneids exclude each other.")
    wanted = several or ([one] if one else [])
    if not wanted:
        raise malformed("registration needs zoneid or zoneids.")
    if wanted == [EVERYWHERE]:
        return Zone.there(call.store)
    if EVERYWHERE in wanted:
        raise malformed("-1 (all zones) must be alone in zoneids.")
    return [call.find(Zone, uuid, "zoneid") for uuid in wanted]


def _tell(call: Call, url: str, given: Checksum | None, source: Source) -> None:
    """Say which checksum counts, or what it means that there is none."""
    if given is not None:
        return
    if source.checksum is not None:
        call.tell(f"Checksum {source.checksum}, from {source.published}.")
        return
    if source.metalink is not None and source.metalink.pieces:
        call.tell("No checksum of the whole; the metalink's pieces are checked.")
        return
    risk = ""
    if url.lower().startswith("http:"):
        risk = ", and over plain http anybody on the way could change it"
    call.tell(f"No checksum given: what is downloaded cannot be verified{risk}.")


def _write(
    call: Call,
    args: Args,
    owner: Account,
    format: str,
    hypervisor: str,
    ostype: OsType,
    source: Source,
) -> Template:
    everywhere = args.get("zoneid") == EVERYWHERE or args.get("zoneids") == [EVERYWHERE]
    template = Template.add(
        call.store,
        name=args["name"],
        display_text=args.get("displaytext") or args["name"],
        format=format,
        hypervisor_type=hypervisor,
        url=args["url"],
        direct_download=bool(args.get("directdownload")),
        guest_os_id=ostype.id,
        account_id=owner.id,
        cross_zones=everywhere,
        created=now(),
        **{column: args.get(name, other) for name, (column, other) in _COLUMNS.items()},
        **columns_of(source),
    )
    template.add_details(call.store, args.get("details") or {})
    label, kind = ("ISO", "iso") if template.is_iso else ("TEMPLATE", "template")
    told = f"Registered {kind} {template.name} ({template.uuid})"
    record(call, f"{label}.CREATE", told, template)
    return template


def _write_copies(call: Call, template: Template, stores: list[ImageStore]) -> None:
    """The rows of secondary storage: BYPASSED, or a copy that a job, queued here, will make."""
    if not stores:
        bypassed = {"state": "Ready", "download_state": DownloadState.BYPASSED}
        row = {"template_id": template.id, "created": now(), "size": template.size or 0}
        StoredCopy.insert(call.store, **bypassed, **row)
        return
    for store in stores:
        _write_stored(call, template, store, DownloadState.NOT_DOWNLOADED)
    _submit(call, template)


def _write_stored(call: Call, template: Template, store: ImageStore, state: DownloadState) -> None:
    StoredCopy.insert(
        call.store,
        store_id=store.id,
        state="Creating",
        download_state=state,
        install_path=new_uuid(),
        template_id=template.id,
        created=now(),
    )


def _submit(call: Call, template: Template) -> None:
    submit(call, "registerIso" if template.is_iso else "registerTemplate", Task(template))
