"""What may be set, in a profile or for all of them, and what the values may be."""

from __future__ import annotations

from cmk.config import FORMATS

#: Settings of one server.
OF_PROFILE = (
    "url",
    "username",
    "password",
    "domain",
    "apikey",
    "secretkey",
    "signaturealgorithm",
    "verifycert",
    "cacert",
    "timeout",
    "output",
    "asyncblock",
    "postrequest",
    "savesession",
    "keyring",
)

#: Settings of the shell, for all servers.
OF_SHELL = ("prompt", "autocomplete", "pager")

#: Settings of the core section: those of the shell, and what profiles inherit.
OF_CORE = ("profile", *OF_SHELL, "output", "timeout", "asyncblock")

#: Settings that are one of these.
VALUES = {
    "output": FORMATS,
    "asyncblock": ("true", "false"),
    "verifycert": ("true", "false"),
    "postrequest": ("true", "false"),
    "savesession": ("true", "false"),
    "keyring": ("true", "false"),
    "signaturealgorithm": ("sha1", "sha512", "auto"),
    "pager": ("on", "off"),
    "autocomplete": ("true", "false"),
}
