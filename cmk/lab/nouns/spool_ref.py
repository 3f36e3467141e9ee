"""Copies of templates and ISOs on storage pools: the rows of template_spool_ref."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from cmk.lab.api import PAGING, Args, Json, api, optional
from cmk.lab.fields import fields
from cmk.lab.query import Query, listing, present

if TYPE_CHECKING:
    from cmk.lab.engine import Lab


@api(
    "listTemplateSpoolRefs",
    "Lists the copies of templates and ISOs on storage pools (lab only)",
    optional("templateid", "uuid", "copies of this template or ISO"),
    optional("storageid", "uuid", "copies on this storage pool"),
    *PAGING,
    fields=fields(
        "id templateid templatename storageid storagename state downloadstate downloadpercent "
        "errortext path size checksum created updated"
    ),
)
def list_template_spool_refs(lab: Lab, args: Args) -> Json:
    query = Query(
        "c.*, t.uuid AS templateid, t.name AS templatename, s.uuid AS storageid, "
        "s.name AS storagename, s.path AS directory",
        "template_spool_ref c JOIN vm_template t ON t.id = c.template_id "
        "JOIN storage_pool s ON s.id = c.pool_id",
    )
    query.equal("t.uuid", args.get("templateid")).equal("s.uuid", args.get("storageid"))
    query.contains("t.name", args.get("keyword"))
    return listing(lab.store, args, "templatespoolref", query, "c.id", _spool_ref)


def _spool_ref(row: sqlite3.Row) -> Json:
    digest = row["stored_digest"]
    return present(
        id=row["uuid"],
        templateid=row["templateid"],
        templatename=row["templatename"],
        storageid=row["storageid"],
        storagename=row["storagename"],
        state=row["state"],
        downloadstate=row["download_state"],
        downloadpercent=row["download_pct"],
        errortext=row["error_str"],
        path=f"{row['directory']}/{row['install_path']}",
        size=row["physical_size"],
        checksum=f"{{SHA-256}}{digest}" if digest else None,
        created=row["created"],
        updated=row["updated"],
    )
