"""Whether the file behind a template's URL is still the one that a pool's copy was made from.

The origin is asked once, by HEAD, and never waited for longer than a moment: it may be down.
"""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cmk.errors import CmkError
from cmk.lab.events import record
from cmk.lab.hosts.host import AgentFailure, Host
from cmk.lab.settings import setting
from cmk.lab.works.order import headers, mirrors

if TYPE_CHECKING:
    from cmk.lab.jobs import Job

Json = dict[str, Any]

#: Seconds for a connection, and again for the answer.
PATIENCE = 2.0


def must_refresh(job: Job, host: Host, template: sqlite3.Row, ref: sqlite3.Row) -> bool:
    """Ask, and do what direct.download.check.upstream says; whether a new copy is due.

    Raises CmkError where the setting is `fail` and the file has changed.
    """
    store = job.lab.store
    policy = setting(store, "direct.download.check.upstream")
    if policy == "off" or not template["direct_download"]:
        return False
    change = what_changed(job, host, template, ref)
    if change is None:
        return False
    if bool(change) != bool(ref["stale"]):
        store.update("template_spool_ref", ref["id"], stale=bool(change))
    if not change:
        return False
    told = f"{template['name']}: the file behind its URL has changed since it was downloaded"
    if not ref["stale"]:
        record(
            job.lab, "TEMPLATE.STALE", f"{told} ({change})", "Template", template["uuid"], "WARN"
        )
    if policy == "fail":
        raise CmkError(f"{told} ({change}), and direct.download.check.upstream is fail")
    fixed = template["checksum"] and not template["checksum_from"]
    if policy == "refresh" and not fixed and not change.startswith("it is not there"):
        return True
    mend = (
        "its checksum fixes the old version: register the new one"
        if fixed
        else "prepare template … refresh=true fetches the new one"
    )
    job.warn(f"{told} ({change}); the copy on the pool is used, {mend}.")
    return False


def what_changed(job: Job, host: Host, template: sqlite3.Row, ref: sqlite3.Row) -> str | None:
    """What is another than it was; "" for nothing, None where that cannot be told."""
    url = _origin(template, ref)
    if url is None:
        return None
    same = urlsplit(url)[:2] == urlsplit(template["url"])[:2]
    limits = host.limits
    limits |= {name: min(limits[name], PATIENCE) for name in ("connect", "read")}
    try:
        found = host.agent.ask(
            "head", url=url, headers=headers(job.lab.store, template) if same else {}, limits=limits
        )
    except AgentFailure as problem:
        gone = problem.message.startswith(("HTTP 404", "HTTP 410"))
        return f"it is not there any more: {problem.message}" if gone else None
    return difference(dict(ref), found)


def _origin(template: sqlite3.Row, ref: sqlite3.Row) -> str | None:
    """The URL that the recorded validators are of."""
    urls = mirrors(template)
    if len(urls) == 1:
        return urls[0]
    used = json.loads(ref["mirrors"] or "[]")
    fitting = [url for url in urls if urlsplit(url)._replace(query="").geturl() in used]
    # Of several that took part, nobody knows whose validators were kept.
    return fitting[0] if len(used) == 1 and fitting else None


def difference(was: Json, found: Json) -> str | None:
    """Compare validators (RFC 9110, 8.8): ETags where both sides have one, else dates.

    >>> difference({"etag": '"1"', "last_modified": None}, {"etag": '"2"', "last_modified": ""})
    'its ETag is "2", not "1"'
    """
    if was["etag"] and found["etag"]:
        old, new = (text.removeprefix("W/") for text in (was["etag"], found["etag"]))
        return "" if old == new else f"its ETag is {found['etag']}, not {was['etag']}"
    if was["last_modified"] and found["last_modified"]:
        if was["last_modified"] == found["last_modified"]:
            return ""
        return f"it is of {found['last_modified']}, not of {was['last_modified']}"
    return None
