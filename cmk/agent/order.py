"""What the agent is asked to bring into a pool."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional
from urllib.parse import urlsplit

from .wish import Limits


@dataclass(frozen=True)
class Pieces:
    """Digests of the file's parts of `length` bytes, in order; the last part may be shorter."""

    algorithm: str
    length: int
    digests: tuple[str, ...]


@dataclass(frozen=True)
class Order:
    """What is to be in the pool: its name there, its format, and where it comes from.

    `mirrors` are URLs in the order in which to ask them; `headers` go to those of the same origin
    as the URL `origin` only ("": to all). `digest` is lower-case hex by `algorithm`
    (sha-256, md5 …) of the bytes as served; both are empty where none is known. `size` is that of
    the bytes as served, `most` the largest virtual size, both in bytes. `connections` is how many
    each mirror gets when several fetch at once.
    """

    pool: str
    name: str
    format: str
    mirrors: tuple[str, ...]
    headers: dict[str, str] = field(default_factory=dict)
    origin: str = ""
    algorithm: str = ""
    digest: str = ""
    size: Optional[int] = None
    pieces: Optional[Pieces] = None
    most: int = 1 << 50
    connections: int = 1
    limits: Limits = field(default_factory=Limits)

    def headers_for(self, mirror: str) -> dict[str, str]:
        """The request headers that this mirror may see."""
        same = urlsplit(mirror)[:2] == urlsplit(self.origin)[:2]
        return self.headers if same or not self.origin else {}

    @property
    def is_verifiable(self) -> bool:
        """Whether bytes from several places can be told apart from the right ones."""
        return bool(self.digest or self.pieces)
