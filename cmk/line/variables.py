"""`$NAME` in a file of lines, and lines whose answer gets a name: `Z = list zones filter=id`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cmk.errors import UsageError
from cmk.line.reading import read

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_REFERENCE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


class Variables:
    """What `$NAME` stands for: what lines or `--set` have named, else the environment's."""

    def __init__(self, environment: Mapping[str, str], named: Mapping[str, str]) -> None:
        self._environment = environment
        self._named = dict(named)

    def put(self, name: str, value: str) -> None:
        """Name a value, for the lines that follow."""
        self._named[name] = value

    def expand(self, text: str) -> str:
        """A text with the values in the place of their names; never more words than it was.

        Raises UsageError for a name that stands for nothing.
        """
        return _REFERENCE.sub(self._value, text) if "$" in text else text

    def _value(self, found: re.Match[str]) -> str:
        name = found[1] or found[2]
        value = self._named.get(name, self._environment.get(name))
        if value is None:
            raise UsageError(
                f"${name} stands for nothing: no line, --set or variable has that name.",
                f"A literal ${name} is written '${name}', in single quotes.",
            )
        return value


def said(settings: tuple[str, ...]) -> dict[str, str]:
    """`--set NAME=VALUE`, each. Raises UsageError for what is none."""
    found = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals or not _NAME.match(name):
            raise UsageError(f"--set {name} is not NAME=VALUE.")
        found[name] = value
    return found


def capture_of(line: str) -> tuple[str, str]:
    """The name that a line gives to its answer, and the line behind that; "" for none."""
    words = read(line)[0].words
    if len(words) < 2 or words[1].raw != "=" or not _NAME.match(words[0].raw):
        return "", line
    if len(words) == 2:
        raise UsageError(
            f"{words[0].text} = names no line.", "For example: Z = list zones filter=id"
        )
    return words[0].text, line[words[2].start :]
