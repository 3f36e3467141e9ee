"""`cmk upload template|iso|volume file=F …`: a file, streamed to where the server says.

getUploadParamsFor… answers with a place and a signature for it; the file goes there by POST, with
CloudStack's headers (X-signature, X-metadata, X-expires).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmk import arguments, language
from cmk.errors import CmkError, Unreachable, UsageError
from cmk.progress import bar_for
from cmk.session import Flags, Session, content

if TYPE_CHECKING:
    from cmk.progress import Bar

_KINDS = {
    "template": "getUploadParamsForTemplate",
    "iso": "getUploadParamsForIso",
    "volume": "getUploadParamsForVolume",
}

_CHUNK = 1 << 20


def run(session: Session, words: list[str], flags: Flags) -> None:
    """Ask for the place, send the file there, show what was registered."""
    kind = words[0].lower() if words else ""
    if kind not in _KINDS:
        raise UsageError("It is upload template|iso|volume file=F and what describes it.")
    given = language.parse(["upload", *words[1:]]).params if words[1:] else {}
    path = Path(given.pop("file", "")).expanduser()
    if not path.is_file():
        raise UsageError(f"file={path} is no file.", "file= names the file to send.")
    if session.profile.is_lab:
        raise UsageError("upload is for management servers; a lab takes file:///path as url=.")
    api = session.catalog.find((_KINDS[kind],))
    params = arguments.wire(api, given, flags.force_params)
    answer = content(session.backend.call(api.name, params))
    place = answer.get("getuploadparams", answer)
    try:
        url = str(place["postURL"])
        headers = {
            "X-signature": str(place["signature"]),
            "X-metadata": str(place["metadata"]),
            "X-expires": str(place["expires"]),
        }
    except (KeyError, TypeError):
        raise CmkError(f"The server's answer to {api.name} names no place to send to.") from None
    _send(session, url, headers, path)
    session.show({kind: {"id": place.get("id"), "sent": path.stat().st_size}}, flags)


def _send(session: Session, url: str, headers: dict[str, str], path: Path) -> None:
    import requests

    settings = session.profile.settings
    verify: bool | str = settings.get("verifycert", "true").lower() != "false"
    if verify and settings.get("cacert"):
        verify = str(Path(settings["cacert"]).expanduser())
    bar = bar_for(session.environment)
    try:
        with path.open("rb") as file:
            body = _Body(file, path.stat().st_size, bar)
            # CloudStack's receiver wants a form with the file in it; its parts are streamed.
            sender = requests.Session()
            sender.trust_env = False  # it would send what ~/.netrc has for the host, too
            sender.proxies = requests.utils.get_environ_proxies(url)
            answer = sender.post(
                url,
                data=_form(body, path.name),
                headers={**headers, "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"},
                timeout=(10, 300),
                verify=verify,
                allow_redirects=False,
            )
    except requests.RequestException as problem:
        where = url.partition("?")[0]
        raise Unreachable(
            f"{path.name} could not be sent to {where}: {type(problem).__name__}."
        ) from None
    finally:
        bar.clear()
    if answer.status_code >= 300:
        first = answer.text.strip().splitlines()[:1]
        raise CmkError(
            f"The server does not take {path.name}: HTTP {answer.status_code} "
            f"{first[0][:200] if first else answer.reason}"
        )


_BOUNDARY = "----------cmk-7f3a9c2b1d5e"


class _Form:
    """A body of a known length, read once."""

    def __init__(self, chunks: Iterator[bytes], length: int) -> None:
        self._chunks = chunks
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks


class _Body:
    """The file, with a bar."""

    def __init__(self, file: Any, size: int, bar: Bar) -> None:
        self.size = size
        self._file = file
        self._bar = bar

    def __iter__(self) -> Iterator[bytes]:
        sent = 0
        while chunk := self._file.read(_CHUNK):
            sent += len(chunk)
            self._bar.update({"phase": "Uploading", "bytes": sent, "total": self.size})
            yield chunk


def _form(body: _Body, name: str) -> _Form:
    shown = name.replace('"', "%22").replace("\r", "").replace("\n", "")
    head = (
        f"--{_BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{shown}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    tail = f"\r\n--{_BOUNDARY}--\r\n".encode()

    def chunks() -> Iterator[bytes]:
        yield head
        yield from body
        yield tail

    return _Form(chunks(), len(head) + body.size + len(tail))
