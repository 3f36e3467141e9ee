"""Where templates are uploaded: a multipart body, straight into a file of the lab's."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import FormParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from cmk.files import make_directory
from cmk.lab.call import Call
from cmk.lab.jobs import hire
from cmk.lab.lab import Lab
from cmk.lab.model.template import Template
from cmk.lab.model.ticket import Ticket
from cmk.lab.settings import number
from cmk.lab.works.registration import uploaded

#: Seconds after which nobody goes on with an upload.
_OLD = 86400.0


def route(lab_of: Callable[[], Lab], tell: Callable[[str], None]) -> Route:
    """The place; `lab_of` gives a thread its lab."""

    def allowed(token: str, uuid: str) -> tuple[Path, int] | None:
        """The directory for the bytes and the most there may be; None for who may not."""
        lab = lab_of()
        ticket = Ticket.good(lab.store, Ticket.UPLOAD, token)
        if ticket is None or Template.of(lab.store, ticket.instance_id).uuid != uuid:
            return None
        make_directory(lab.directory.uploads)
        _forget_old(lab.directory.uploads)
        mine = Path(tempfile.mkdtemp(prefix="part-", dir=lab.directory.uploads))
        return mine, number(lab.store, "storage.max.volume.size") << 30

    def settle(token: str, file: Path) -> bool:
        """Give the file to the template; False where another has come before."""
        lab = lab_of()
        with lab.store.change():
            ticket = Ticket.spend(lab.store, Ticket.UPLOAD, token)
            if ticket is None:
                return False
            template = Template.of(lab.store, ticket.instance_id)
            if template.removed:
                return False
            file.rename(lab.directory.uploads / template.upload)
            uploaded(Call.of_admin(lab, tell), template)
        hire(lab)
        return True

    async def receive(web: Request) -> Response:
        token = web.headers.get("x-signature", "")
        may = await run_in_threadpool(allowed, token, web.path_params["id"])
        if may is None:
            return PlainTextResponse("This upload is not, or not any more, allowed.\n", 401)
        body = _Body(web, *may)
        try:
            file = await body.received()
            if file is None:
                return PlainTextResponse("The body is no form with one file.\n", 400)
            if not await run_in_threadpool(settle, token, file):
                return PlainTextResponse("Another upload has come before.\n", 409)
            return PlainTextResponse("The upload is there.\n")
        except ClientDisconnect:
            return PlainTextResponse("", 400)
        finally:
            body.discard()

    return Route("/client/upload/{id}", receive, methods=["POST"])


def _forget_old(uploads: Path) -> None:
    """Remove what was begun a day ago: its server was killed."""
    for part in uploads.glob("part-*"):
        if time.time() - part.stat().st_mtime > _OLD:
            shutil.rmtree(part, ignore_errors=True)


class _Body:
    """The file in a form, written into a directory of its own as it comes."""

    def __init__(self, web: Request, directory: Path, most: int) -> None:
        self._web, self._directory = web, directory
        self._files: list[Path] = []
        kind, options = parse_options_header(web.headers.get("content-type", ""))
        self._parser: FormParser | None = None
        if kind == b"multipart/form-data" and options.get(b"boundary"):
            self._parser = FormParser(
                "multipart/form-data",
                None,
                self._note,
                boundary=options[b"boundary"],
                config={
                    "UPLOAD_DIR": str(directory),
                    "UPLOAD_DELETE_TMP": False,
                    "MAX_MEMORY_FILE_SIZE": 0,
                    "MAX_FIELDS": 10,
                    "MAX_FIELD_SIZE": 1 << 16,
                    "MAX_BODY_SIZE": most,
                },
            )

    def _note(self, file: Any) -> None:
        file.flush_to_disk()
        file.close()
        name = file.actual_file_name
        self._files.append(Path(name.decode() if isinstance(name, bytes) else name))

    async def received(self) -> Path | None:
        """The one file of the form; None where there is none, or more. Raises ClientDisconnect."""
        if self._parser is None:
            return None
        try:
            async for piece in self._web.stream():
                await run_in_threadpool(self._parser.write, piece)
            await run_in_threadpool(self._parser.finalize)
        except FormParserError:
            return None
        return self._files[0] if len(self._files) == 1 else None

    def discard(self) -> None:
        """Remove what nobody has taken."""
        if self._parser is not None:
            self._parser.close()
        shutil.rmtree(self._directory)
