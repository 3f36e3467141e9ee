"""The config file: CloudMonkey's INI.

profile = prod                core keys, before any section
output = table
[prod]                        one section a profile
url = https://cloud/client/api
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, TextIO

from cmk.config.settings import ALIASES
from cmk.errors import ConfigurationError
from cmk.files import make_directory, put, read
from cmk.masks import lets_in

#: Go CloudMonkey keeps its defaults under this name in the file; it is the core section.
_CORE = "core"
#: What the core section must not hand down to profiles: it would go to the wrong server.
_OF_ONE_SERVER = ("url", "username", "password", "domain", "apikey", "secretkey", "keyring")

#: What may stand around a value.
_QUOTES = ('"', "'", "`")

_SECTION = re.compile(r"\[([^\]]+)\]\s*\Z")


class Profile(NamedTuple):
    """Where lines go, and how their results are shown."""

    name: str
    url: str
    settings: Mapping[str, str] = MappingProxyType({})
    chosen_by: str = ""

    @property
    def is_lab(self) -> bool:
        return self.url.startswith("lab:")


class Config:
    """A config file as it was read; an absent file is an empty one."""

    def __init__(self, path: str, sections: dict[str, dict[str, str]]) -> None:
        self.path = path
        self.core = sections.get(_CORE, {})
        self.profiles = {name: keys for name, keys in sections.items() if name != _CORE}

    @classmethod
    def read(cls, file: str | os.PathLike[str]) -> Config:
        """Raises ConfigurationError, with the line's number, for what is not INI."""
        path = os.fspath(file)
        return cls(path, _sections(path, _text_of(path)))

    def profile(self, name: str, chosen_by: str) -> Profile:
        """A profile by name; `lab` exists even where the file does not mention it."""
        keys = self.profiles.get(name)
        if keys is None and name == "lab":
            keys = {"url": "lab:"}
        if keys is None:
            known = ", ".join(self.names)
            raise ConfigurationError(
                f"There is no profile '{name}' in {self.path} ({chosen_by}).", f"Known: {known}"
            )
        url = keys.get("url", "")
        if not url:
            raise ConfigurationError(f"Profile '{name}' in {self.path} has no url.")
        return without_user(Profile(name, url, {**self.inherited, **keys}, chosen_by))

    @property
    def names(self) -> tuple[str, ...]:
        """Of all profiles."""
        return tuple(sorted({*self.profiles, "lab"}))

    @property
    def inherited(self) -> dict[str, str]:
        """The core section without what belongs to one server."""
        return {k: v for k, v in self.core.items() if k not in _OF_ONE_SERVER}

    def write(self, section: str, values: Mapping[str, str | None]) -> None:
        """Set keys of a section ("" is the core one), None removes one; all else stays as it is.

        Raises ConfigurationError where the file cannot be written.
        """
        for key, value in values.items():
            if not (value or "").isprintable() or not re.fullmatch(r"[\w.-]+", key):
                raise ConfigurationError(f"'{key}' cannot be a line of {self.path}.")
        self._change(lambda lines: _with_keys(lines, section or _CORE, dict(values)))

    def remove(self, section: str) -> None:
        """Take a profile out."""
        self._change(lambda lines: _without(lines, section))

    def rename(self, section: str, name: str) -> None:
        """Give a profile another name."""

        def change(lines: list[str]) -> list[str]:
            return [f"[{name}]" if _header(line) == section else line for line in lines]

        self._change(change)

    def _change(self, change: Callable[[list[str]], list[str]]) -> None:
        """Read, change and replace the file, alone, atomically, and for its owner's eyes only."""
        try:
            make_directory(os.path.dirname(self.path))
            with _lock(self.path):
                text = _text_of(self.path)
                fresh = "\n".join(change(text.split("\n"))).rstrip("\n") + "\n"
                if fresh != text:
                    put(self.path, fresh)
        except OSError as problem:
            raise ConfigurationError(
                f"Cannot write {self.path}: {problem.strerror or problem}."
            ) from None
        again = Config.read(self.path)
        self.core, self.profiles = again.core, again.profiles


