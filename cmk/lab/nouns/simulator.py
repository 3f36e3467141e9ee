"""Faults on demand, for those who test clients, as CloudStack's simulator has them."""

from __future__ import annotations

from typing import Any

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api
from cmk.lab.faults import STEPS
from cmk.lab.model.host import Host
from cmk.lab.model.mock import Mock
from cmk.lab.noun import Args, Noun
from cmk.lab.nouns import is_exactly
from cmk.lab.store import now
from cmk.wire.faults import invalid

MOCK = Noun(
    "simulatormock",
    "querySimulatorMock",
    "mock_view",
    "id name command hostid count used wait code text created",
)

#: The longest that something is held up, in ms.
_LONGEST = 600_000


@api(MOCK)
def configure_simulator(call: Call, args: Args) -> Json:
    """Asks for a fault: an API, or a step of a host, waits or fails.

    name*: what it is called, and the API or step where no command is given
    value*: what happens, with | between: wait:MS, result:fail, code:530, text:WORDS
    command (string): the API (deployVirtualMachine), or a step of hosts: download, start
    count: so often (default: always)
    hostid: on this host alone, for a step
    """
    told: str = args.get("command") or args["name"]
    command: str = STEPS.get(told.lower(), told)
    if "simulator" in command.lower():
        raise invalid("What faults are asked for and taken back with does not fail.")
    if command not in STEPS.values() and not is_exactly(command):
        raise invalid(f"'{told}' is no API of the lab's, and no step: download, start.")
    if args.get("count") is not None and args["count"] < 1:
        raise invalid("count is from 1.")
    host = call.find(Host, args["hostid"], "hostid") if args.get("hostid") else None
    mock = Mock.add(
        call.store,
        name=args["name"],
        command=command.lower(),
        host_id=host.id if host else None,
        remaining=args.get("count"),
        created=now(),
        **_effect(args["value"]),
    )
    return {MOCK.name: MOCK.one(call, str(mock.id))}


def _effect(value: str) -> dict[str, Any]:
    """Raise ApiError 431 for what no fault can be."""
    found: dict[str, Any] = {}
    for part in value.split("|"):
        name, _, text = (piece.strip() for piece in part.partition(":"))
        if name == "wait" and text.isdecimal() and int(text) <= _LONGEST:
            found["wait"] = int(text)
        elif name == "result" and text == "fail":
            found.setdefault("code", 530)
        elif name == "code" and text.isdecimal() and 400 <= int(text) < 600:
            found["code"] = int(text)
        elif name == "text" and text:
            found["text"] = text
        else:
            raise invalid(
                f"'{part}' is no fault; there are wait:MS (to {_LONGEST}), result:fail, "
                "code:400-599 and text:WORDS, with | between."
            )
    if "text" in found:
        found.setdefault("code", 530)
    return found


@api(MOCK)
def query_simulator_mock(call: Call, args: Args) -> Json:
    """Lists the faults that were asked for.

    id: the one with this number
    """
    return MOCK.listed(call, args)


@api(DONE)
def cleanup_simulator_mock(call: Call, args: Args) -> Json:
    """Takes faults back.

    id: the one with this number (default: all)
    """
    found = Mock.there(call.store)
    if args.get("id") is not None:
        found = [call.find(Mock, str(args["id"]))]
    for mock in found:
        mock.remove(call.store)
    return {"success": True}
