"""`cmk upload template|iso|volume file=F …`: a file, streamed to where the server says.

getUploadParamsFor… answers with a place and a signature for it; the file goes there by POST, with
CloudStack's headers (X-signature, X-metadata, X-expires).
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from cmk.cloud.client import Cloud
from cmk.errors import CmkError, UsageError
from cmk.line import arguments, language
from cmk.session.flags import Flags
from cmk.session.progress import bar_for
from cmk.session.session import Session
from cmk.wire.envelope import content

_KINDS = {
    "template": "getUploadParamsForTemplate",
    "iso": "getUploadParamsForIso",
    "volume": "getUploadParamsForVolume",
}


def _printable(value: object) -> str:
    """A server's text as a URL or a header may have it. Raises ValueError."""
    text = str(value)
    if not isinstance(value, str | int) or not (text.isascii() and text.isprintable() and text):
        raise ValueError(text)
    return text


def run(session: Session, words: list[str], flags: Flags) -> None:
    """Ask for the place, send the file there, show what was registered."""
    kind = words[0].lower() if words else ""
    if kind not in _KINDS:
        raise UsageError("It is upload template|iso|volume file=F and what describes it.")
    given = language.parse(["upload", *words[1:]]).params if words[1:] else {}
    path = Path(given.pop("file", "")).expanduser()
    if not path.is_file():
        raise UsageError(f"file={path} is no file.", "file= names the file to send.")
    cloud = session.backend
    if not isinstance(cloud, Cloud):
        raise UsageError("upload is for management servers; a lab takes file:///path as url=.")
    api = session.catalog.find((_KINDS[kind],))
    params = arguments.wire(api, given, flags.force_params)
    answer = content(cloud.call(api.name, params))
    place = answer.get("getuploadparams", answer)
    try:
        url = _printable(place["postURL"])
        headers = {
            "X-signature": _printable(place["signature"]),
            "X-metadata": _printable(place["metadata"]),
            "X-expires": _printable(place["expires"]),
        }
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ValueError(url)
    except (KeyError, TypeError, ValueError):
        raise CmkError(f"The server's answer to {api.name} names no place to send to.") from None
    size = path.stat().st_size
    bar = bar_for(session.environment)
    try:
        cloud.upload(
            url,
            headers,
            path,
            lambda sent: bar.update(
                {"phase": "Uploading", "bytes": min(sent, size), "total": size}
            ),
        )
    finally:
        bar.clear()
    session.show({kind: {"id": place.get("id"), "sent": size}}, flags)
