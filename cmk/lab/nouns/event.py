"""Events: what happened in the lab, newest first."""

from __future__ import annotations

from cmk.lab.declaration import listing
from cmk.lab.noun import Noun

EVENT = Noun(
    "event",
    "listEvents",
    "event_view",
    "id type state level description resourcetype resourceid username account domain domainid "
    "domainpath project projectid "
    "created",
    keyword="description",
    order="row_id DESC",
    is_owned=True,
)

listing(
    EVENT,
    "events",
    "id",
    """
    type: events of this type, such as VM.CREATE
    level=INFO|WARN|ERROR: events of this level
    startdate: events at this time or later (2026-01-31T10:00:00+0000)
    enddate: events at this time or earlier
    resourceid: events of the thing with this id
    resourcetype: events of this kind of thing
""",
)
