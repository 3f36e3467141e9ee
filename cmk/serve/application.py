"""The web application: bounds on what comes in, a thread for each answer, a line a request."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.requests import Request as WebRequest
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from cmk.serve import console, upload
from cmk.serve.answer import Answerer, Request
from cmk.serve.replies import Reply

#: As Jetty has them in front of CloudStack: bytes of a URL, and of a form.
LONGEST_URL, LONGEST_FORM = 8192, 1 << 20
#: Parameters of one request, and seconds for all of its form to come.
MOST_PARAMS, PATIENCE = 1000, 30.0

_TOO_LONG = Reply(414, b"<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>", "text/html")
_TOO_LARGE = Reply(404, b"The form is larger than 1 MiB.\n", "text/plain")
_TOO_SLOW = Reply(408, b"The form did not come in time.\n", "text/plain")
_GONE = Reply(400, b"", "text/plain")
_NO_FORM = Reply(400, b"The request is no form.\n", "text/plain")


def application(
    answerer: Answerer,
    log: Callable[[str], None],
    tell: Callable[[str], None],
    ui: str = "",
    integration_port: int | None = None,
) -> Starlette:
    """The application; `log` gets a line a request, without what is secret, `tell` what is for who
    runs the server. `ui` is a directory with the web UI's built files; who comes by
    `integration_port` is the admin."""

    async def api(web: WebRequest) -> Response:
        began = time.monotonic()
        reply = await _reply(web, answerer, web.scope["server"][1] == integration_port)
        peer = web.client.host if web.client else "-"
        took = (time.monotonic() - began) * 1000
        log(f"{peer} {reply.who} {web.method} {_shown(reply.api)} {reply.status} {took:.0f} ms")
        response = Response(reply.body, reply.status, media_type=None)
        response.headers["Content-Type"] = reply.type
        for name, value in reply.headers:
            response.headers.append(name, value)
        return response

    methods = ["GET", "POST", "HEAD"]
    paths = ("/client/api", "/client/api/", "/api")
    routes: list[BaseRoute] = [Route(path, api, methods=methods) for path in paths]
    routes += console.routes(lambda: answerer.lab, tell)
    routes.append(upload.route(lambda: answerer.lab, tell))
    if ui:
        routes.append(Mount("/client", StaticFiles(directory=ui, html=True, follow_symlink=True)))
        routes.append(Route("/", lambda web: RedirectResponse("/client/")))
    return Starlette(routes=routes)


def _shown(api: str) -> str:
    return api[:60] if api.isascii() and api.isalnum() else "-"


async def _reply(web: WebRequest, answerer: Answerer, is_integration: bool) -> Reply:
    if len(web.scope["raw_path"]) + len(web.scope["query_string"]) > LONGEST_URL:
        return _TOO_LONG
    try:
        form = await asyncio.wait_for(_form(web), PATIENCE) if web.method == "POST" else b""
    except asyncio.TimeoutError:
        return _TOO_SLOW
    except ClientDisconnect:
        return _GONE  # nobody will read it, but the log
    if form is None:
        return _TOO_LARGE
    try:
        pairs = [*_pairs(web.scope["query_string"]), *_pairs(form)]
    except ValueError:
        return _NO_FORM
    headers = {name.lower(): value for name, value in web.headers.items()}
    params: dict[str, str] = {}
    for name, value in pairs:  # of several the first counts, as in a servlet
        params.setdefault(name, value)
    place = headers.get("host", "")
    named = place if re.fullmatch(r"[\w.:\[\]-]{1,255}", place, re.ASCII) else "localhost"
    origin = f"{web.url.scheme}://{named}"
    request = Request(web.method, params, headers, web.cookies, is_integration, origin)
    return await run_in_threadpool(answerer.answer, request)


def _pairs(text: bytes) -> list[tuple[str, str]]:
    """Raises ValueError for too many, and for what is not ASCII."""
    return parse_qsl(
        text.decode("ascii"), keep_blank_values=True, errors="replace", max_num_fields=MOST_PARAMS
    )


async def _form(web: WebRequest) -> bytes | None:
    """All of a form; None for one that is too large."""
    body = bytearray()
    async for piece in web.stream():
        body += piece
        if len(body) > LONGEST_FORM:
            return None
    return bytes(body)
