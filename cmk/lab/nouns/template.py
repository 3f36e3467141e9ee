"""Templates: register, list, prepare, delete."""

from __future__ import annotations

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, job
from cmk.lab.jobs import Task
from cmk.lab.model.copy import ShownCopy, StoredCopy, is_ready
from cmk.lab.model.place import Zone
from cmk.lab.model.pool import Pool, PoolState
from cmk.lab.model.record import details_of_all
from cmk.lab.model.template import DiskTemplate, Iso, Template
from cmk.lab.noun import Args, Noun, Row
from cmk.lab.ownership import owners
from cmk.wire.faults import invalid, malformed, no_such


def _facts(call: Call, rows: list[Row]) -> None:
    """Details and copies of all rows, read for all at once."""
    from cmk.images.headers import is_header

    ids = {row["template_id"] for row in rows}
    details = details_of_all(call.store, "vm_template_details", "template_id", ids)
    copies: dict[tuple[int, int], list[ShownCopy]] = {}
    for copy in ShownCopy.of_all(call.store, ids):
        copies.setdefault((copy.template_id, copy.data_center_id), []).append(copy)
    stored = {
        (copy.template_id, copy.data_center_id): copy for copy in StoredCopy.of_all(call.store, ids)
    }
    for row in rows:
        template, zone = row["template_id"], row["zone_id"]
        mine = copies.get((template, zone), [])
        kept = stored.get((template, zone)) or stored[template, None]
        row["isready"], row["status"] = kept.is_ready, kept.status
        known = [copy.template_size for copy in mine if copy.template_size]
        row["size"] = row["size"] or (known[0] if known else None)
        row["physicalsize"] = max((copy.physical_size or 0 for copy in mine), default=0) or None
        row["details"] = {
            name: "***" if is_header(name) else value
            for name, value in details.get(template, {}).items()
        }
        differ = len({copy.stored_digest for copy in mine if copy.stored_digest}) > 1
        row["downloaddetails"] = [_copy(copy, differ) for copy in mine]
        if row["is_iso"]:  # it is for any, and clients deploy for what it tells
            row["hypervisor"] = None


def _copy(copy: ShownCopy, differ: bool) -> Json:
    told: Json = {
        "datastore": copy.storagename,
        "datastoreId": copy.storageid,
        "datastoreRole": "Primary",
        "downloadPercent": str(copy.download_pct),
        "downloadState": copy.download_state,
    }
    if copy.stale:
        told["stale"] = True
    if differ and copy.stored_digest:  # only where pools have different bytes: then it matters
        told |= {"differs": True, "checksum": f"{{SHA-256}}{copy.stored_digest}"}
    return told


FIELDS = (
    "id name displaytext ispublic created isready passwordenabled format bootable isfeatured "
    "crossZones ostypeid ostypename account accountid domain domainid domainpath project "
    "projectid zoneid zonename status size physicalsize templatetype hypervisor isextractable "
    "checksum templatetag details downloaddetails bits sshkeyenabled isdynamicallyscalable "
    "directdownload deployasis "
    "requireshvm url tags"
)
ORDER = "template_id, zone_id"
_VIEW: tuple[str, str] = ("template_view", FIELDS)
TEMPLATE = Noun(
    "template", "listTemplates", *_VIEW, _facts, order=ORDER, is_owned=True, tagged="Template"
)
ISO = Noun("iso", "listIsos", *_VIEW, _facts, order=ORDER, is_owned=True, tagged="ISO")

#: Whom a new template or ISO is for.
SHARING = """
    account: the account that it is for, in the domain that is named (default: the caller)
    domainid: the account's domain
    projectid: the project that it is for
    ispublic: whether all accounts may use it
    isfeatured: whether it is featured
    isextractable: whether it may be extracted
"""

#: What both registrations take besides that.
REGISTRATION = """
    name*: its name
    url*: where hosts download it from: http, https or file
    displaytext: a text for people (default: the name)
    ostypeid: the OS type inside it
    checksum: its digest as served: {SHA-256}hex, {SHA-512}hex …, bare hex for MD5, or auto: what is
        published beside the URL
    directdownload: true: hosts download it when they need it; false (default): the zone's image
        store does, now
    passwordenabled: whether its password can be reset
    isdynamicallyscalable: whether it can grow while it runs
"""
REGISTRATION_NOTE = (
    "In the lab file: URLs and loopback addresses are sources too, and ostypeid defaults to Other "
    "Linux (64-bit)."
)


