"""Where faults that were asked for (configureSimulator) happen: at APIs, and at steps of hosts."""

from __future__ import annotations

import time

from cmk.errors import ApiError
from cmk.lab.call import Call
from cmk.lab.model.host import Host
from cmk.lab.model.mock import Mock

#: The steps of hosts that can fail, by the names that CloudStack's simulator has for them too.
STEPS = {
    "download": "download",
    "start": "start",
    "directdownloadcommand": "download",
    "primarystoragedownloadcommand": "download",
    "startcommand": "start",
}


def strike(call: Call, command: str, host: Host | None = None) -> None:
    """Let happen what was asked for at an API or a step, if anything was.

    Raises ApiError with the code and the text that were asked for.
    """
    found = Mock.take(call.store, command.lower(), host.id if host else None)
    if found is None:
        return
    time.sleep(found.wait / 1000)
    if found.code is not None:
        raise ApiError(found.code, found.text or f"{found.name}: a fault that was asked for.")
