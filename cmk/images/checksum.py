"""The forms of a checksum parameter: `{SHA-256}hex`, `{sha256}HEX`, bare hex (MD5)."""

from __future__ import annotations

import re
from typing import NamedTuple

from cmk.images import ImageError

#: Hex digits of each algorithm that CloudStack takes.
LENGTHS = {"md5": 32, "sha-1": 40, "sha-224": 56, "sha-256": 64, "sha-384": 96, "sha-512": 128}

_FORM = re.compile(r"(?:\{([^}]*)\})?(.*)\Z", re.DOTALL)


class Checksum(NamedTuple):
    """An algorithm in the spelling of RFC 5854 (sha-256) and lower-case hex."""

    algorithm: str
    digest: str

    def __str__(self) -> str:
        return f"{{{self.algorithm.upper()}}}{self.digest}"


def parse(text: str) -> Checksum:
    """Read a checksum; raises ImageError with what is wrong about it.

    CloudStack takes the exact names of Java only; here case and the dash are free.
    """
    found = _FORM.match(text.strip())
    assert found is not None  # every text has this form
    name, digest = (found[1] or "md5").lower(), found[2].lower()
    algorithm = re.sub(r"^sha-?(?=\d)", "sha-", name)
    length = LENGTHS.get(algorithm)
    if length is None:
        known = ", ".join(sorted(algorithm.upper() for algorithm in LENGTHS))
        raise ImageError(
            f"The checksum's algorithm {found[1]} is not supported; there are {known}."
        )
    if not found[1] and (meant := _form_of(digest)):
        raise _misformed(meant)
    named = re.fullmatch(r"(sha-?\d+|md5)[:=-]([0-9a-f]+)", digest)
    if not found[1] and named:  # and of another length than that has
        algorithm, digest = re.sub(r"^sha-?", "sha-", named[1]), named[2]
        length = LENGTHS.get(algorithm, 0)
    if len(digest) != length:
        raise ImageError(
            f"The checksum has {len(digest)} digits; {algorithm.upper()} has {length}."
        )
    if not re.fullmatch(r"[0-9a-f]+", digest):
        raise ImageError("The checksum has characters that are no hexadecimal digits.")
    return Checksum(algorithm, digest)


def _misformed(meant: str) -> ImageError:
    digits, most = len(meant.partition("}")[2]), LENGTHS["md5"]
    told = "The algorithm of a checksum stands in braces"
    if digits != most:
        told = f"The checksum has {digits} digits; MD5 has {most}, which one without braces is"
    return ImageError(f"{told}: write it as {meant}.")


def _form_of(text: str) -> str:
    """`sha256:HEX` and a bare SHA-256 in the form that is taken; "" for neither."""
    found = re.fullmatch(r"(?:(sha-?\d+|md5)[:=-])?([0-9a-f]+)", text)
    if found is None:
        return ""
    if found[1] and LENGTHS.get(re.sub(r"^sha-?", "sha-", found[1])) != len(found[2]):
        return ""
    if len(found[2]) == LENGTHS["md5"]:
        return f"{{MD5}}{found[2]}" if found and found[1] else ""
    names = [name for name, length in LENGTHS.items() if length == len(found[2])]
    return f"{{{names[0].upper()}}}{found[2]}" if names else ""


#: What digests are published by, the strongest first; others are no proof of anything.
_PUBLISHED = ("sha-512", "sha-384", "sha-256")


def listed(text: str, name: str) -> Checksum | None:
    """A file's digest in what sha256sum and the like write: `HEX  NAME`, `SHA256 (NAME) = HEX`.

    Names may have a path before them. A text with one digest and no name (`image.sha256`) is taken
    for this file. Of several digests the strongest counts.
    """
    found: dict[str, str] = {}
    for line in text.removeprefix("\ufeff").splitlines():
        digest = _of_line(line.strip(), name)
        algorithm = _BY_LENGTH.get(len(digest))
        if algorithm is not None:
            found.setdefault(algorithm, digest.lower())
    return next((Checksum(each, found[each]) for each in _PUBLISHED if each in found), None)


_BY_LENGTH = {LENGTHS[name]: name for name in _PUBLISHED}


def _of_line(line: str, name: str) -> str:
    plain = re.fullmatch(r"([0-9a-fA-F]{64,128})(?:\s+[ *]?(.+))?", line)
    if plain and (plain[2] is None or plain[2].rpartition("/")[2] == name):
        return plain[1]
    tagged = re.fullmatch(r"[\w-]+\s*\((.+)\)\s*=\s*([0-9a-fA-F]{64,128})", line)
    return tagged[2] if tagged and tagged[1].rpartition("/")[2] == name else ""
