"""Where bytes come from: each scheme has a module that opens it at an offset."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

from ..failures import TransportFailure
from ..source import Source
from ..wish import Limits, Wish
from .file import open_file


def open_source(wish: Wish, limits: Limits) -> Source:
    """Open a URL. Raises TransportFailure with the reason, for every way in which it can fail."""
    try:
        scheme = urlsplit(wish.url).scheme.lower()
        if scheme == "file" and not limits.private:
            raise TransportFailure("files of the host are not for this account", final=True)
        if scheme == "file":
            return open_file(wish, limits)
        if scheme in {"http", "https"}:
            from .web import open_web

            return open_web(wish, limits)
    except (ValueError, http.client.HTTPException):
        # Not their own words: they quote the URL, whose query may be a secret.
        raise TransportFailure(
            "its URL, or one it redirects to, cannot be read", final=True
        ) from None
    raise TransportFailure(
        f"'{scheme}:' URLs are not supported (http, https and file are)", final=True
    )
