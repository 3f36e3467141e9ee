"""What a host's agent is told to bring into a pool: from where, verified how, how patiently."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from cmk.errors import CmkError
from cmk.images.checksum import parse
from cmk.images.headers import headers_of
from cmk.images.metalink import Metalink, ordered
from cmk.lab.settings import number
from cmk.lab.store import Store

Json = dict[str, Any]


def order(
    store: Store, template: sqlite3.Row, pool: str, name: str, location: str, limits: Json
) -> Json:
    """The request `fetch` of cmk.agent.protocol for a template, as `name` in the directory `pool`.

    `location` is the country that mirrors are preferred from. A template that is not downloaded
    directly comes from its zone's image store.
    """
    return {
        "pool": pool,
        "name": name,
        "format": template["format"],
        "most": number(store, "storage.max.volume.size") << 30,
        "connections": number(store, "direct.download.connections"),
        "limits": limits,
        **(_direct(store, template, location)),
    }


def order_from_store(
    store: Store, template: sqlite3.Row, pool: sqlite3.Row, name: str, limits: Json
) -> Json:
    """The same, from the image store of the pool's zone. Raises CmkError where it is not there."""
    copy = store.one(
        "SELECT r.*, s.path AS directory FROM template_store_ref r "
        "JOIN image_store s ON s.id = r.store_id WHERE r.template_id = ? "
        "AND s.data_center_id = ? AND r.download_state = 'DOWNLOADED'",
        template["id"],
        pool["data_center_id"],
    )
    if copy is None:
        raise CmkError(f"No image store of the zone has {template['name']}")
    found = order(store, template, pool["path"], name, "", limits)
    url = Path(copy["directory"], copy["install_path"]).as_uri()
    source = {"mirrors": [url], "headers": {}, "origin": url, "size": copy["physical_size"]}
    return {**found, **source, "algorithm": "sha-256", "digest": copy["stored_digest"]}


def mirrors(template: sqlite3.Row) -> list[str]:
    """All URLs of a template, in no order."""
    if template["metalink"]:
        metalink = Metalink.from_json(json.loads(template["metalink"]))
        return [mirror.url for mirror in metalink.mirrors]
    return [template["url"]]


def headers(store: Store, template: sqlite3.Row) -> dict[str, str]:
    """The request headers that its owner gave it; secrets, for the agent's stdin only."""
    details = store.rows(
        "SELECT name, value FROM vm_template_details WHERE template_id = ?", template["id"]
    )
    return headers_of({row["name"]: row["value"] for row in details})


def _direct(store: Store, template: sqlite3.Row, location: str) -> Json:
    found: Json = {
        "mirrors": [template["url"]],
        "headers": headers(store, template),
        "origin": template["url"],
    }
    if template["checksum"]:
        checksum = parse(template["checksum"])
        found |= {"algorithm": checksum.algorithm, "digest": checksum.digest}
    if template["metalink"]:
        found |= _plan(Metalink.from_json(json.loads(template["metalink"])), location)
    return found


def _plan(metalink: Metalink, location: str) -> Json:
    """Mirrors, size and pieces of a metalink; its digest became the template's when it was read."""
    plan: Json = {"mirrors": ordered(metalink.mirrors, location), "size": metalink.size}
    if metalink.pieces:
        plan["pieces"] = {
            "algorithm": metalink.piece_algorithm,
            "length": metalink.piece_length,
            "digests": metalink.pieces,
        }
    return plan
