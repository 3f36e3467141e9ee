"""Lines as they may be shown and remembered: without the secrets in them."""

from __future__ import annotations

from cmk.errors import UsageError
from cmk.line.flags import secret_at, takes_value
from cmk.line.language import join
from cmk.line.reading import split
from cmk.masks import HIDDEN, hidden, is_secret, mask


def masked(words: list[str]) -> list[str]:
    """The words of a line as they may be seen: one for each."""
    params = dict(word.partition("=")[::2] for word in words if "=" in word)
    names = [word.lower() for word in _without_flags(words) if "=" not in word]
    names = names[1:] if names[:1] == ["cmk"] else names
    verb = names[0] if names else ""
    inner = _of_alias(words, names)
    if inner:
        return [*words[:inner], *_inner(words[inner:])]
    safe = mask(params, verb)
    shown: list[str] = []
    is_next = False  # a flag's value
    is_rest = False  # of a setting, which may have several words
    before = ""
    passwords = names[2:] if verb == "login" else []  # who logs in is asked for it, and may forget
    for word in words:
        name, equals, _ = word.partition("=")
        at = secret_at(word)
        if is_next or is_rest or word in passwords:
            shown.append(HIDDEN)
        elif at is not None:
            shown.append(word[:at] + (HIDDEN if at < len(word) else ""))
        else:
            shown.append(f"{name}={safe[name]}" if equals else hidden("", word))
        is_next = at == len(word) and not is_next
        # Behind another `set` too, which is no good line: `watch set password …`, `… && set …`.
        is_set = verb == "set" or before == "set"
        is_rest = is_rest or (is_set and not equals and is_secret(word))
        before = word.lower()
    return shown


def _of_alias(words: list[str], names: list[str]) -> int:
    """Where the line begins that an alias is to stand for; 0 where none is made."""
    is_one = names[:1] == ["alias"] or (
        names[:1] == ["set"] and names[1:2] and (names[1].startswith("alias."))
    )
    if not is_one or len(names) < 2:
        return 0
    at = next(i for i, word in enumerate(words) if word.lower() == names[0]) + 2
    return at if at < len(words) else 0


def _inner(words: list[str]) -> list[str]:
    """A line inside a line: as words, or as one that holds them."""
    if len(words) != 1:
        return masked(words)
    try:
        return [join(masked(split(words[0])))] if has_secret(words[0]) else words
    except UsageError:  # nobody can tell what is secret in it
        return [HIDDEN]


def has_secret(line: str) -> bool:
    """Whether a line holds what must not be shown. Raises UsageError for one that is none."""
    words = split(line)
    return masked(words) != words


def _without_flags(words: list[str]) -> list[str]:
    """The words of the command itself."""
    return [
        word
        for before, word in zip(["", *words], words, strict=False)
        if not word.startswith("-") and not takes_value(before)
    ]
