"""Whether the file behind a template's URL is still the one that a pool's copy was made from.

The origin is asked once, by HEAD, and never waited for longer than a moment: it may be down.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cmk.agent.source import shown
from cmk.errors import CmkError
from cmk.images.metalink import digest_of_headers
from cmk.lab.events import record
from cmk.lab.hosts.agent import AgentFailure
from cmk.lab.hosts.host import OpenHost
from cmk.lab.jobs import Job
from cmk.lab.model.copy import Copy
from cmk.lab.model.template import Template
from cmk.lab.remote import reach_of
from cmk.lab.settings import setting
from cmk.lab.works.order import headers

#: Seconds for a connection, and again for the answer.
PATIENCE = 2.0

#: HTTP statuses that say that a file is not there any more (RFC 9110, 15.5.5 and 15.5.11).
GONE = (404, 410)


class Change(NamedTuple):
    """What is another than it was, for people; whether there is nothing to fetch any more."""

    told: str
    is_gone: bool = False


def must_refresh(job: Job, host: OpenHost, template: Template, copy: Copy) -> bool:
    """Ask, and do what direct.download.check.upstream says; whether a new copy is due.

    Raises CmkError where the setting is `fail` and the file has changed.
    """
    policy = setting(job.store, "direct.download.check.upstream")
    if policy == "off" or not template.direct_download:
        return False
    is_known, change = what_changed(job, host, template, copy)
    if not is_known:
        return False
    if (change is not None) != bool(copy.stale):
        copy.update(job.store, stale=change is not None)
    if change is None:
        return False
    told = f"{template.name}: the file behind its URL has changed since it was downloaded"
    if not copy.stale:
        record(job.call, "TEMPLATE.STALE", f"{told} ({change.told})", template, "WARN")
    if policy == "fail":
        raise CmkError(f"{told} ({change.told}), and direct.download.check.upstream is fail")
    if policy == "refresh" and not template.is_fixed and not change.is_gone:
        return True
    mend = (
        "its checksum fixes the old version: register the new one"
        if template.is_fixed
        else "prepare template … refresh=true fetches the new one"
    )
    job.warn(f"{told} ({change.told}); the copy on the pool is used, {mend}.")
    return False


def what_changed(
    job: Job, host: OpenHost, template: Template, copy: Copy
) -> tuple[bool, Change | None]:
    """Whether that can be told, and what is another than it was, if anything is."""
    url = _origin(template, copy)
    if url is None:
        return False, None
    same = urlsplit(url)[:2] == urlsplit(template.url)[:2]
    limits = {**host.limits, **reach_of(job.store, template.account_id)}
    limits |= {name: min(limits[name], PATIENCE) for name in ("connect", "read")}
    given = headers(job.store, template) if same else {}
    try:
        found = host.agent.ask("head", url=url, headers=given, limits=limits)
    except AgentFailure as problem:
        if problem.http_status not in GONE:
            return False, None
        return True, Change(f"it is not there any more: {problem.message}", is_gone=True)
    was = {
        "etag": copy.etag,
        "last_modified": copy.last_modified,
        "size": template.url_size,
        "digest": copy.served_digest,
    }
    told = difference(was, found)
    return told is not None, Change(told) if told else None


def _origin(template: Template, copy: Copy) -> str | None:
    """The URL that the recorded validators are of."""
    urls = template.mirrors()
    if len(urls) == 1:
        return urls[0]
    used = copy.mirrors_used
    fitting = [url for url in urls if shown(url) in used]
    # Of several that took part, nobody knows whose validators were kept.
    return fitting[0] if len(used) == 1 and fitting else None


def _is_same_file(was: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    algorithm, digest = digest_of_headers(found.get("digests") or "")
    if algorithm == "sha-256" and was.get("digest") and digest != was["digest"]:
        return False
    same = ((was.get(key), found.get(key)) for key in ("last_modified", "size"))
    return all(old and old == new for old, new in same)


def difference(was: Mapping[str, Any], found: Mapping[str, Any]) -> str | None:
    """Compare validators (RFC 9110, 8.8): ETags where both sides have one, else dates.

    Servers of one name may each have ETags of their own: what is of the same date and size, and of
    no other digest, is the same file.

    >>> difference({"etag": '"1"', "last_modified": None}, {"etag": '"2"', "last_modified": ""})
    'its ETag is "2", not "1"'
    """
    if was["etag"] and found["etag"]:
        old, new = (text.removeprefix("W/") for text in (was["etag"], found["etag"]))
        if old == new or _is_same_file(was, found):
            return ""
        return f"its ETag is {found['etag']}, not {was['etag']}"
    if was["last_modified"] and found["last_modified"]:
        if was["last_modified"] == found["last_modified"]:
            return ""
        return f"it is of {found['last_modified']}, not of {was['last_modified']}"
    return None
