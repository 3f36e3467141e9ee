"""Looking at a template's URL through whoever will download it: what is there, and what of it is
written down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from cmk.agent.source import shown
from cmk.document import Json
from cmk.errors import CmkError
from cmk.images.formats import endings_of
from cmk.images.metalink import BadMetalinkError
from cmk.lab.hosts.agent import Agent, AgentFailure, local_agent
from cmk.lab.hosts.host import OpenHost
from cmk.lab.hosts.pools import pool_of
from cmk.lab.lab import Lab
from cmk.lab.model.certificate import Certificate
from cmk.lab.model.copy import ImageStore
from cmk.lab.model.host import Host, HostState, ResourceState
from cmk.lab.model.place import Zone
from cmk.lab.model.template import Template
from cmk.lab.remote import reach_of
from cmk.lab.settings import limits
from cmk.lab.works.order import headers
from cmk.lab.works.source import DIGEST_FILES, Scout, Source
from cmk.wire.faults import invalid

#: No host has this number: a certificate is never revoked for the lab's own machine.
NO_HOST = 0


class Place(NamedTuple):
    """Who looks at a URL, and later downloads it: an agent, for a directory that it will fill.

    `name` is for people: `host vm`, `image store x`; `location` the country to prefer mirrors from.
    """

    name: str
    agent: Agent
    directory: str
    location: str
    limits: Json


@contextmanager
def on_a_host(lab: Lab, zone: Zone) -> Iterator[Place]:
    """The zone's first usable host. Raises ApiError 431 where there is none."""
    hosts = Host.there(
        lab.store, data_center_id=zone.id, status=HostState.UP, resource_state=ResourceState.ENABLED
    )
    if not hosts:
        raise invalid("There is no host Up and Enabled in the zone that could look at the URL.")
    with OpenHost(lab, hosts[0]) as host:
        yield _place_of(host)


@contextmanager
def on_this_machine(lab: Lab, store: ImageStore) -> Iterator[Place]:
    """The lab's own machine, for an image store."""
    told = own_limits(lab, store.data_center_id)
    with local_agent() as agent:
        yield Place(f"image store {store.name}", agent, store.path, "", told)


def own_limits(lab: Lab, zone: int) -> Json:
    """What the agent on the lab's own machine puts up with, and whom it trusts."""
    return limits(lab.store, Certificate.trusted(lab.store, zone, NO_HOST))


def _place_of(host: OpenHost) -> Place:
    pool = pool_of(host.lab, host.row)
    return Place(f"host {host.name}", host.agent, pool.path, host.location, host.limits)


def look(place: Place, url: str, format: str, headers: dict[str, str], auto: bool) -> Source:
    """What is behind the URL, seen from there; `auto`: with a digest published beside it.

    Raises ApiError 431 for what cannot be a template.
    """
    beside = ""
    scout = Scout(place.agent, format, headers, place.limits)
    try:
        source = scout.look(url, endings_of(format), place.location)
        if auto and source.checksum is None:
            checksum, beside = scout.published_digest(url)
            if checksum is not None:
                source = source._replace(checksum=checksum, published=shown(beside))
        room = place.agent.ask("space", pool=place.directory)
    except (AgentFailure, BadMetalinkError) as problem:
        raise invalid(
            f"URL: {shown(url)} validation failed on {place.name}: {problem.message}."
        ) from None
    if (source.size or 0) > room["total"]:
        raise invalid(
            f"It has {source.size} bytes; the storage of {place.name} holds {room['total']}."
        )
    if auto and source.checksum is None:
        raise invalid(
            "checksum=auto found no digest of this file: neither in headers nor beside the URL, in "
            f"{', '.join(file.format(name='NAME') for file in DIGEST_FILES)} or what the folder's "
            "index links to that is called after digests."
            + (f" {shown(beside)} is there, and does not list it." if beside else "")
        )
    return source


def look_again(host: OpenHost, template: Template) -> Template:
    """Write down what a template's URL serves now, and read it; raises CmkError where its checksum
    forbids that, ApiError where nothing can be learnt."""
    store, published = host.lab.store, template.checksum_from or ""
    if template.is_fixed:
        raise CmkError(
            f"The checksum of {template.name} was given at registration and fixes its bytes; "
            "register the new version"
        )
    auto = published.startswith(("http:", "https:", "file:"))
    given = headers(store, template)
    place = _place_of(host)
    reach = {**place.limits, **reach_of(host.lab.store, template.account_id)}
    source = look(place._replace(limits=reach), template.url, template.format, given, auto)
    template.update(store, **columns_of(source))
    return template.again(store)


def columns_of(source: Source) -> Json:
    """What is known of the bytes behind a URL, as columns of vm_template."""
    return {
        "checksum": str(source.checksum) if source.checksum else None,
        "checksum_from": source.published or None,
        "size": source.virtual_size or (None if source.packing else source.size),
        "url_size": source.size,
        "etag": source.etag or None,
        "last_modified": source.last_modified or None,
        "metalink": json.dumps(source.metalink.to_json()) if source.metalink else None,
    }
