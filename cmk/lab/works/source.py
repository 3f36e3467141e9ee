"""Finding out, through an agent, what is behind a URL: an image, or a metalink with mirrors."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from cmk.agent.source import shown
from cmk.images.checksum import Checksum, listed
from cmk.images.metalink import LARGEST, BadMetalinkError, Metalink, of_headers, ordered, parse
from cmk.images.schemes import FILE
from cmk.lab.hosts.agent import Agent, AgentFailure

#: Seconds for which mirrors of a metalink are asked before it is said that none answers; each may
#: take as long as the settings say.
PATIENCE = 20.0

#: Where digests are published beside a file, in the order in which they are looked for.
DIGEST_FILES = (
    *("SHA512SUMS", "SHA256SUMS", "{name}.sha512", "{name}.sha256", "{name}.sha512sum"),
    *("{name}.sha256sum", "{name}.SHA512", "{name}.SHA256", "{name}.CHECKSUM", "CHECKSUM"),
    *("CHECKSUM.SHA512", "CHECKSUM.SHA256", "sha512sum.txt", "sha256sum.txt", "SHA256SUM"),
)

#: What else a folder has that is called after its digests: Fedora-Cloud-43-1.6-x86_64-CHECKSUM.
_CALLED = re.compile(r"(?i)[^/?#]*(?:checksums?|sha(?:256|512)(?:sums?)?)(?:[._-](?:txt|asc))?\Z")
_MOST_OF_FOLDER = 8


class Source(NamedTuple):
    """What a host saw: the image's size and validators, its mirrors, a digest somebody published.

    `published` names where the digest comes from, for people.
    """

    size: int | None
    virtual_size: int | None
    packing: str
    etag: str
    last_modified: str
    metalink: Metalink | None = None
    checksum: Checksum | None = None
    published: str = ""


class Scout:
    """Asks an agent about one URL, with its request headers."""

    def __init__(
        self, agent: Agent, format: str, headers: dict[str, str], limits: dict[str, Any]
    ) -> None:
        self._agent = agent
        self._format = format
        self._headers = headers
        self._limits = limits

    def look(self, url: str, endings: tuple[str, ...], location: str) -> Source:
        """What is behind the URL. Raises AgentFailure, BadMetalinkError with the reason."""
        found = self._probe(url, self._headers, LARGEST)
        if "document" in found:
            metalink = parse(base64.b64decode(found["document"]), endings)
            if urlsplit(url).scheme.lower() != FILE:
                metalink = _without_files(metalink)
            return self._through(url, metalink, location)
        if "failed" in found:
            return self._by_others(url, found, location)
        source = _source(found)
        told = of_headers(url, found["links"], found["digests"], source.size)
        if told is None:
            return source
        checksum = Checksum(told.algorithm, told.digest)
        return source._replace(metalink=told, checksum=checksum, published="the server's headers")

    def _by_others(self, url: str, found: dict[str, Any], location: str) -> Source:
        """The image, where the mirror that a redirect chose does not answer: its headers name
        others."""
        told = of_headers(url, found["links"], found["digests"], None)
        others = tuple(mirror for mirror in told.mirrors if mirror.url != url) if told else ()
        if told is None or not others:
            raise AgentFailure({"kind": "transport", "reason": found["failed"]})
        source = self._through(url, replace(told, mirrors=others), location)
        return source._replace(published="the server's headers")

    def _probe(self, url: str, headers: dict[str, str], small: int) -> dict[str, Any]:
        found: dict[str, Any] = self._agent.ask(
            "probe", url=url, format=self._format, headers=headers, limits=self._limits, small=small
        )
        return found

    def _through(self, url: str, metalink: Metalink, location: str) -> Source:
        """The image by the first mirror that answers; headers go to the metalink's origin only."""
        reasons: list[str] = []
        origin = urlsplit(url)[:2]
        deadline = time.monotonic() + PATIENCE
        for mirror in ordered(metalink.mirrors, location):
            if reasons and time.monotonic() > deadline:
                reasons.append("the others were not asked")
                break
            headers = self._headers if urlsplit(mirror)[:2] == origin else {}
            try:
                found = self._probe(mirror, headers, 0)
                if "failed" in found:
                    raise AgentFailure({"kind": "transport", "reason": found["failed"]})
            except AgentFailure as problem:
                reasons.append(f"{shown(mirror)}: {problem.message}")
                continue
            if None not in (metalink.size, found["size"]) and metalink.size != found["size"]:
                reasons.append(
                    f"{shown(mirror)}: it offers {found['size']} bytes, not {metalink.size}"
                )
                continue
            source = _source(found)._replace(metalink=metalink)
            if not metalink.digest:
                return source
            checksum = Checksum(metalink.algorithm, metalink.digest)
            return source._replace(checksum=checksum, published="the metalink")
        raise BadMetalinkError(f"none of its mirrors answers: {'; '.join(reasons)}")

    def published_digest(self, url: str) -> tuple[Checksum | None, str]:
        """`checksum=auto`: the digest that a file beside the URL lists, and that file's name; where
        there is none, the name of the first list that is there and has not this file."""
        name, without = urlsplit(url).path.rpartition("/")[2], ""
        for place in self._beside(url, name):
            text = self._text(place)
            checksum = listed(text, unquote(name))
            if checksum is not None:
                return checksum, place
            without = without or (place if text.strip() else "")
        return None, without

    def _beside(self, url: str, name: str) -> Iterator[str]:
        """Where digests may be; the folder's index is read when nothing before it has one."""
        for file in DIGEST_FILES:
            yield urljoin(url, file.format(name=name))
        if urlsplit(url).scheme.lower() != FILE:
            yield from self._called_after_digests(urljoin(url, "."))

    def _called_after_digests(self, folder: str) -> list[str]:
        """What the index of a folder links to that is called after digests."""
        links = re.findall(r"""(?i)\bhref\s*=\s*["']?([^"'\s>]+)""", self._text(folder))
        places = [urljoin(folder, unescape(link)) for link in links if _CALLED.match(link)]
        beside = [place for place in dict.fromkeys(places) if urljoin(place, ".") == folder]
        return beside[:_MOST_OF_FOLDER]

    def _text(self, url: str) -> str:
        """A small text; "" where none is published under this URL."""
        try:
            found = self._agent.ask(
                "read", url=url, headers=self._headers, limits=self._limits, small=1 << 20
            )
        except AgentFailure:
            return ""
        return base64.b64decode(found["document"]).decode(errors="replace")


def _without_files(metalink: Metalink) -> Metalink:
    """A metalink from elsewhere must not name files of the host."""
    mirrors = tuple(m for m in metalink.mirrors if urlsplit(m.url).scheme.lower() != FILE)
    if not mirrors:
        raise BadMetalinkError("it has no http or https URL, and came from the network itself")
    return replace(metalink, mirrors=mirrors)


def _source(found: dict[str, Any]) -> Source:
    return Source(
        found["size"],
        found["virtual_size"],
        found["packing"],
        found["etag"],
        found["last_modified"],
    )
