"""Templates and ISOs as response objects: one per zone, with their copies on the pools."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from cmk.images.headers import is_header
from cmk.lab.api import Args, Json
from cmk.lab.query import Query, listed, present

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

_READY = ("BYPASSED", "DOWNLOADED")

_COLUMNS = (
    "t.*, z.id AS zone, z.uuid AS zoneid, z.name AS zonename, g.uuid AS ostypeid, "
    "g.display_name AS ostypename, a.uuid AS accountid"
)
_SOURCE = (
    "vm_template t JOIN template_zone_ref r ON r.template_id = t.id "
    "JOIN data_center z ON z.id = r.zone_id JOIN account a ON a.id = t.account_id "
    "LEFT JOIN guest_os g ON g.id = t.guest_os_id"
)


def list_rows(lab: Lab, args: Args, noun: str, *conditions: str) -> Json:
    """The list API of templates (noun `template`) or ISOs (`iso`)."""
    query = Query(_COLUMNS, _SOURCE, *conditions)
    if not args.get("showremoved"):
        query.equal("t.state", "Active").missing("r.removed")
    query.equal("t.uuid", args.get("id")).within("t.uuid", args.get("ids"))
    query.equal("t.name", args.get("name")).contains("t.name", args.get("keyword"))
    query.equal("z.uuid", args.get("zoneid")).equal("t.hypervisor_type", args.get("hypervisor"))
    query.equal("t.bootable", args.get("bootable")).equal("t.public", args.get("ispublic"))
    count, rows = query.rows(lab.store, args, "t.id, z.id")
    return listed(noun, count, _shown(lab, rows))


def one_row(lab: Lab, id: int, noun: str) -> Json:
    """The list reply with just this template, as registration answers."""
    query = Query(_COLUMNS, _SOURCE).equal("t.id", id)
    count, rows = query.rows(lab.store, {}, "z.id")
    return listed(noun, count, _shown(lab, rows))


def _shown(lab: Lab, rows: list[sqlite3.Row]) -> list[Json]:
    """Response objects; what belongs to them is read for all at once, not row by row."""
    ids = ",".join(str(row["id"]) for row in rows)
    details: dict[int, dict[str, str]] = {}
    for detail in lab.store.rows(f"SELECT * FROM vm_template_details WHERE template_id IN ({ids})"):
        secret = is_header(detail["name"])
        shown = "***" if secret else detail["value"]
        details.setdefault(detail["template_id"], {})[detail["name"]] = shown
    copies: dict[tuple[int, int], list[sqlite3.Row]] = {}
    for copy in lab.store.rows(
        "SELECT c.*, s.uuid AS storageid, s.name AS storagename, s.data_center_id "
        "FROM template_spool_ref c JOIN storage_pool s ON s.id = c.pool_id "
        f"WHERE c.template_id IN ({ids}) ORDER BY c.id"
    ):
        copies.setdefault((copy["template_id"], copy["data_center_id"]), []).append(copy)
    stored = _stored(lab, ids)
    return [
        _template(
            lab,
            row,
            details.get(row["id"], {}),
            copies.get((row["id"], row["zone"]), []),
            stored.get((row["id"], row["zone"])) or stored[row["id"], None],
        )
        for row in rows
    ]


def _stored(lab: Lab, ids: str) -> dict[tuple[int, int | None], sqlite3.Row]:
    """The rows of secondary storage by template and zone; a bypassed one has no zone."""
    return {
        (row["template_id"], row["data_center_id"]): row
        for row in lab.store.rows(
            "SELECT r.*, s.data_center_id FROM template_store_ref r "
            f"LEFT JOIN image_store s ON s.id = r.store_id WHERE r.template_id IN ({ids})"
        )
    }


def is_ready(lab: Lab, template: int, zone: int | None = None) -> bool:
    """Whether VMs can be deployed from a template, in one zone or in all of its zones."""
    states = lab.store.rows(
        "SELECT r.download_state FROM template_store_ref r "
        "LEFT JOIN image_store s ON s.id = r.store_id WHERE r.template_id = ? "
        "AND coalesce(s.data_center_id = ?, 1)",
        template,
        zone,
    )
    return all(row["download_state"] in _READY for row in states)


def _template(
    lab: Lab,
    row: sqlite3.Row,
    details: dict[str, str],
    copies: list[sqlite3.Row],
    stored: sqlite3.Row,
) -> Json:
    sizes = [copy["physical_size"] for copy in copies if copy["physical_size"]]
    known = [copy["template_size"] for copy in copies if copy["template_size"]]
    differ = len({copy["stored_digest"] for copy in copies if copy["stored_digest"]}) > 1
    return present(
        id=row["uuid"],
        name=row["name"],
        displaytext=row["display_text"],
        ispublic=bool(row["public"]),
        created=row["created"],
        isready=stored["download_state"] in _READY,
        passwordenabled=bool(row["enable_password"]),
        format=row["format"],
        bootable=bool(row["bootable"]),
        isfeatured=bool(row["featured"]),
        crossZones=bool(row["cross_zones"]),
        ostypeid=row["ostypeid"],
        ostypename=row["ostypename"],
        **lab.owner,
        accountid=row["accountid"],
        zoneid=row["zoneid"],
        zonename=row["zonename"],
        status=status_of(stored),
        size=row["size"] or (known[0] if known else None),
        physicalsize=max(sizes) if sizes else None,
        templatetype="USER",
        hypervisor=row["hypervisor_type"],
        isextractable=bool(row["extractable"]),
        checksum=(row["checksum"] or "").rpartition("}")[2] or None,
        templatetag=row["template_tag"],
        details=details,
        downloaddetails=[_copy(copy, differ) for copy in copies],
        bits=row["bits"],
        sshkeyenabled=bool(row["enable_sshkey"]),
        isdynamicallyscalable=bool(row["dynamically_scalable"]),
        directdownload=bool(row["direct_download"]),
        deployasis=False,
        requireshvm=bool(row["hvm"]),
        url=row["url"],
        tags=[],
    )


def status_of(copy: sqlite3.Row) -> str:
    """How CloudStack says how far a template is, from a row of template_store_ref."""
    state = copy["download_state"]
    if state == "BYPASSED":
        return "Bypassed Secondary Storage"
    if state == "DOWNLOADED":
        return "Download Complete"
    if state == "DOWNLOAD_ERROR":
        return str(copy["error_str"])
    return f"{copy['download_pct']}% Downloaded"


def _copy(copy: sqlite3.Row, differ: bool) -> Json:
    digest = copy["stored_digest"]
    return {
        "datastore": copy["storagename"],
        "datastoreId": copy["storageid"],
        "datastoreRole": "Primary",
        "downloadPercent": str(copy["download_pct"]),
        "downloadState": copy["download_state"],
        **({"stale": True} if copy["stale"] else {}),
        # Only where pools have different bytes: then it matters which.
        **({"differs": True, "checksum": f"{{SHA-256}}{digest}"} if differ and digest else {}),
    }
