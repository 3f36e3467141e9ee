"""Which formats and URLs can be registered."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from cmk.images import ImageError
from cmk.images.headers import HEADER_DETAIL
from cmk.images.metalink import ENDINGS as METALINK_ENDINGS
from cmk.images.schemes import FILE, SCHEMES

#: The endings of each format's files, each also with an ending of PACKINGS behind it.
ENDINGS = {"QCOW2": (".qcow2", ".img"), "RAW": (".img", ".raw"), "ISO": (".iso",)}
PACKINGS = (".gz", ".bz2", ".xz", ".zst", ".zip")
OTHER_FORMATS = ("VMDK", "VHD", "VHDX", "OVA", "TAR", "BAREMETAL", "DIR")


def endings_of(format: str) -> tuple[str, ...]:
    """How the names of a format's files end, packed ones included."""
    return tuple(bare + packed for bare in ENDINGS[format] for packed in ("", *PACKINGS))


def checked_format(text: str) -> str:
    """A template's format in upper case; raises ImageError for one that KVM hosts do not take."""
    format = text.upper()
    if format in ENDINGS and format != "ISO":
        return format
    if format in OTHER_FORMATS:
        raise ImageError(f"Format {format} is not for KVM hosts; QCOW2 and RAW are.")
    if format == "ISO":
        raise ImageError("An ISO is registered with register iso.")
    raise ImageError(f"There is no format {text}; templates are QCOW2 or RAW.")


def checked_url(url: str, format: str) -> str:
    """The URL as it was given; raises ImageError for one that can be no source."""
    if len(url) > 2048:
        raise ImageError("The url is longer than 2048 characters.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as problem:
        raise ImageError(f"The url cannot be read: {problem}.") from None
    scheme = parts.scheme.lower()
    if scheme == "nfs":
        raise ImageError(
            "nfs: is not a source: the host cannot mount a file. Use http, https or file."
        )
    if scheme not in SCHEMES:
        raise ImageError(f"The url's scheme '{scheme}' is not supported; http, https and file are.")
    if parts.username or parts.password:
        raise ImageError(
            "The url holds a user or a password, which listings would show; give a header instead: "
            f"'details[0].{HEADER_DETAIL}Authorization=Basic …'."
        )
    if scheme == FILE and (host or not parts.path.startswith("/")):
        raise ImageError("A file url names a file on the host: file:///path.")
    if scheme != FILE and (not host or port == 0):
        raise ImageError("The url names no server.")
    if re.search(r"[\x00-\x20\x7f]", url):
        raise ImageError(
            "The url has blanks or control characters; write them as %20 and the like."
        )
    _check_ending(parts.path, format)
    return url


def _check_ending(path: str, format: str) -> None:
    name = path.rpartition("/")[2].lower()
    if name.endswith((*endings_of(format), *METALINK_ENDINGS)):
        return
    endings = " or ".join(ENDINGS[format])
    raise ImageError(
        f"The url's file '{name}' is not valid for the format {format}: it ends in {endings}, "
        f"perhaps with {', '.join(PACKINGS)} behind it, or in {' or '.join(METALINK_ENDINGS)}."
    )
