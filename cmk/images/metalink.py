"""Metalinks: several places of one file, with its digests, as a plan for the agent.

Version 4 is RFC 5854, version 3 the published draft (preference 100 is best; it becomes priority
101 - preference); they are told apart by their namespace. Of RFC 6249 (Metalink/HTTP) the headers
Link and Digest/Repr-Digest are read.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from cmk.images import ImageError
from cmk.images.checksum import LENGTHS
from cmk.images.schemes import SCHEMES, WEB

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

V4 = "urn:ietf:params:xml:ns:metalink"
V3 = "http://www.metalinker.org/"

MEDIA_TYPES = ("application/metalink4+xml", "application/metalink+xml")
ENDINGS = (".metalink", ".meta4")

#: The most that is read of a metalink, and of the mirrors and pieces in it.
LARGEST = 8 << 20
MOST_MIRRORS = 1000
MOST_PIECES = 1 << 20

LEAST_PRIORITY = 999_999
STRONGEST = ("sha-512", "sha-384", "sha-256", "sha-224", "sha-1", "md5")


class BadMetalinkError(ImageError):
    """The document is no metalink, or not one that can be used."""


@dataclass(frozen=True)
class Mirror:
    """One place of the file; a lower priority is better, location an ISO 3166-1 country or ""."""

    url: str
    priority: int = LEAST_PRIORITY
    location: str = ""


@dataclass(frozen=True)
class Metalink:
    """The one file of a metalink: its size in bytes, strongest digest, pieces and mirrors."""

    name: str
    mirrors: tuple[Mirror, ...]
    size: int | None = None
    algorithm: str = ""
    digest: str = ""
    piece_algorithm: str = ""
    piece_length: int = 0
    pieces: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As it is kept in the store."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Metalink:
        """What `to_json` gave."""
        mirrors = tuple(Mirror(**mirror) for mirror in kept["mirrors"])
        return cls(**{**kept, "mirrors": mirrors, "pieces": tuple(kept["pieces"])})


def parse(document: bytes, endings: Iterable[str]) -> Metalink:
    """The one file in the document whose name ends like the format's files.

    Raises BadMetalinkError. Entities, external documents and sheer size are refused.
    """
    files = files_of(document)
    fitting = [file for file in files if file.name.lower().endswith(tuple(endings))]
    chosen = fitting or (files if len(files) == 1 else [])
    if len(chosen) != 1:
        names = ", ".join(file.name for file in files[:10])
        raise BadMetalinkError(f"it has no one file that fits the format, but: {names}")
    if not chosen[0].mirrors:
        raise BadMetalinkError(f"it has no http, https or file URL for {chosen[0].name}")
    return chosen[0]


def files_of(document: bytes) -> list[Metalink]:
    """All files of a metalink, at least one. Raises BadMetalinkError."""
    root = _root(document)
    if root.tag == f"{{{V4}}}metalink":
        files = [_file_v4(element) for element in root.findall(f"{{{V4}}}file")]
    elif root.tag == f"{{{V3}}}metalink":
        found = root.findall(f"{{{V3}}}files/{{{V3}}}file")
        files = [_file_v3(element) for element in found]
    else:
        raise BadMetalinkError("it is not a metalink (neither of version 4 nor of version 3)")
    if not files:
        raise BadMetalinkError("it has no file in it")
    return files


def _root(document: bytes) -> Element:
    from xml.etree.ElementTree import ParseError

    try:
        from defusedxml.common import DefusedXmlException
        from defusedxml.ElementTree import fromstring
    except ImportError:
        raise BadMetalinkError(
            "metalinks need Python's defusedxml: pip install 'pycmk[lab]'"
        ) from None
    if len(document) > LARGEST:
        raise BadMetalinkError(f"it is larger than {LARGEST} bytes")
    try:
        root: Element = fromstring(_readable(document), forbid_dtd=True)
    except DefusedXmlException:
        raise BadMetalinkError("it has a document type or entities, which are refused") from None
    except (ParseError, ValueError, LookupError) as problem:
        raise BadMetalinkError(f"it is not XML: {problem}") from None
    return root


def _readable(document: bytes) -> bytes:
    """The document in an encoding that expat knows: of UTF-32 it does not."""
    if document.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return re.sub(r"\A\s*<\?xml.*?\?>", "", document.decode("utf-32")).encode()
    return document


def _file_v4(element: Element) -> Metalink:
    urls = [
        (url, _whole(url.get("priority"), 1, LEAST_PRIORITY, LEAST_PRIORITY))
        for url in element.findall(f"{{{V4}}}url")
    ]
    hashes = [(hash.get("type", ""), hash) for hash in element.findall(f"{{{V4}}}hash")]
    return _file(element, V4, urls, hashes, element.findall(f"{{{V4}}}pieces"))


def _file_v3(element: Element) -> Metalink:
    urls = [
        (url, 101 - _whole(url.get("preference"), 0, 100, 0) if url.get("preference") else 101)
        for url in element.findall(f"{{{V3}}}resources/{{{V3}}}url")
        if url.get("type", "").lower() not in {"bittorrent", "magnet"}
    ]
    check = f"{{{V3}}}verification/{{{V3}}}"
    hashes = [(hash.get("type", ""), hash) for hash in element.findall(f"{check}hash")]
    return _file(element, V3, urls, hashes, element.findall(f"{check}pieces"))


def _file(
    element: Element,
    namespace: str,
    urls: list[tuple[Element, int]],
    hashes: list[tuple[str, Element]],
    pieces: list[Element],
) -> Metalink:
    name = element.get("name", "")
    if not name or name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name):
        raise BadMetalinkError(f"the file name '{name[:80]}' leads elsewhere")
    size = _whole(_text(element.find(f"{{{namespace}}}size")), 0, 1 << 62, -1)
    digests = {a: d for kind, hash in hashes for a, d in [_digest(kind, _text(hash))] if a}
    algorithm = next((a for a in STRONGEST if a in digests), "")
    return Metalink(
        name,
        _mirrors(urls),
        None if size < 0 else size,
        algorithm,
        digests.get(algorithm, ""),
        *_pieces(pieces, namespace, None if size < 0 else size),
    )


def _mirrors(urls: list[tuple[Element, int]]) -> tuple[Mirror, ...]:
    if len(urls) > MOST_MIRRORS:
        raise BadMetalinkError(f"it has more than {MOST_MIRRORS} mirrors")
    mirrors: dict[str, Mirror] = {}
    for element, priority in urls:
        url = _text(element)
        try:
            parts = urlsplit(url)
        except ValueError:
            continue
        usable = parts.scheme.lower() in SCHEMES and not parts.username
        if usable and not parts.path.lower().endswith((*ENDINGS, ".torrent")):
            location = element.get("location", "").strip().lower()
            mirrors.setdefault(url, Mirror(url, priority, location))
    return tuple(mirrors.values())


def _pieces(
    found: list[Element], namespace: str, size: int | None
) -> tuple[str, int, tuple[str, ...]]:
    """The strongest pieces that cover the file exactly; none where they do not add up."""
    usable: dict[str, tuple[int, tuple[str, ...]]] = {}
    for element in found:
        length = _whole(element.get("length"), 1, 1 << 40, 0)
        hashes = element.findall(f"{{{namespace}}}hash")
        if not length or size is None or len(hashes) > MOST_PIECES:
            continue
        digests = [_digest(element.get("type", ""), _text(hash)) for hash in hashes]
        whole = all(algorithm for algorithm, _ in digests)
        if digests and whole and len(digests) == -(-size // length):
            usable[digests[0][0]] = (length, tuple(digest for _, digest in digests))
    for algorithm in STRONGEST:
        if algorithm in usable:
            return algorithm, *usable[algorithm]
    return "", 0, ()


def _digest(kind: str, text: str) -> tuple[str, str]:
    """A digest's algorithm and hex, both empty where it is none that can be checked."""
    algorithm = re.sub(r"^sha-?(?=\d)", "sha-", kind.strip().lower())
    digest = re.sub(r"\s+", "", text).lower()
    good = len(digest) == LENGTHS.get(algorithm) and re.fullmatch(r"[0-9a-f]+", digest)
    return (algorithm, digest) if good else ("", "")


