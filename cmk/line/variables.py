"""`$NAME` in a file of lines, and lines whose answer gets a name: `Z = list zones filter=id`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cmk.errors import UsageError
from cmk.line.language import normal_key
from cmk.line.reading import read
from cmk.masks import is_secret

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_REFERENCE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


class Variables:
    """What `$NAME` stands for: what lines or `--set` have named, else the environment's."""

    def __init__(self, environment: Mapping[str, str], named: Mapping[str, str]) -> None:
        self._environment = environment
        self._named: dict[str, str | None] = dict(named)
        #: What the line in hand has used, by its name.
        self._used: dict[str, str] = {}

    def put(self, name: str, value: str | None) -> None:
        """Name a value, for the lines that follow; None: it stands for nothing, not even for what
        it stood for before."""
        self._named[name] = value

    def begin(self) -> None:
        """A new line."""
        self._used.clear()

    def without_values(self, text: str) -> str:
        """A text about the line in hand, with names in the place of values that may be secrets:
        those of the environment, and of names that say so."""
        for name, value in self._used.items():
            if len(value) > 3 and (name not in self._named or is_secret(name)):
                text = text.replace(value, f"${name}")
        return text

    def expand(self, text: str) -> str:
        """A text with the values in the place of their names; never more words than it was.

        Raises UsageError for a name that stands for nothing.
        """
        return _REFERENCE.sub(self._value, text) if "$" in text else text

    def _value(self, found: re.Match[str]) -> str:
        name = found[1] or found[2]
        known = self._named if name in self._named else self._environment
        value = known.get(name)
        if value is None:
            raise UsageError(
                f"${name} stands for nothing: no line, --set or variable has that name.",
                f"A literal ${name} is written '${name}', in single quotes.",
            )
        self._used[name] = value
        return value


def literal_in(typed: list[str], meant: list[str]) -> frozenset[str]:
    """The parameters of a line whose values came from names and look like more than text: what
    begins with `@` or `name:` counts only where a line itself says it."""
    found = set()
    for before, after in zip(typed, meant, strict=True):
        key, equals, value = after.partition("=")
        own = before.partition("=")[2]
        marks = [mark for mark in ("@", "name:") if value.startswith(mark) or f",{mark}" in value]
        if equals and before != after and any(mark not in own[: len(mark)] for mark in marks):
            found.add(normal_key(key))
    return frozenset(found)


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
