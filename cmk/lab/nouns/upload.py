"""Templates and ISOs whose bytes somebody uploads."""

from __future__ import annotations

import time

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import api
from cmk.lab.model.template import Template
from cmk.lab.model.ticket import Ticket
from cmk.lab.noun import Args, kvm_only
from cmk.lab.nouns.template import SHARING
from cmk.lab.store import timestamp
from cmk.wire.faults import invalid

PLACE = "id postURL metadata expires signature"

#: Seconds in which the upload has to have begun.
LIFETIME = 3600

_UPLOAD = """
    name*: its name
    zoneid*: the zone, which needs an image store
    displaytext: a text for people (default: the name)
    ostypeid: the OS type inside it
    checksum: the digest of what is uploaded: {SHA-256}hex, …
"""
_NOTE = "In the lab there is one only where cmk serve is asked."


@api(PLACE, more=_UPLOAD + SHARING, note=_NOTE)
def get_upload_params_for_template(call: Call, args: Args) -> Json:
    """Tells where a template is to be uploaded, and registers it.

    format*: QCOW2 or RAW
    hypervisor*: KVM
    """
    from cmk.images.formats import checked_format
    from cmk.lab.works.registration import expect

    kvm_only(args)
    _require_server(call)
    return _place(call, expect(call, args, checked_format(args["format"]), "KVM"))


@api(PLACE, more=_UPLOAD + SHARING, note=_NOTE)
def get_upload_params_for_iso(call: Call, args: Args) -> Json:
    """Tells where an ISO is to be uploaded, and registers it.

    format*: ISO
    bootable: whether a VM can boot from it (default true)
    """
    from cmk.lab.works.registration import expect

    _require_server(call)
    if args["format"].upper() != "ISO":
        raise invalid(f"An ISO's format is ISO, not {args['format']}.")
    return _place(call, expect(call, args, "ISO", "None"))


def _require_server(call: Call) -> None:
    if not call.origin:
        raise invalid(
            "Uploads go to cmk serve; on this machine: register template url=file:///path"
        )


def _place(call: Call, template: Template) -> Json:
    token = Ticket.issue(call.store, Ticket.UPLOAD, template, LIFETIME)
    return {
        "getuploadparams": {
            "id": template.uuid,
            "postURL": f"{call.origin}/client/upload/{template.uuid}",
            "metadata": template.uuid,
            "expires": timestamp(time.time() + LIFETIME),
            "signature": token,
        }
    }