@api(TEMPLATE, more=REGISTRATION + SHARING, note=REGISTRATION_NOTE)
def register_template(call: Call, args: Args) -> Json:
    """Registers a template, which KVM hosts download straight to primary storage if it is said.

    format*: QCOW2 or RAW
    hypervisor*: KVM
    zoneid: the zone it is for; -1 for all zones
    zoneids: the zones it is for; -1 alone for all zones
    details: details; those called HTTP_HEADER:<Name> are request headers of the download
    bits: 32 or 64
    requireshvm: whether it needs full virtualisation
    sshkeyenabled: whether it takes ssh keys
    templatetag: a tag
    """
    from cmk.images.formats import checked_format
    from cmk.lab.works.registration import register

    if args["hypervisor"].upper() != "KVM":
        raise malformed(
            f"Direct download is for hypervisor=KVM only, not for {args['hypervisor']}."
        )
    template = register(call, args, checked_format(args["format"]), "KVM")
    return TEMPLATE.listed(call, {"id": template.uuid})


@api(TEMPLATE)
def list_templates(call: Call, args: Args) -> Json:
    """Lists templates.

    templatefilter*=all|featured|self|selfexecutable|sharedexecutable|executable|community:
        which ones
    id: the template with this id
    ids: the templates with these ids
    name: the template with this name
    zoneid: templates of this zone
    hypervisor: templates for this hypervisor
    showremoved: also those that were deleted
    """
    return registered(call, TEMPLATE, args, args.pop("templatefilter"), is_iso=False)


#: What lists of templates and ISOs may be filtered by.
FILTERS = (
    "all",
    "featured",
    "self",
    "selfexecutable",
    "sharedexecutable",
    "executable",
    "community",
)


def registered(call: Call, noun: Noun, args: Args, which: str, is_iso: bool) -> Json:
    """Templates or ISOs, those that were deleted only where `showremoved` asks for them."""
    if which.lower() not in FILTERS:
        raise malformed(f"'{which}' is no filter; there are {', '.join(FILTERS)}.")
    which = which.lower()
    if which == "all":
        if not (call.caller.is_root or call.caller.is_domain_admin):
            raise invalid("The filter all is for admins.")
        named = any(args.get(name) for name in ("account", "domainid", "projectid"))
        args.setdefault("listall", not named)
    mine = owners(call, dict(args), is_one=bool(args.get("id") or args.get("ids")))
    shown = {} if args.pop("showremoved", False) else {"is_registered": True}
    among = Template.filtered(which, mine, call.caller.id)
    return noun.listed(call, {**args, "is_iso": is_iso, **shown}, among=among)


@job(TEMPLATE, note="In the lab it really downloads, as a job, and takes ISOs too.")
def prepare_template(call: Call, args: Args) -> Task:
    """Downloads a template or ISO to primary storage before a VM needs it.

    zoneid*: the zone
    templateid*: the template or ISO
    storageid: only this storage pool (default: all of the zone)
    refresh (boolean): also where there is a copy: fetch what the URL serves now
    """
    zone = call.find(Zone, args["zoneid"], "zoneid")
    template = call.use(Template, args["templateid"], "templateid")
    if not template.is_registered_in(call.store, zone.id):
        raise no_such("template or ISO in this zone", "templateid", args["templateid"])
    wanted = args.get("storageid")
    pools = [
        p
        for p in Pool.there(call.store, data_center_id=zone.id, status=PoolState.UP)
        if wanted in (None, p.uuid)
    ]
    if not pools:
        raise no_such("storage pool that is Up in this zone", "storageid", str(wanted))
    if not is_ready(call.store, template):
        raise invalid(f"{template.name} has not come to the image store yet.")
    refresh = bool(args.get("refresh"))
    if refresh and not template.direct_download:
        raise invalid("refresh=true is for direct downloads; this one's image store has it.")
    return Task(template, {"pools": [pool.id for pool in pools], "refresh": refresh})


@job(DONE)
def delete_template(call: Call, args: Args) -> Task:
    """Deletes a template, and its copies on primary storage that no VM uses.

    id*: the template
    zoneid: only in this zone
    forced: also when VMs still use it
    """
    return deletion(call, args, call.find(DiskTemplate, args["id"]))


def deletion(call: Call, args: Args, template: DiskTemplate | Iso) -> Task:
    """Check a deletion; for templates and ISOs. The job of one that is used has failed."""
    zone = call.find(Zone, args["zoneid"], "zoneid") if args.get("zoneid") else None
    kind = "iso" if template.is_iso else "template"
    if zone is not None and not template.is_registered_in(call.store, zone.id):
        raise invalid(f"The {kind} is not registered in the zone {zone.uuid}.")
    users = template.users(call.store)
    if users and not args.get("forced"):
        forced = "" if template.is_iso else "; forced=true deletes it all the same"
        used = f"VM instances are using the {kind} {template.name}: {', '.join(users)}{forced}."
        return Task(template, refusal=invalid(used))
    return Task(template, {"zone": zone.id if zone else None})
