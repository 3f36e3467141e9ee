"""Cloud images by short names: those that cmk knows, and those that the user has added."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import NamedTuple

from cmk.errors import ConfigurationError

SHIPPED = Path(__file__).with_name("catalog.ini")

_KEYS = frozenset(["is", "url", "user", "os", "about", "checksum"])


class CloudImage(NamedTuple):
    """One image: where it is, who is let in, CloudStack's OS type, what its digest is (`auto`: what
    is published beside it)."""

    name: str
    url: str
    user: str = ""
    os: str = ""
    about: str = ""
    checksum: str = "auto"


def images(own: Path | None = None) -> dict[str, CloudImage]:
    """All of them by name; those in the user's `own` file, which need not be there, come before
    cmk's. Raises ConfigurationError for a file that cannot be read."""
    parser = configparser.ConfigParser(interpolation=None)
    for path in (SHIPPED, own):
        if path is None or not path.exists():
            continue
        try:
            parser.read_string(path.read_text("utf-8"), str(path))
        except (OSError, ValueError, configparser.Error) as problem:
            told = str(problem).splitlines()[0]
            raise ConfigurationError(f"The file of images {path} cannot be read: {told}") from None
    return {name: _image(parser, name) for name in parser.sections()}


def _image(parser: configparser.ConfigParser, name: str) -> CloudImage:
    entry = parser[name]
    unknown = set(entry) - _KEYS
    if unknown:
        raise ConfigurationError(
            f"The image {name} has {', '.join(sorted(unknown))}; an image has "
            f"{', '.join(sorted(_KEYS))}."
        )
    if "is" in entry:
        meant = entry["is"]
        if meant not in parser or "is" in parser[meant]:
            raise ConfigurationError(f"The image {name} is {meant}, which there is none of.")
        return _image(parser, meant)._replace(name=name, about=f"the same as {meant}")
    if "url" not in entry:
        raise ConfigurationError(f"The image {name} has no url.")
    return CloudImage(name=name, **dict(entry))
