"""The flags of every line, in one table: the command line, the help and completion are read off it.

Without click, whose import alone is several times what an answer to the Tab key may take.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Flag(NamedTuple):
    """One flag: `--output`, `-o`, what its value is called ("" for none), what it does."""

    long: str
    short: str = ""
    value: str = ""
    about: str = ""

    @property
    def name(self) -> str:
        """As Python and the tables of built-ins write it: `dry_run`."""
        return self.long.removeprefix("--").replace("-", "_")

    @property
    def undoes(self) -> bool:
        """Whether this is the other half of a flag: `--no-block` of `--block`."""
        return self.long.startswith("--no-") and f"--{self.long[5:]}" in BY_WORD


#: Flags that go with any line, in the order in which the help tells them.
GENERAL = (
    Flag("--profile", "-p", "NAME", "the profile to use ('lab' always exists)"),
    Flag("--url", "-u", "URL", "the server: lab:, lab:/path, or https://HOST/client/api"),
    Flag("--apikey", "-k", "KEY", "whom requests are from; a profile keeps it safer"),
    Flag("--secretkey", "-s", "SECRET", "what requests are signed with; likewise"),
    Flag("--config", "-c", "FILE", "the config file (default ~/.cmk/config)"),
    Flag(
        "--output",
        "-o",
        "FORMAT",
        "json (default), jsonl, csv, table, wide, column, text, value, xml",
    ),
    Flag("--error-format", "", "text|json", "with json or jsonl: errors as objects, too"),
    Flag("--block", "-b", about="wait for a job's result (default)"),
    Flag("--no-block", "-n", about="print a job's jobid and go on"),
    Flag("--timeout", "-t", "SECONDS", "how long to wait for a job (0: for ever; default 1800)"),
    Flag("--all", about="fetch all pages of a list (default)"),
    Flag("--no-all", about="fetch the first page of a list"),
    Flag("--file", "-f", "FILE", "run the lines of a file, up to the first error"),
    Flag("--keep-going", about="run the other lines too after an error"),
    Flag("--parallel", "", "N", "with -f: so many jobs at once"),
    Flag("--set", "", "NAME=VALUE", "what $NAME is in the lines of a file"),
    Flag("--dry-run", about="tell what would be sent"),
    Flag("--curl", about="tell the call as one of curl's, signed"),
    Flag("--force-params", about="send parameters that the API does not have, too"),
    Flag("--no-color", about="no colours (also NO_COLOR)"),
    Flag("--quiet", "-q", about="tell nothing of how things are getting on"),
    Flag("--debug", "-d", about="tell on stderr what happens, and show tracebacks"),
    Flag("--help", "-h", about="this page; after a command, that command's"),
    Flag("--version", "-v", about="the version"),
)

#: Flags that some built-ins take; their table says which.
OF_BUILTINS = (
    Flag("--login", "-l", "USER", "as whom"),
    Flag("--cpu", "", "N", "how many CPUs (default 1)"),
    Flag("--memory", "", "MIB", "how much memory (default 1024)"),
    Flag("--disk", "", "GIB", "the size of its disk (default: the image's)"),
    Flag("--key", "", "FILE", "a public key that it lets in, beside the lab's own"),
    Flag("--user-data", "", "FILE", "what it does at its first boot"),
    Flag("--ssh", about="a shell in it, when it lets somebody in"),
    Flag("--rm", about="the same, and remove it afterwards"),
    Flag("--log", about="print what the console has shown, and leave"),
    Flag("--follow", about="print what the console shows, as it comes"),
    Flag("--wait", "", "REGEX", "until the console has shown this"),
    Flag("--every", "", "SECONDS", "how often a line is run again (default 2)"),
    Flag("--keyring", about="keep the secrets in the keyring"),
    Flag("--full", about="try all bytes"),
    Flag("--yes", "-y", about="ask nothing"),
    Flag("--renew", about="make new ones; the old are good no more"),
    Flag("--account", "", "NAME", "of this account (/DOMAIN/NAME for one in a domain)"),
    Flag("--once", about="for one command, on a fresh lab"),
    Flag("--host", "", "ADDRESS", "where to listen (default 127.0.0.1)"),
    Flag("--port", "", "PORT[:PORT]", "the port (0: any that is free); with vm: one that leads in"),
    Flag("--tls-cert", "", "FILE", "the certificate of https"),
    Flag("--tls-key", "", "FILE", "its key"),
    Flag("--insecure", about="listen where others are, without TLS"),
    Flag("--ready-fd", "", "FD", "where to write the port when it listens"),
    Flag("--integration-port", "", "PORT", "where programs on this machine are the admin"),
    Flag("--no-guests", about="VMs are only written down, for machines without QEMU"),
    Flag("--ui", "", "DIR", "the web UI's built files, for browsers"),
    Flag("--repair", about="mend what is found"),
    Flag("--install", about="put it where the shell finds it"),
    Flag("--pieces", about="with checksums of pieces"),
    Flag("--location", "", "PLACE", "a mirror of a country: de=URL"),
)

FLAGS = (*GENERAL, *OF_BUILTINS)

#: By each way of writing it.
BY_WORD = {word: flag for flag in FLAGS for word in (flag.long, flag.short) if word}


def takes_value(word: str) -> bool:
    """Whether the next word is this one's value."""
    flag = BY_WORD.get(word)
    return flag is not None and bool(flag.value)


def values_of(words: Iterable[str]) -> Iterator[tuple[Flag, str]]:
    """The flags with values among some words, in any of the ways to write them."""
    wanted: Flag | None = None
    for word in words:
        if wanted is not None:
            yield wanted, word
            wanted = None
            continue
        name, equals, value = word.partition("=")
        if word == "--":
            return
        if equals and name.startswith("--") and takes_value(name):
            yield BY_WORD[name], value
        elif takes_value(word):
            wanted = BY_WORD[word]
        elif takes_value(word[:2]) and not word.startswith("--"):
            yield BY_WORD[word[:2]], word[2:].removeprefix("=")


def first_word(argv: list[str]) -> int | None:
    """Where the first word stands that is neither a flag nor a flag's value."""
    is_value = False
    for place, word in enumerate(argv):
        if is_value:
            is_value = False
        elif word == "--":
            return place + 1 if place + 1 < len(argv) else None
        elif word[:1] != "-" or word == "-":
            return place
        elif word.startswith("--"):
            is_value = "=" not in word and takes_value(word)
        else:
            letters = [BY_WORD.get(f"-{letter}") for letter in word[1:]]
            valued = [n for n, flag in enumerate(letters) if flag is not None and flag.value]
            is_value = valued[:1] == [len(letters) - 1]
    return None


def secret_at(word: str) -> int | None:
    """Where among short flags the value of -k or -s begins; at the word's end it is the next word.
    None where there is none."""
    if word in ("--apikey", "--secretkey"):
        return len(word)
    for place, letter in enumerate(word[1:] if word[:2] != "--" else "", 2):
        flag = BY_WORD.get(f"-{letter}") if word[0] == "-" else None
        if flag is None:
            return None
        if flag.value:
            return place if flag.name in ("apikey", "secretkey") else None
    return None


def lines() -> list[tuple[str, str]]:
    """The left and the right side of each flag's line in the help."""
    return [
        (f"{f.short + ', ' if f.short else '    '}{f.long} {f.value}".rstrip(), f.about)
        for f in GENERAL
    ]