def _text(element: Element | None) -> str:
    return "" if element is None else (element.text or "").strip()


def _whole(text: str | None, least: int, most: int, otherwise: int) -> int:
    """A whole number in its bounds; what is none, or outside of them, is as if not said."""
    if text is None or not re.fullmatch(r"[0-9]{1,19}", text.strip()):
        return otherwise
    number = int(text)
    return number if least <= number <= most else otherwise


def ordered(mirrors: Iterable[Mirror], location: str) -> list[str]:
    """URLs by priority, then those of this country first, then at random among equals."""
    shuffled = list(mirrors)
    random.shuffle(shuffled)
    home = location.strip().lower()
    shuffled.sort(key=lambda mirror: (mirror.priority, not home or mirror.location != home))
    return [mirror.url for mirror in shuffled]


_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[\w-]+(?:\s*=\s*(?:\"[^\"]*\"|[^\s;,]+))?)*)")
_PARAM = re.compile(r";\s*([\w-]+)(?:\s*=\s*(?:\"([^\"]*)\"|([^\s;,]+)))?")


def of_headers(url: str, links: str, digests: str, size: int | None) -> Metalink | None:
    """What RFC 6249 headers say of a file; None where they say nothing that can be used.

    Without a digest the mirrors must be ignored (section 6).
    """
    algorithm, digest = digest_of_headers(digests)
    if not digest:
        return None
    mirrors = [Mirror(url, 1)]
    for target, rest in _LINK.findall(links):
        params = {name.lower(): a or b for name, a, b in _PARAM.findall(rest)}
        place = urljoin(url, target)
        if params.get("rel") == "duplicate" and urlsplit(place).scheme.lower() in WEB:
            priority = _whole(params.get("pri"), 1, LEAST_PRIORITY, LEAST_PRIORITY)
            mirrors.append(Mirror(place, priority, params.get("geo", "").lower()))
    name = urlsplit(url).path.rpartition("/")[2]
    return Metalink(name, tuple(mirrors[:MOST_MIRRORS]), size, algorithm, digest)


def digest_of_headers(text: str) -> tuple[str, str]:
    """The strongest digest in a Repr-Digest (RFC 9530) or Digest (RFC 3230) header's value."""
    found: dict[str, str] = {}
    for name, structured, plain in re.findall(r"([\w-]+)=(?::([A-Za-z0-9+/=]+):|([^,\s]+))", text):
        try:
            raw = base64.b64decode(structured or plain, validate=True)
        except (binascii.Error, ValueError):
            continue
        algorithm, digest = _digest(name, raw.hex())
        if algorithm:
            found[algorithm] = digest
    algorithm = next((a for a in STRONGEST if a in found), "")
    return algorithm, found.get(algorithm, "")
