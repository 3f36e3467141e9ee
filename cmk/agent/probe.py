"""What can be known of a URL before it is downloaded: by its first bytes, in one request."""

from __future__ import annotations

from typing import Any

from .compression import first_bytes, packing_of
from .failures import ImageFailure, TransportFailure
from .image import check_format, format_of, qcow2_size
from .sources import Limits, Source, Wish, open_source

#: A bzip2 block unpacks to at most 900 kB; a packed one is hardly ever larger than that.
_PREFIX = 1 << 20
_STEP = 1 << 16


def probe(url: str, format: str, headers: dict[str, str], limits: Limits) -> dict[str, Any]:
    """Size, validators, packing and (QCOW2) virtual size of what a URL serves.

    Raises TransportFailure where it does not answer with bytes, ImageFailure where its first
    bytes are not of the declared format.
    """
    wish = Wish(url, 0, _PREFIX, headers=headers)
    source = open_source(wish, limits)
    try:
        prefix = _read(source, _STEP)
        if not prefix:
            raise TransportFailure("it answers with nothing", final=True)
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
    }


def _read(source: Source, most: int) -> bytes:
    buffer = bytearray(most)
    view, filled = memoryview(buffer), 0
    while filled < most:
        count = source.readinto(view[filled:])
        if not count:
            break
        filled += count
    return bytes(view[:filled])
