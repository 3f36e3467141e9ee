"""What may be set, in a profile or for all of them, and what the values may be."""

from __future__ import annotations

FORMATS = ("json", "jsonl", "table", "column", "wide", "csv", "text", "value", "xml")

#: Settings of one server, and what they are.
OF_PROFILE = {
    "url": "the server: https://HOST/client/api, or lab:/path",
    "username": "who logs in, where no key signs",
    "password": "with username",
    "domain": "with username: the domain's path",
    "apikey": "whom requests are from",
    "secretkey": "what requests are signed with",
    "signaturealgorithm": "how requests are signed",
    "verifycert": "whether the server's certificate must be right (default true)",
    "cacert": "a file of certificates to trust",
    "error_format": "errors as sentences (text, default), or with json and jsonl as objects (json)",
    "timeout": "seconds to wait for a job, 0 for ever (default 1800)",
    "output": "the format of answers (default json)",
    "asyncblock": "whether jobs are waited for (default true)",
    "postrequest": "whether requests are posted (default true), or in the URL",
    "savesession": "whether a session outlives the command",
    "keyring": "whether the keyring has the secrets",
}

#: Settings of the shell, for all servers.
OF_SHELL = {
    "prompt": "the prompt's face, or all of it with {profile}, {user} and {zone} in it",
    "autocomplete": "whether servers are asked for what can be completed (default true)",
    "debug": "whether it is told on stderr what happens, as with -d (default false)",
    "pager": "whether what is longer than the screen goes through $PAGER (default on)",
}

#: Settings of the core section: those of the shell, and what profiles inherit.
OF_CORE = {
    "profile": "the profile in use",
    **OF_SHELL,
    **{name: OF_PROFILE[name] for name in ("output", "error_format", "timeout", "asyncblock")},
}

#: Of these there is one for each noun: columns.virtualmachine.
COLUMNS = "columns."

#: Words of one's own for the beginnings of lines: alias.lv.
ALIAS = "alias."

#: What CloudMonkey calls settings, too.
ALIASES = {"display": "output"}

ALL = {**OF_CORE, **OF_PROFILE}

#: Settings that are one of these.
VALUES = {
    "output": (*FORMATS, "default"),
    "error_format": ("text", "json"),
    "asyncblock": ("true", "false"),
    "verifycert": ("true", "false"),
    "postrequest": ("true", "false"),
    "savesession": ("true", "false"),
    "keyring": ("true", "false"),
    "signaturealgorithm": ("sha1", "sha512", "auto"),
    "debug": ("true", "false"),
    "pager": ("on", "off"),
    "autocomplete": ("true", "false"),
}
