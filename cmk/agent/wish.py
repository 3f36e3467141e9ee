"""What is wanted of a URL, and what is put up with meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Optional


@dataclass(frozen=True)
class Limits:
    """What is put up with: seconds to wait for a connection and for the next byte; redirects or
    not, and from https to plain http; how slow a connection may be (bytes/s, over so many
    seconds); whose certificates are trusted besides the system's (PEM); and whether files, and
    servers with addresses that the internet has not, may be sources (`private`)."""

    connect: float = 5.0
    read: float = 5.0
    redirects: bool = True
    downgrade: bool = False
    low_speed: int = 1024
    low_speed_time: float = 30.0
    trust: tuple[str, ...] = ()
    private: bool = True


@dataclass(frozen=True)
class Wish:
    """What is wanted of a URL: bytes from `start` (to `end`, exclusive), of one version only.

    `bare`: no bytes at all, only what is known of the file (HEAD).
    """

    url: str
    start: int = 0
    end: Optional[int] = None
    validator: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    bare: bool = False
    #: Whether a page of HTML will do: for what is read, not stored.
    page: bool = False
