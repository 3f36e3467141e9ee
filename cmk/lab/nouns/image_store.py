"""Image stores: secondary storage, for templates that are not downloaded directly."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from cmk.lab.api import PAGING, Args, Json, api, invalid, no_such, optional, required
from cmk.lab.events import record
from cmk.lab.fields import DONE, fields
from cmk.lab.nouns.storage_pool import capacity
from cmk.lab.query import Query, listing, present
from cmk.lab.rows import row_of
from cmk.lab.store import new_uuid, now

if TYPE_CHECKING:
    from cmk.lab.engine import Lab

IMAGE_STORE = fields(
    "id name url protocol providername scope zoneid zonename readonly disksizetotal disksizeused",
    scope="scopetype",
)


@api(
    "addImageStore",
    "Adds a directory of the lab's own machine as secondary storage",
    required("provider", "string", "the kind of store; the lab has Directory only"),
    optional("name", "string", "its name (default: its url)"),
    optional("url", "string", "the directory: file:///path"),
    optional("zoneid", "uuid", "its zone (default: the first)"),
    fields=IMAGE_STORE,
)
def add_image_store(lab: Lab, args: Args) -> Json:
    if args["provider"].lower() != "directory":
        raise invalid(
            f"The lab's image stores are directories: provider=Directory, not {args['provider']}."
        )
    path = _directory(args.get("url") or "")
    zone = _zone(lab, args.get("zoneid"))
    with lab.store.change():
        if lab.store.value("SELECT 1 FROM image_store WHERE path = ? AND removed IS NULL", path):
            raise invalid(f"{path} is an image store already.")
        id = lab.store.insert(
            "image_store",
            uuid=new_uuid(),
            name=args.get("name") or args["url"],
            url=args["url"],
            path=path,
            data_center_id=zone,
            created=now(),
        )
    record(lab, "IMAGE.STORE.CREATE", f"Added the image store {path}")
    row = _query().equal("s.id", id).rows(lab.store, {}, "s.id")[1][0]
    return {"imagestore": _image_store(row)}


@api(
    "listImageStores",
    "Lists image stores",
    optional("id", "uuid", "the image store with this id"),
    optional("name", "string", "the image store with this name"),
    optional("zoneid", "uuid", "image stores of this zone"),
    optional("provider", "string", "image stores of this kind"),
    *PAGING,
    fields=IMAGE_STORE,
)
def list_image_stores(lab: Lab, args: Args) -> Json:
    query = _query().equal("s.uuid", args.get("id")).equal("s.name", args.get("name"))
    query.equal("z.uuid", args.get("zoneid")).equal("'Directory'", args.get("provider"))
    query.contains("s.name", args.get("keyword"))
    return listing(lab.store, args, "imagestore", query, "s.id", _image_store)


@api(
    "deleteImageStore",
    "Takes an image store out of the lab; its directory stays, without the lab's templates",
    required("id", "uuid", "the image store"),
    fields=DONE,
)
def delete_image_store(lab: Lab, args: Args) -> Json:
    with lab.store.change():
        row = row_of(lab, "image_store", "image store", args["id"])
        used = lab.store.rows(
            "SELECT t.name FROM template_store_ref r JOIN vm_template t ON t.id = r.template_id "
            "WHERE r.store_id = ? AND t.removed IS NULL",
            row["id"],
        )
        if used:
            names = ", ".join(template["name"] for template in used)
            raise invalid(f"The image store holds templates: {names}; delete these first.")
        lab.store.update("image_store", row["id"], removed=now())
    record(lab, "IMAGE.STORE.DELETE", f"Deleted the image store {row['path']}")
    return {"success": True, "displaytext": f"The image store {row['path']} is deleted"}


def _directory(url: str) -> str:
    """The path of a file: URL, a directory that can be written; raises ApiError 431."""
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.scheme.lower() != "file" or parts.netloc or not path.startswith("/"):
        raise invalid("An image store's url names a directory of this machine: url=file:///path.")
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise invalid(f"The directory {path} cannot be made: {problem.strerror}.") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise invalid(f"The directory {path} cannot be written.")
    return path


def _zone(lab: Lab, uuid: str | None) -> int:
    if uuid is None:
        return int(lab.store.value("SELECT id FROM data_center ORDER BY id"))
    found = lab.store.value("SELECT id FROM data_center WHERE uuid = ?", uuid)
    if found is None:
        raise no_such("zone", "zoneid", uuid)
    return int(found)


def _query() -> Query:
    return Query(
        "s.*, z.uuid AS zoneid, z.name AS zonename",
        "image_store s JOIN data_center z ON z.id = s.data_center_id",
        "s.removed IS NULL",
    )


def _image_store(row: sqlite3.Row) -> Json:
    total, used = capacity(row["path"])
    return present(
        id=row["uuid"],
        name=row["name"],
        url=row["url"],
        protocol="file",
        providername="Directory",
        scope="ZONE",
        zoneid=row["zoneid"],
        zonename=row["zonename"],
        readonly=False,
        disksizetotal=total,
        disksizeused=used,
    )
