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
    if len(digest) != length:
        raise ImageError(
            f"The checksum has {len(digest)} digits; {algorithm.upper()} has {length}."
        )
    if not re.fullmatch(r"[0-9a-f]+", digest):
        raise ImageError("The checksum has characters that are no hexadecimal digits.")
    return Checksum(algorithm, digest)


def listed(text: str, name: str, algorithm: str) -> Checksum | None:
    """A file's digest in what sha256sum and the like write: `HEX  NAME`, `SHA256 (NAME) = HEX`.

    A text with one digest and no name (`image.sha256`) is taken for this file.
    """
    digit = f"[0-9a-fA-F]{{{LENGTHS[algorithm]}}}"
    for line in text.splitlines():
        found = re.fullmatch(rf"({digit})(?:\s+[ *]?(?:\./)?(.+?))?\s*", line)
        if found and found[2] in (None, name):
            return Checksum(algorithm, found[1].lower())
        tagged = re.fullmatch(rf"[\w-]+\s*\((?:\./)?(.+?)\)\s*=\s*({digit})\s*", line)
        if tagged and tagged[1] == name:
            return Checksum(algorithm, tagged[2].lower())
    return None
