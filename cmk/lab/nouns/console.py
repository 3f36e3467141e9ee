"""A VM's screen, for a browser."""

from __future__ import annotations

from urllib.parse import urlsplit

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import api
from cmk.lab.events import record
from cmk.lab.model.machine import Machine, MachineState
from cmk.lab.model.ticket import Ticket
from cmk.lab.noun import Args
from cmk.wire.faults import invalid

#: Seconds that an address is good for.
LIFETIME = 300


@api("success url websocket", note="In the lab there is one only where cmk serve is asked.")
def create_console_endpoint(call: Call, args: Args) -> Json:
    """Makes an address, good once, where a browser shows a VM's screen.

    virtualmachineid*: the VM
    """
    vm = call.find(Machine, args["virtualmachineid"], "virtualmachineid")
    if not call.origin:
        raise invalid("A screen is shown by cmk serve; on this machine: cmk console VM.")
    if vm.state is not MachineState.RUNNING:
        raise invalid(f"{vm.name} is {vm.state}; a screen is there while a VM is Running.")
    token = Ticket.issue(call.store, Ticket.CONSOLE, vm, LIFETIME)
    record(call, "VM.CONSOLE", f"Made an address for the screen of {vm.name}", vm)
    parts = urlsplit(call.origin)
    websocket = {
        "host": parts.hostname,
        "port": str(parts.port or (443 if parts.scheme == "https" else 80)),
        "path": "client/console/socket",
        "token": token,
    }
    url = f"{call.origin}/client/console/#{token}"
    return {"consoleendpoint": {"success": True, "url": url, "websocket": websocket}}
