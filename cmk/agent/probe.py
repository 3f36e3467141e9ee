"""What can be known of a URL before it is downloaded: by its first bytes, in one request."""

from __future__ import annotations

import base64
from typing import Any

from .compression import first_bytes, packing_of
from .failures import ImageFailure, TransportFailure
from .image import check_format, format_of, qcow2_size
from .pace import Pace
from .source import Source
from .sources import open_source
from .wish import Limits, Wish

#: A bzip2 block unpacks to at most 900 kB; a packed one is hardly ever larger than that.
_PREFIX = 1 << 20
_STEP = 1 << 16


def probe(
    url: str, format: str, headers: dict[str, str], limits: Limits, small: int = 0
) -> dict[str, Any]:
    """Size, validators, packing and (QCOW2) virtual size of what a URL serves.

    With `small`, what looks like XML and is no larger than that is handed over whole in `document`
    (base64), and not looked at any further: the other side knows what a metalink is. Where the
    place fails that a redirect named, and the redirect told of others, what it told is the answer,
    with the reason in `failed`. Raises TransportFailure where it does not answer with bytes,
    ImageFailure where its first bytes are not of the declared format.
    """
    wish = Wish(url, 0, max(_PREFIX, small + 1), headers=headers)
    try:
        source = _Paced(open_source(wish, limits), limits)
    except TransportFailure as problem:
        if not problem.links:
            raise
        return {"failed": problem.reason, "links": problem.links, "digests": problem.digests}
    try:
        prefix = _read(source, _STEP)
        if not prefix:
            raise TransportFailure("it answers with nothing", final=True)
        if small and _is_xml(prefix):
            return _document(source, prefix, small)
        packing = packing_of(prefix)
        first = prefix
        if packing:
            first = first_bytes(packing, prefix, _STEP)
            while not first and len(prefix) < _PREFIX:
                more = _read(source, _STEP)
                if not more:
                    break
                prefix += more
                first = first_bytes(packing, prefix, _STEP)
    finally:
        source.close()
    if first:
        check_format(format, first)
    elif not packing:
        raise ImageFailure("it is empty")
    return {
        "url": source.url,
        "size": source.size,
        "etag": source.etag,
        "last_modified": source.last_modified,
        "packing": packing,
        "format": format_of(first) if first else "",
        "virtual_size": qcow2_size(first),
        "links": source.links,
        "digests": source.digests,
    }


def read(url: str, headers: dict[str, str], limits: Limits, small: int) -> dict[str, Any]:
    """A small file, whole: its `document` in base64. Raises TransportFailure."""
    source = _Paced(open_source(Wish(url, headers=headers, page=True), limits), limits)
    try:
        return _document(source, b"", small)
    finally:
        source.close()


def head(url: str, headers: dict[str, str], limits: Limits) -> dict[str, Any]:
    """What a server tells of a URL without its bytes, in one round trip (two where it refuses
    HEAD). Raises TransportFailure."""
    try:
        source = open_source(Wish(url, headers=headers, bare=True), limits)
    except TransportFailure as problem:
        if not problem.final:
            raise
        source = open_source(Wish(url, 0, 1, headers=headers), limits)
    source.close()
    return {
        "url": source.url,
        "size": source.size,
        "etag": source.etag,
        "last_modified": source.last_modified,
        "digests": source.digests,
    }


class _Paced:
    """A source that is left when it drips."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self._source = source
        self._pace = Pace(limits.low_speed, limits.low_speed_time)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def readinto(self, buffer: Any) -> int:
        self._pace.check()
        count = self._source.readinto(buffer)
        self._pace.count += count
        return count


def _is_xml(prefix: bytes) -> bool:
    text = prefix[:2048].removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"\xff\xfe", b"\xfe\xff", b"<\0?\0", b"\0<\0?")):  # UTF-16
        text = text.replace(b"\0", b"").lstrip(b"\xff\xfe")
    return text.startswith((b"<?xml", b"<metalink")) or b"<metalink" in text


def _document(source: _Paced, prefix: bytes, small: int) -> dict[str, Any]:
    """All of a source, of which the prefix is read already."""
    document = prefix + _read(source, small + 1 - len(prefix))
    if len(document) > small:
        raise TransportFailure(f"it is larger than {small} bytes", final=True)
    if source.size is not None and len(document) < source.size:
        raise TransportFailure(f"the body ended after {len(document)} of {source.size} bytes")
    return {
        "url": source.url,
        "media_type": source.media_type,
        "document": base64.b64encode(document).decode(),
    }


def _read(source: _Paced, most: int) -> bytes:
    buffer = bytearray(most)
    view, filled = memoryview(buffer), 0
    while filled < most:
        count = source.readinto(view[filled:])
        if not count:
            break
        filled += count
    return bytes(view[:filled])
