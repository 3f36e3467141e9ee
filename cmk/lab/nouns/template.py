"""Templates: register, list, delete."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from cmk.lab.api import PAGING, Args, Json, api, invalid, no_such, optional, required
from cmk.lab.fields import DONE, fields
from cmk.lab.template_rows import is_ready, list_rows, one_row

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

TEMPLATE = fields(
    "id name displaytext ispublic created isready passwordenabled format bootable isfeatured "
    "crossZones ostypeid ostypename account accountid domain domainid zoneid zonename status size "
    "physicalsize templatetype hypervisor isextractable checksum templatetag details "
    "downloaddetails bits sshkeyenabled isdynamicallyscalable directdownload deployasis "
    "requireshvm url tags"
)

#: What both registrations take.
REGISTRATION = (
    required("name", "string", "its name"),
    required("url", "string", "where hosts download it from: http, https or file"),
    optional("displaytext", "string", "a text for people (default: the name)"),
    optional("ostypeid", "uuid", "the OS type inside it"),
    optional(
        "checksum",
        "string",
        "its digest as served: {SHA-256}hex, {SHA-512}hex …, bare hex for MD5, or auto: what is "
        "published beside the URL",
    ),
    optional(
        "directdownload",
        "boolean",
        "true: hosts download it when they need it; false (default): the zone's image store does, "
        "now",
    ),
    optional("ispublic", "boolean", "whether all accounts may use it"),
    optional("isfeatured", "boolean", "whether it is featured"),
    optional("isextractable", "boolean", "whether it may be extracted"),
    optional("passwordenabled", "boolean", "whether its password can be reset"),
    optional("isdynamicallyscalable", "boolean", "whether it can grow while it runs"),
)

#: What templatefilter may say; in a lab with one account they differ little.
FILTERS = (
    "all",
    "featured",
    "self",
    "selfexecutable",
    "sharedexecutable",
    "executable",
    "community",
)


@api(
    "registerTemplate",
    "Registers a template, which KVM hosts download straight to primary storage if it is said",
    *REGISTRATION,
    required("format", "string", "QCOW2 or RAW"),
    required("hypervisor", "string", "KVM"),
    optional("zoneid", "uuid", "the zone it is for; -1 for all zones"),
    optional("zoneids", "list", "the zones it is for; -1 alone for all zones"),
    optional(
        "details",
        "map",
        "details; those called HTTP_HEADER:<Name> are request headers of the download",
    ),
    optional("bits", "integer", "32 or 64"),
    optional("requireshvm", "boolean", "whether it needs full virtualisation"),
    optional("sshkeyenabled", "boolean", "whether it takes ssh keys"),
    optional("templatetag", "string", "a tag"),
    fields=TEMPLATE,
    aftermath="cmk.lab.works.secondary_storage:DOWNLOAD",
)
def register_template(lab: Lab, args: Args) -> Json:
    from cmk.images.formats import checked_format
    from cmk.lab.works.registration import Registration, register

    if args["hypervisor"].upper() != "KVM":
        raise invalid(f"Direct download is for hypervisor=KVM only, not for {args['hypervisor']}.")
    what = Registration("template", checked_format(args["format"]), "KVM")
    return one_row(lab, register(lab, args, what), "template")


@api(
    "listTemplates",
    "Lists templates",
    required("templatefilter", "string", "which ones", FILTERS),
    optional("id", "uuid", "the template with this id"),
    optional("ids", "list", "the templates with these ids"),
    optional("name", "string", "the template with this name"),
    optional("zoneid", "uuid", "templates of this zone"),
    optional("hypervisor", "string", "templates for this hypervisor"),
    optional("showremoved", "boolean", "also those that were deleted"),
    *PAGING,
    fields=TEMPLATE,
)
def list_templates(lab: Lab, args: Args) -> Json:
    which = {"featured": ("t.featured = 1",), "community": ("0",), "sharedexecutable": ("0",)}
    more = which.get(args["templatefilter"].lower(), ())
    return list_rows(lab, args, "template", "t.format <> 'ISO'", *more)


@api(
    "prepareTemplate",
    "Downloads a template or ISO to primary storage before a VM needs it",
    required("zoneid", "uuid", "the zone"),
    required("templateid", "uuid", "the template or ISO"),
    optional("storageid", "uuid", "only this storage pool (default: all of the zone)"),
    optional("refresh", "boolean", "also where there is a copy: fetch what the URL serves now"),
    fields=TEMPLATE,
    work="cmk.lab.works.preparation:PREPARE",
)
def prepare_template(lab: Lab, args: Args) -> Json:
    from cmk.lab import jobs

    template = lab.store.one(
        "SELECT t.* FROM vm_template t JOIN template_zone_ref r ON r.template_id = t.id "
        "JOIN data_center z ON z.id = r.zone_id "
        "WHERE t.uuid = ? AND z.uuid = ? AND t.removed IS NULL AND r.removed IS NULL",
        args["templateid"],
        args["zoneid"],
    )
    if template is None:
        raise no_such("template or ISO in this zone", "templateid", args["templateid"])
    pools = lab.store.rows(
        "SELECT s.id, s.uuid FROM storage_pool s JOIN data_center z ON z.id = s.data_center_id "
        "WHERE z.uuid = ? AND s.removed IS NULL AND s.status = 'Up'",
        args["zoneid"],
    )
    wanted = [p["id"] for p in pools if args.get("storageid") in (None, p["uuid"])]
    if not wanted:
        raise no_such(
            "storage pool that is Up in this zone", "storageid", str(args.get("storageid"))
        )
    if not is_ready(lab, template["id"]):
        raise invalid(f"{template['name']} has not come to the image store yet.")
    info = {"pools": wanted, "refresh": bool(args.get("refresh"))}
    if info["refresh"] and not template["direct_download"]:
        raise invalid("refresh=true is for direct downloads; this one's image store has it.")
    job = jobs.submit(lab, "prepareTemplate", info, "Template", template["uuid"], template["id"])
    jobs.hire(lab)
    return job


@api(
    "deleteTemplate",
    "Deletes a template, and its copies on primary storage that no VM uses",
    required("id", "uuid", "the template"),
    optional("zoneid", "uuid", "only in this zone"),
    optional("forced", "boolean", "also when VMs still use it"),
    fields=DONE,
    work="cmk.lab.works.collection:DELETE_TEMPLATE",
)
def delete_template(lab: Lab, args: Args) -> Json:
    return delete(lab, args, "deleteTemplate", "template")


def delete(lab: Lab, args: Args, cmd: str, kind: str) -> Json:
    """Check a deletion and queue it; for templates and ISOs."""
    from cmk.lab import jobs

    with lab.store.change():
        row = _deletable(lab, args, kind)
        info = {"zoneid": args.get("zoneid")}
        label = "Iso" if kind == "iso" else "Template"
        job = jobs.submit(lab, cmd, info, label, row["uuid"], row["id"])
    jobs.hire(lab)
    return job


def _deletable(lab: Lab, args: Args, kind: str) -> sqlite3.Row:
    """The template or ISO; raises ApiError 431 where it is none, or is used."""
    sign = "=" if kind == "iso" else "<>"
    row = lab.store.one(
        f"SELECT * FROM vm_template WHERE uuid = ? AND removed IS NULL AND format {sign} 'ISO'",
        args["id"],
    )
    if row is None:
        raise no_such("template" if kind == "template" else "ISO", "id", args["id"])
    if args.get("zoneid") and not lab.store.value(
        "SELECT 1 FROM template_zone_ref r JOIN data_center z ON z.id = r.zone_id "
        "WHERE r.template_id = ? AND z.uuid = ? AND r.removed IS NULL",
        row["id"],
        args["zoneid"],
    ):
        raise invalid(f"The {kind} is not registered in the zone {args['zoneid']}.")
    users = lab.store.rows(
        "SELECT name FROM vm_instance WHERE removed IS NULL AND state <> 'Error' "
        "AND (vm_template_id = ? OR iso_id = ?) ORDER BY id",
        row["id"],
        row["id"],
    )
    if users and not args.get("forced"):
        names = ", ".join(user["name"] for user in users)
        forced = "; forced=true deletes it all the same" if kind == "template" else ""
        raise invalid(f"VM instances are using the {kind} {row['name']}: {names}{forced}.")
    return row
