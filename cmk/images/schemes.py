"""The schemes of URLs that images can come from."""

from __future__ import annotations

WEB = ("http", "https")

#: A file of the host that downloads.
FILE = "file"

SCHEMES = (*WEB, FILE)
