"""Request headers of a download: the details of a template that are called HTTP_HEADER:<Name>."""

from __future__ import annotations

import re

from cmk.images import ImageError

#: What stands before a header's name; CloudStack's convention.
HEADER_DETAIL = "HTTP_HEADER:"


def is_header(name: str) -> bool:
    """Whether a detail is a request header, whose value nobody is shown."""
    return name.upper().startswith(HEADER_DETAIL)


def headers_of(details: dict[str, str]) -> dict[str, str]:
    """The request headers among a template's details. Raises ImageError for impossible ones."""
    headers = {}
    for name, value in details.items():
        if not is_header(name):
            continue
        header = name[len(HEADER_DETAIL) :]
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", header):
            raise ImageError(f"'{header}' is no name of a request header.")
        if re.search(r"[\r\n\0]", value) or not value.isascii():
            raise ImageError(f"The value of the request header {header} has forbidden characters.")
        headers[header] = value
    return headers
