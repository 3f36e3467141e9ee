"""`cmk api NAME key=value …`: any API, sent as it is."""

from __future__ import annotations

from cmk.errors import UsageError
from cmk.session.flags import Flags
from cmk.session.session import Session


def run(session: Session, words: list[str], flags: Flags) -> None:
    """`api NAME key=value …`: nothing is checked, and no catalog has to know it."""
    if not words or "=" in words[0] or any("=" not in word for word in words[1:]):
        raise UsageError("It is api NAME [key=value …], for example: api listZones available=true")
    session.run(words, flags, is_raw=True)
