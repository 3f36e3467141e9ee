"""Connections to libvirt: its errors as ours, its own printing switched off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cmk.errors import Unreachable

_MISSING = (
    "Python's libvirt binding is not installed.",
    "pip install 'pycmk[lab]' (in a clone of cmk: scripts/setup) brings it; it needs a compiler "
    "(Debian: libvirt-dev pkg-config gcc python3-dev).",
)


def check_binding() -> None:
    """Raise Unreachable where the lab extra is not installed, without the time that loading it
    takes."""
    from importlib.util import find_spec

    try:
        found = find_spec("libvirt")
    except ImportError:
        found = None
    if found is None:
        raise Unreachable(*_MISSING)


def load() -> Any:
    """The libvirt module, quiet. Raises Unreachable where the lab extra is not installed."""
    try:
        import libvirt
    except ImportError:
        raise Unreachable(*_MISSING) from None
    libvirt.registerErrorHandler(lambda *_: None, None)
    return libvirt


def connect(uri: str) -> Any:
    """An open connection. Raises Unreachable with libvirt's reason."""
    libvirt = load()
    try:
        return libvirt.open(uri)
    except libvirt.libvirtError as problem:
        raise Unreachable(f"libvirt at {uri} cannot be opened: {problem}.", _mend(uri)) from None


def _mend(uri: str) -> str:
    if uri.startswith("qemu:///system"):
        return "Does libvirtd run, and may this user use it (group libvirt)? Try: virsh list"
    return f"Try: virsh -c '{uri}' list"


@contextmanager
def errors(what: str) -> Iterator[None]:
    """libvirt's errors in here as Unreachable: what was being done, and its reason."""
    libvirt = load()
    try:
        yield
    except libvirt.libvirtError as problem:
        raise Unreachable(f"{what}: {str(problem).strip().rstrip('.')}.") from problem
