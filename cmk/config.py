"""The config file (CloudMonkey's INI) and the choice of the server a line goes to.

    profile = prod                core keys, before any section
    output = table
    [prod]                        one section a profile
    url = https://cloud/client/api

The server and its credentials come as one set from the first place that names a server: flags,
`-p`, CMK_PROFILE, CMK_URL, CLOUDSTACK_ENDPOINT, the file's current profile. Nothing is borrowed
from a later place: a wrong answer here would destroy the wrong VM.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cmk.environment import Environment
from cmk.errors import ConfigurationError, NoServer

FORMATS = ("json", "table", "csv", "value")

#: Go CloudMonkey keeps its defaults under this name in the file; it is the core section.
_CORE = "core"
_SECTION = re.compile(r"\[([^\]]+)\]\s*\Z")

_WAYS = (
    "Say where the line goes: CMK_URL=lab: or CMK_URL=https://HOST/client/api in the environment, "
    "CLOUDSTACK_ENDPOINT as for cs and Ansible, or -p lab for the lab on this machine."
)


@dataclass(frozen=True)
class Profile:
    """Where lines go, and how their results are shown."""

    name: str
    url: str
    settings: Mapping[str, str] = field(default_factory=dict)
    chosen_by: str = ""

    @property
    def is_lab(self) -> bool:
        return self.url.startswith("lab:")


class Config:
    """A config file as it was read; an absent file is an empty one."""

    def __init__(self, path: Path, sections: dict[str, dict[str, str]]) -> None:
        self.path = path
        self.core = sections.get(_CORE, {})
        self.profiles = {name: keys for name, keys in sections.items() if name != _CORE}

    @classmethod
    def read(cls, path: Path) -> Config:
        """Raises ConfigurationError, with the line's number, for what is not INI."""
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            return cls(path, {})
        except (OSError, UnicodeDecodeError) as problem:
            raise ConfigurationError(f"Cannot read {path}: {problem}") from None
        return cls(path, _sections(path, text))

    def profile(self, name: str, chosen_by: str) -> Profile:
        """A profile by name; `lab` exists even where the file does not mention it."""
        keys = self.profiles.get(name)
        if keys is None and name == "lab":
            keys = {"url": "lab:"}
        if keys is None:
            known = ", ".join(sorted({*self.profiles, "lab"}))
            raise ConfigurationError(
                f"There is no profile '{name}' in {self.path} ({chosen_by}).", f"Known: {known}"
            )
        url = keys.get("url", "")
        if not url:
            raise ConfigurationError(f"Profile '{name}' in {self.path} has no url.")
        return Profile(name, url, {**self.core, **keys}, chosen_by)


def _sections(path: Path, text: str) -> dict[str, dict[str, str]]:
    """INI with keys before the first section, no interpolation, every error with its line.

    configparser reads no unnamed section before Python 3.13, and names no line for a bad value.
    """
    sections: dict[str, dict[str, str]] = {}
    current = sections.setdefault(_CORE, {})
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        header = _SECTION.match(line)
        if header:
            current = sections.setdefault(header[1].strip(), {})
            continue
        key, equals, value = line.partition("=")
        if not equals or not key.strip():
            raise ConfigurationError(
                f"{path}, line {number} is neither [section] nor key = value: {_shown(line)}"
            )
        current[key.strip().lower()] = value.strip()
    return sections


def _shown(line: str) -> str:
    """A broken line may be half a secret: enough of it to find it, no more."""
    return line[:12] + "…" if len(line) > 12 else line


def choose(environment: Environment, config: Config, url: str = "", profile: str = "") -> Profile:
    """The one server of this call. Raises ConfigurationError where no place names one."""
    variables = environment.variables
    if url:
        return Profile("", url, config.core, "-u")
    if profile:
        return config.profile(profile, "-p")
    if variables.get("CMK_PROFILE"):
        return config.profile(variables["CMK_PROFILE"], "CMK_PROFILE")
    for name in ("CMK_URL", "CLOUDSTACK_ENDPOINT"):
        if variables.get(name):
            return Profile("", variables[name], config.core, name)
    current = config.core.get("profile", "")
    if current and (current in config.profiles or current == "lab"):
        return config.profile(current, f"profile = {current} in {config.path}")
    if current:
        raise ConfigurationError(
            f"{config.path} says profile = {current}, but has no section [{current}]."
        )
    if environment.input_is_terminal and environment.error_is_terminal:
        environment.say("No server is configured: using the lab on this machine (-p lab).")
        return config.profile("lab", "nothing configured")
    raise NoServer("No server is configured.", _WAYS)