def _text_of(path: str) -> str:
    try:
        return read(path).decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        return ""
    except OSError as problem:
        raise ConfigurationError(f"Cannot read {path}: {problem.strerror}.") from None
    except UnicodeDecodeError as problem:
        raise ConfigurationError(f"Cannot read {path}: {problem}") from None


def _lock(path: str) -> TextIO:
    """Alone with the file until what this returns is closed."""
    import fcntl

    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    lock = os.fdopen(descriptor, "a")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _header(line: str) -> str | None:
    found = _SECTION.match(line.strip())
    return found[1].strip() if found else None


def _with_keys(lines: list[str], section: str, values: dict[str, str | None]) -> list[str]:
    """The lines with keys of one section changed in place, new ones at the section's end."""
    out: list[str] = []
    done: set[str] = set()
    current, end = _CORE, 0 if section == _CORE else None
    for line in lines:
        current = _header(line) or current
        key = line.partition("=")[0].strip().lower()
        mine = current == section and "=" in line and line.strip()[:1] not in ("#", ";", "[")
        if mine and key in values:
            value = values[key]
            if value is None or key in done:  # of several, the last would count
                continue
            done.add(key)
            line = f"{line.partition('=')[0].rstrip()} = {_quoted(value)}"
        out.append(line)
        if current == section and line.strip():
            end = len(out)
    if end is None:
        out += ["", f"[{section}]"] if out else [f"[{section}]"]
        end = len(out)
    new = [f"{k} = {_quoted(v)}" for k, v in values.items() if v is not None and k not in done]
    return out[:end] + new + out[end:]


def _without(lines: list[str], section: str) -> list[str]:
    out, current = [], _CORE
    for line in lines:
        current = _header(line) or current
        if current != section:
            out.append(line)
    return out


def _sections(path: str, text: str) -> dict[str, dict[str, str]]:
    """INI with keys before the first section, no interpolation, every error with its line.

    configparser reads no unnamed section before Python 3.13, and names no line for a bad value.
    """
    sections: dict[str, dict[str, str]] = {}
    current = sections.setdefault(_CORE, {})
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        header = _header(line)
        if header is not None:
            current = sections.setdefault(header, {})
            continue
        key, equals, value = line.partition("=")
        if not equals or not key.strip():
            # What it says is not shown: it may be half a secret.
            raise ConfigurationError(f"{path}, line {number} is neither [section] nor key = value.")
        current[key.strip().lower()] = _unquoted(value.strip())
    for keys in sections.values():
        for alias, name in ALIASES.items():
            if alias in keys:
                keys.setdefault(name, keys.pop(alias))
    return sections


def _unquoted(value: str) -> str:
    """A value out of the quotes that Go's CloudMonkey, too, puts around some."""
    mark = value[:1]
    if len(value) > 1 and mark in _QUOTES and value.find(mark, 1) == len(value) - 1:
        return value[1:-1]
    return value


def _quoted(value: str) -> str:
    """A value as a line may have it: in quotes where it would be another without them."""
    if value == value.strip() == _unquoted(value):
        return value
    for mark in _QUOTES:
        if mark not in value:
            return f"{mark}{value}{mark}"
    raise ConfigurationError(
        "A value with blanks at its ends and all of \" ' ` in it cannot be kept in the file."
    )


def without_user(profile: Profile) -> Profile:
    """The same. Raises ConfigurationError where its URL tells a password to whoever sees it."""
    if lets_in(profile.url):
        raise ConfigurationError(
            f"The url ({profile.chosen_by}) holds a user or a password or a key, which would be "
            "shown wherever it is.",
            "Keep them beside it: username= and password=, or apikey= and secretkey=, in a profile",
        )
    return profile
