"""What can be changed of a template or an ISO that is registered: all but where its bytes are."""

from __future__ import annotations

from typing import Any

from cmk.document import Json
from cmk.images.headers import headers_of
from cmk.lab.call import Call
from cmk.lab.declaration import api
from cmk.lab.events import record
from cmk.lab.model.template import DiskTemplate, Iso, OsType
from cmk.lab.noun import Args, Noun
from cmk.lab.nouns.template import ISO, TEMPLATE
from cmk.wire.faults import invalid

#: Parameters, and the columns that they change.
_COLUMNS = {
    "name": "name",
    "displaytext": "display_text",
    "passwordenabled": "enable_password",
    "sshkeyenabled": "enable_sshkey",
    "requireshvm": "hvm",
    "isdynamicallyscalable": "dynamically_scalable",
    "templatetag": "template_tag",
    "bootable": "bootable",
}

_COMMON = """
    id*: which one
    name: its new name
    displaytext: its new text for people
    ostypeid: what is inside it
    passwordenabled: whether its password can be reset
    sshkeyenabled: whether it takes ssh keys
    requireshvm: whether it needs full virtualisation
    isdynamicallyscalable: whether it can grow while it runs
    details: details to set; an empty value removes one
    cleanupdetails: take all details away
"""


@api(TEMPLATE, more=_COMMON)
def update_template(call: Call, args: Args) -> Json:
    """Changes a template; VMs that are there stay as they are.

    templatetag: a tag; set by root admins
    """
    return _updated(call, args, TEMPLATE, call.find(DiskTemplate, args["id"]))


@api(ISO, more=_COMMON)
def update_iso(call: Call, args: Args) -> Json:
    """Changes an ISO.

    bootable: whether a VM can boot from it
    """
    return _updated(call, args, ISO, call.find(Iso, args["id"]))


def _updated(call: Call, args: Args, noun: Noun, thing: DiskTemplate | Iso) -> Json:
    if args.get("templatetag") and not call.caller.is_root:
        raise invalid("templatetag is set by root admins.")
    details: dict[str, str] = args.get("details") or {}
    if details and args.get("cleanupdetails"):
        raise invalid("details and cleanupdetails exclude each other.")
    headers_of(details)
    columns: dict[str, Any] = {
        column: args[name]
        for name, column in _COLUMNS.items()
        if args.get(name) is not None and args[name] != ""
    }
    if args.get("ostypeid"):
        columns["guest_os_id"] = call.find(OsType, args["ostypeid"], "ostypeid").id
    with call.store.change():
        if columns:
            thing.update(call.store, **columns)
        if args.get("cleanupdetails"):
            details = dict.fromkeys(thing.details(call.store), "")
        thing.add_details(call.store, details)
    record(
        call, f"{thing.resource.upper()}.UPDATE", f"Changed the {thing.kind} {thing.name}", thing
    )
    return {noun.name: noun.all_with(call, id=thing.uuid)[0]}
