"""A VM's screen in a browser: a page with noVNC, and a WebSocket to the VM's own VNC."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute, Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from cmk.errors import CmkError
from cmk.lab.hosts.guest import open_screen
from cmk.lab.hosts.host import OpenHost
from cmk.lab.lab import Lab
from cmk.lab.model.machine import Machine
from cmk.lab.model.ticket import Ticket

#: Where distributions put noVNC.
_NOVNC = (Path("/usr/share/novnc"), Path("/usr/share/webapps/novnc"))

#: Bytes at once, and WebSocket's code of a refusal (RFC 6455: policy).
_PIECE, _REFUSED = 64 << 10, 1008


def routes(lab_of: Callable[[], Lab], tell: Callable[[str], None]) -> list[BaseRoute]:
    """The page, noVNC's files, and the socket; `lab_of` gives a thread its lab."""

    def opened(token: str) -> socket.socket | None:
        lab = lab_of()
        ticket = Ticket.spend(lab.store, Ticket.CONSOLE, token)
        machine = Machine.of(lab.store, ticket.instance_id) if ticket else None
        if machine is None or machine.removed or machine.host_id is None:
            return None
        with OpenHost.of(lab, machine.host_id) as host:
            return open_screen(host, machine)

    async def bridge(web: WebSocket) -> None:
        try:
            screen = await run_in_threadpool(opened, web.query_params.get("token", ""))
        except CmkError as problem:
            tell(problem.message)
            screen = None
        if screen is None:
            await web.close(_REFUSED)
            return
        protocols = web.scope.get("subprotocols") or []
        await web.accept("binary" if "binary" in protocols else None)
        with screen:
            screen.setblocking(False)
            await _pump(web, screen)

    found = [
        Mount("/client/console/novnc", StaticFiles(directory=place))
        for place in _NOVNC
        if place.is_dir()
    ]
    pages = StaticFiles(directory=Path(__file__).with_name("pages"), html=True)
    return [
        WebSocketRoute("/client/console/socket", bridge),
        *found[:1],
        Mount("/client/console", pages),
    ]


async def _pump(web: WebSocket, screen: socket.socket) -> None:
    """Bytes both ways, until either end is done."""
    loop = asyncio.get_running_loop()

    async def to_browser() -> None:
        while piece := await loop.sock_recv(screen, _PIECE):
            await web.send_bytes(piece)

    async def to_guest() -> None:
        while True:
            await loop.sock_sendall(screen, await web.receive_bytes())

    ways = [asyncio.create_task(to_browser()), asyncio.create_task(to_guest())]
    done, rest = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    for way in rest:
        way.cancel()
    ended = await asyncio.gather(*done, *rest, return_exceptions=True)
    gone = (WebSocketDisconnect, asyncio.CancelledError, OSError)
    if not any(isinstance(problem, WebSocketDisconnect) for problem in ended):
        await web.close()
    for problem in ended:
        if isinstance(problem, BaseException) and not isinstance(problem, gone):
            raise problem
