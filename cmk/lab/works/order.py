"""What a host's agent is told to bring into a pool: from where, verified how, how patiently."""

from __future__ import annotations

from pathlib import Path

from cmk.document import Json
from cmk.errors import CmkError
from cmk.images.checksum import parse
from cmk.images.headers import headers_of
from cmk.images.metalink import Metalink, ordered
from cmk.lab.model.copy import DownloadState, StoredCopy
from cmk.lab.model.pool import Pool
from cmk.lab.model.template import Template
from cmk.lab.remote import reach_of
from cmk.lab.settings import number
from cmk.lab.store import Store


def order(
    store: Store, template: Template, pool: str, name: str, location: str, limits: Json
) -> Json:
    """The request `fetch` of cmk.agent.protocol for a template, as `name` in the directory `pool`.

    `location` is the country that mirrors are preferred from.
    """
    return {
        "pool": pool,
        "name": name,
        "format": template.format,
        "most": number(store, "storage.max.volume.size") << 30,
        "connections": number(store, "direct.download.connections"),
        "limits": {**limits, **reach_of(store, template.account_id)},
        **(_direct(store, template, location)),
    }


def order_from_store(store: Store, template: Template, pool: Pool, name: str, limits: Json) -> Json:
    """The same, from the image store of the pool's zone. Raises CmkError where it is not there."""
    for copy in StoredCopy.on_stores(store, template):
        if (
            copy.data_center_id == pool.data_center_id
            and copy.download_state == DownloadState.DOWNLOADED
        ):
            break
    else:
        raise CmkError(f"No image store of the zone has {template.name}")
    found = order(store, template, pool.path, name, "", limits)
    url = Path(str(copy.directory), str(copy.install_path)).as_uri()
    source: Json = {"mirrors": [url], "headers": {}, "origin": url, "size": copy.physical_size}
    found["limits"] = {**limits, "private": True}  # it is the store's own file
    return {**found, **source, "algorithm": "sha-256", "digest": copy.stored_digest}


def headers(store: Store, template: Template) -> dict[str, str]:
    """The request headers that its owner gave it; secrets, for the agent's stdin only."""
    return headers_of(template.details(store))


def _direct(store: Store, template: Template, location: str) -> Json:
    found: Json = {
        "mirrors": [template.url],
        "headers": headers(store, template),
        "origin": template.url,
    }
    if template.checksum:
        checksum = parse(template.checksum)
        found |= {"algorithm": checksum.algorithm, "digest": checksum.digest}
    metalink = template.read_metalink()
    return found | _plan(metalink, location) if metalink else found


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
