"""Image stores: secondary storage, for templates that are not downloaded directly."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, listing
from cmk.lab.events import record
from cmk.lab.model.copy import ImageStore
from cmk.lab.model.place import Zone
from cmk.lab.noun import Args, Noun, Row
from cmk.lab.nouns.storage_pool import capacity
from cmk.lab.remote import check_path
from cmk.lab.store import now
from cmk.wire.faults import invalid


def _capacity(call: Call, rows: list[Row]) -> None:
    for row in rows:
        row["disksizetotal"], row["disksizeused"] = capacity(row["path"])


IMAGE_STORE = Noun(
    "imagestore",
    "listImageStores",
    "image_store_view",
    "id name url protocol providername scope zoneid zonename readonly disksizetotal disksizeused",
    _capacity,
)

listing(
    IMAGE_STORE,
    "image stores",
    "id name zoneid",
    """
    provider: image stores of this kind
""",
)


@api(IMAGE_STORE)
def add_image_store(call: Call, args: Args) -> Json:
    """Adds a directory of the lab's own machine as secondary storage.

    provider*: the kind of store; the lab has Directory only
    name: its name (default: its url)
    url: the directory: file:///path
    zoneid: its zone (default: the first)
    """
    if args["provider"].lower() != "directory":
        raise invalid(
            f"The lab's image stores are directories: provider=Directory, not {args['provider']}."
        )
    check_path(call, args.get("url") or "")
    path = _directory(args.get("url") or "")
    with call.store.change():
        zone = (
            call.find(Zone, args["zoneid"], "zoneid")
            if args.get("zoneid")
            else Zone.there(call.store)[0]
        )
        if ImageStore.first(call.store, path=path):
            raise invalid(f"{path} is an image store already.")
        made = ImageStore.add(
            call.store,
            name=args.get("name") or args["url"],
            url=args["url"],
            path=path,
            data_center_id=zone.id,
            created=now(),
        )
    record(call, "IMAGE.STORE.CREATE", f"Added the image store {path}")
    return IMAGE_STORE.answer(call, made)


@api(DONE)
def delete_image_store(call: Call, args: Args) -> Json:
    """Takes an image store out of the lab; its directory stays, without the lab's templates.

    id*: the image store
    """
    with call.store.change():
        found = call.find(ImageStore, args["id"])
        names = found.templates(call.store)
        if names:
            raise invalid(
                f"The image store holds templates: {', '.join(names)}; delete these first."
            )
        found.remove(call.store)
    record(call, "IMAGE.STORE.DELETE", f"Deleted the image store {found.path}")
    return {"success": True, "displaytext": f"The image store {found.path} is deleted"}


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
