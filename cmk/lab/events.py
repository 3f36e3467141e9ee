"""Writing down what happened, in the name of whoever asked for it."""

from __future__ import annotations

from cmk.lab.call import Call
from cmk.lab.model.event import Event
from cmk.lab.model.record import Record
from cmk.masks import in_text


def record(
    call: Call, type: str, description: str, about: Record | None = None, level: str = "INFO"
) -> None:
    """Add an event; `about` is the thing it happened to."""
    Event.write(call.store, call.caller.id, type, in_text(description), about, level)
