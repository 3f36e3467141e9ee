"""What is not for who asks over HTTP: to name this machine's files, sockets and programs."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote, urlsplit

from cmk.errors import NotAuthorised
from cmk.lab.call import Call
from cmk.lab.model.account import Account
from cmk.lab.settings import FILE_PATHS, PRIVATE, flag, setting
from cmk.lab.store import Store


def check_path(call: Call, url: str) -> None:
    """Raise ApiError 531 for a URL that names a file or directory of this machine, unless it is
    inside one that its own users have said (`direct.download.file.paths`), and a root admin asks;
    on the machine itself root admins name any."""
    if not call.is_remote and call.caller.is_root:
        return
    parts = urlsplit(url)
    if parts.scheme.lower() in ("http", "https") or not (parts.scheme or url.startswith("/")):
        return  # what names nothing is refused by who wants it
    path = posixpath.normpath(unquote(parts.path))
    if not call.caller.is_root:
        raise NotAuthorised(531, "file: URLs are for root admins.")
    allowed = [place.rstrip("/") for place in setting(call.store, FILE_PATHS).split(",") if place]
    if not any(path == place or path.startswith(f"{place}/") for place in allowed):
        raise NotAuthorised(
            531,
            f"{parts.scheme or 'A file'}: URLs are for users of this machine; over HTTP only those "
            f"inside {FILE_PATHS}, which its users set.",
        )


def reach_of(store: Store, account: int) -> dict[str, bool]:
    """The agent's limit of where what an account has registered may come from: the servers of a
    root admin may be anywhere, those of others where the internet is."""
    trusted = Account.of(store, account).is_root or flag(store, PRIVATE)
    return {"private": trusted}


def check_uri(call: Call, uri: str) -> None:
    """Raise ApiError 531 for a libvirt URI that runs a command or names a socket or a file."""
    parts = urlsplit(uri)
    if call.is_remote and ("+" in parts.scheme or parts.query or parts.netloc):
        raise NotAuthorised(
            531,
            "A host over HTTP is qemu:///system or qemu:///session; URIs with a transport, a "
            "server or parameters are for users of this machine.",
        )


def check_setting(call: Call, name: str) -> None:
    """Raise ApiError 531 for the setting that guards this machine's files."""
    if call.is_remote and name == FILE_PATHS:
        raise NotAuthorised(531, f"{name} is set by users of this machine.")
