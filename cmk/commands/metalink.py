"""`cmk metalink create` writes a metalink (RFC 5854), `cmk metalink verify` tries its mirrors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from cmk.agent.failures import TransportFailure
from cmk.agent.probe import head, read
from cmk.agent.source import Source, shown
from cmk.agent.sources import open_source
from cmk.agent.wish import Limits, Wish
from cmk.document import Json
from cmk.errors import CmkError, Unreachable, UsageError
from cmk.files import read as read_file
from cmk.images.metalink import (
    LARGEST,
    MEDIA_TYPES,
    V4,
    BadMetalinkError,
    Metalink,
    Mirror,
    files_of,
)
from cmk.images.schemes import SCHEMES
from cmk.session.flags import Flags
from cmk.session.session import Session

#: Pieces are as short as this, and longer where there would be more than MOST_PIECES of them.
PIECE, MOST_PIECES = 1 << 20, 4096
_CHUNK = 1 << 20
_LIMITS = Limits(connect=10.0, read=30.0)


def run(session: Session, words: list[str], flags: Flags) -> None:
    """`metalink create FILE URL… [--location de=URL] [--pieces]`, `metalink verify M [--full]`."""
    if words[:1] == ["create"] and len(words) > 2 and not flags.full:
        create(session, words[1], words[2:], flags)
    elif words[:1] == ["verify"] and len(words) == 2 and not (flags.pieces or flags.location):
        verify(session, words[1], flags)
    else:
        raise UsageError(
            "It is metalink create FILE URL…, or metalink verify FILE_OR_URL.",
            "create takes --pieces and --location de=URL, verify takes --full.",
        )


def create(session: Session, name: str, urls: list[str], flags: Flags) -> None:
    """Write a metalink of these mirrors, the best first, on stdout.

    The file is read where it lies, or else through the first URL that gives it.
    """
    for url in urls:
        if urlsplit(url).scheme.lower() not in SCHEMES or urlsplit(url).username:
            raise UsageError(
                f"'{url}' cannot be a mirror: it is http, https or file, with no password in it."
            )
    places = _places(flags.location, urls)
    if not Path(name).is_file():
        session.environment.say(f"There is no file {name} here: its bytes are read from the URLs.")
    size, digest, length, pieces = _hashes(name, urls, flags.pieces)
    mirrors = tuple(
        Mirror(url, priority, places.get(url, "")) for priority, url in enumerate(urls, 1)
    )
    metalink = Metalink(Path(name).name, mirrors, size, "sha-256", digest)
    if flags.pieces:
        metalink = Metalink(
            metalink.name, mirrors, size, "sha-256", digest, "sha-256", length, tuple(pieces)
        )
    session.environment.show(written(metalink))


def _places(given: tuple[str, ...], urls: list[str]) -> dict[str, str]:
    """Countries by URL, from `de=URL` or `de=HOST`."""
    places = {}
    for text in given:
        country, equals, place = text.partition("=")
        fitting = [url for url in urls if place in (url, urlsplit(url).netloc)]
        if not equals or len(country) != 2 or not country.isalpha() or not fitting:
            raise UsageError(
                f"--location {text} is not COUNTRY=URL.",
                "A country has two letters, the URL (or its host) is one of the mirrors.",
            )
        places.update(dict.fromkeys(fitting, country.lower()))
    return places


def _hashes(name: str, urls: list[str], pieces: bool) -> tuple[int, str, int, list[str]]:
    """Size, sha-256, and the length and digests of pieces."""
    if Path(name).is_file():
        return _hashed(_chunks_of_file(Path(name)), Path(name).stat().st_size, pieces)
    reasons = []
    for url in urls:
        try:
            with closing(open_source(Wish(url), _LIMITS)) as source:
                if source.size is None:
                    raise TransportFailure("it does not tell the size")
                return _hashed(_chunks(source), source.size, pieces)
        except TransportFailure as problem:
            reasons.append(f"{shown(url)}: {problem.reason}")
    raise Unreachable(f"There is no file '{name}' here, and no URL gives it: {'; '.join(reasons)}.")


def _hashed(chunks: Iterator[bytes], size: int, pieces: bool) -> tuple[int, str, int, list[str]]:
    length = PIECE
    while size > length * MOST_PIECES:
        length *= 2
    whole, piece, digests, at = hashlib.sha256(), hashlib.sha256(), list[str](), 0
    for chunk in chunks:
        whole.update(chunk)
        at += len(chunk)
        while pieces and chunk:
            room = length - (at - len(chunk)) % length
            piece.update(chunk[:room])
            if len(chunk) >= room:
                digests.append(piece.hexdigest())
                piece = hashlib.sha256()
            chunk = chunk[room:]
    if at != size:
        raise TransportFailure(f"it gave {at} of {size} bytes")
    if pieces and size % length:
        digests.append(piece.hexdigest())
    return size, whole.hexdigest(), length, digests


def _chunks_of_file(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _chunks(source: Source) -> Iterator[bytes]:
    buffer = bytearray(_CHUNK)
    while count := source.readinto(memoryview(buffer)):
        yield bytes(buffer[:count])


def written(metalink: Metalink) -> str:
    """A metalink of version 4 as XML."""
    from xml.etree.ElementTree import Element, SubElement, indent, tostring

    root = Element("metalink", xmlns=V4)
    file = SubElement(root, "file", name=metalink.name)
    SubElement(file, "size").text = str(metalink.size)
    SubElement(file, "hash", type=metalink.algorithm).text = metalink.digest
    if metalink.pieces:
        pieces = SubElement(
            file, "pieces", type=metalink.piece_algorithm, length=str(metalink.piece_length)
        )
        for digest in metalink.pieces:
            SubElement(pieces, "hash").text = digest
    for mirror in metalink.mirrors:
        url = SubElement(file, "url", priority=str(mirror.priority))
        url.text = mirror.url
        if mirror.location:
            url.set("location", mirror.location)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def verify(session: Session, place: str, flags: Flags) -> None:
    """Ask every mirror of every file; raises CmkError where one is no good."""
    try:
        files = files_of(_document(place))
    except BadMetalinkError as problem:
        raise CmkError(f"{place} cannot be used: {problem.message}.") from None
    jobs = [(file, mirror) for file in files for mirror in file.mirrors]
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda job: _tried(job[0], job[1], flags.full), jobs))
    session.show({"count": len(rows), "mirror": rows}, flags)
    bad = sum(row["result"] != "good" for row in rows)
    if bad or not rows:
        raise CmkError(f"{bad} of {len(rows)} mirrors are no good.")


def _document(place: str) -> bytes:
    import base64

    if urlsplit(place).scheme.lower() not in SCHEMES:
        try:
            return read_file(place, LARGEST)
        except OSError as problem:
            raise UsageError(f"Cannot read {place}: {problem.strerror}.") from None
    try:
        return base64.b64decode(read(place, {}, _LIMITS, LARGEST)["document"])
    except TransportFailure as problem:
        raise Unreachable(f"{place}: {problem.reason}.") from None


def _tried(file: Metalink, mirror: Mirror, full: bool) -> Json:
    row: Json = {
        "file": file.name,
        "url": mirror.url,
        "priority": mirror.priority,
        "location": mirror.location,
    }
    try:
        size = _check_bytes(file, mirror.url) if full else head(mirror.url, {}, _LIMITS)["size"]
        if None not in (file.size, size) and file.size != size:
            raise TransportFailure(f"it offers {size} bytes, not {file.size}")
    except TransportFailure as problem:
        return {**row, "result": problem.reason}
    return {**row, "size": size, "result": "good"}


def _check_bytes(file: Metalink, url: str) -> int:
    """Read all of a mirror; its size. Raises TransportFailure where a byte is wrong."""
    with closing(open_source(Wish(url), _LIMITS)) as source:
        if source.media_type in MEDIA_TYPES:
            raise TransportFailure("it is a metalink itself")
        found, size = hashlib.new((file.algorithm or "sha-256").replace("-", "")), 0
        for chunk in _chunks(source):
            found.update(chunk)
            size += len(chunk)
    if source.size is not None and size != source.size:
        raise TransportFailure(f"the body ended after {size} of {source.size} bytes")
    if file.digest and found.hexdigest() != file.digest:
        raise TransportFailure(f"its {file.algorithm} is {found.hexdigest()}, not {file.digest}")
    return size
