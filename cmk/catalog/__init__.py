"""What a backend can do: its APIs, their parameters and fields, and how to find them by name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from cmk.errors import Unknown, UsageError

# Named tuples, not data classes, here and wherever the Tab key's answer passes: `dataclasses`
# imports `inspect`, which takes as long as Python itself needs to start.


class Param(NamedTuple):
    """One parameter of an API, as `listApis` describes it."""

    name: str
    type: str
    description: str = ""
    required: bool = False
    values: tuple[str, ...] = ()
    related: str = ""  # the list API that has its ids
    since: str = ""


class Field(NamedTuple):
    """One field of an API's response."""

    name: str
    type: str
    description: str = ""


class Api(NamedTuple):
    """One API: what it takes, what it answers, and whether it answers with a job."""

    name: str
    description: str = ""
    params: tuple[Param, ...] = ()
    fields: tuple[Field, ...] = ()
    isasync: bool = False
    since: str = ""
    note: str = ""  # where this backend differs from CloudStack, if it does
    related: str = ""

    def param(self, name: str) -> Param | None:
        wanted = name.lower()
        return next((param for param in self.params if param.name.lower() == wanted), None)

    @property
    def verb(self) -> str:
        """The leading lower-case run of the name (`list` of `listZones`)."""
        return verb_and_noun(self.name)[0]

    @property
    def noun(self) -> str:
        """The rest of the name in lower case (`zones` of `listZones`)."""
        return verb_and_noun(self.name)[1]


def verb_and_noun(name: str) -> tuple[str, str]:
    """`prepareHostForMaintenance` -> `prepare`, `hostformaintenance`."""
    verb = re.match(r"[a-z]*", name)
    cut = verb.end() if verb else 0
    return name[:cut], name[cut:].lower()


class Catalog:
    """The APIs of one backend, found by one word or by verb and noun, in any case."""

    def __init__(self, apis: Iterable[Api]) -> None:
        self._apis = {api.name.lower(): api for api in apis}

    def all(self) -> list[Api]:
        """Every API, by name."""
        return sorted(self._apis.values(), key=lambda api: api.name.lower())

    def get(self, name: str) -> Api | None:
        """An API by its name, or by one with a short word for its noun: `listvms`."""
        found = self._named(name)
        if found is None:
            from cmk.catalog.nouns import lengthened

            ways = map(self._named, lengthened(name.lower()))
            found = next((api for api in ways if api is not None), None)
        return found

    def _named(self, name: str) -> Api | None:
        return self._apis.get(name.lower())

    def described(self, name: str) -> Api | None:
        """The same with all that is known of it, where `get` spares that."""
        return self.get(name)

    def names(self) -> list[str]:
        """The names of all APIs."""
        return [api.name for api in self._apis.values()]

    def summaries(self) -> dict[str, str]:
        """What each API does, by its name."""
        return {api.name: api.description for api in self._apis.values()}

    def nouns(self, verb: str) -> list[str]:
        """The nouns that go with a verb, sorted."""
        split = map(verb_and_noun, self.names())
        return sorted(noun for known, noun in split if known == verb.lower())

    def verbs(self) -> list[str]:
        """All verbs, sorted."""
        return sorted({verb_and_noun(name)[0] for name in self.names()})

    def find(self, words: tuple[str, ...]) -> Api:
        """The API that a line's first words name. Raises UsageError with what was perhaps meant."""
        api = self.get("".join(words)) if len(words) <= 2 else None
        if api is not None:
            return api
        typed = " ".join(words)
        if len(words) > 2 and self.get("".join(words[:2])):
            raise UsageError(f"'{words[2]}' is not key=value.", self._instead(words))
        nouns = self.nouns(words[0])
        if len(words) == 1 and nouns:
            more = f", … ({len(nouns) - _TOLD} more: cmk help {words[0]})" if nouns[_TOLD:] else ""
            raise UsageError(f"{words[0]} what?", f"One of: {', '.join(nouns[:_TOLD])}{more}")
        near = self._similar(words, nouns)
        every = f"cmk help {words[0].lower()}" if nouns else "cmk help"
        hint = f"Did you mean {near}?" if near else f"All of them: {every}"
        raise Unknown(f"There is no command '{typed}'.", hint, near)

    def _instead(self, words: tuple[str, ...]) -> str:
        """What is written in place of a third word."""
        api = self.get("".join(words[:2]))
        if api is not None and api.param("id"):
            return f"By its name: {api.verb} {api.noun} id=name:{words[2]}"
        return "Parameters are written key=value; quote spaces."

    def _similar(self, words: tuple[str, ...], nouns: list[str]) -> str:
        if len(words) >= 2 and not nouns and words[0].lower() not in _LIKE:
            verb = similar(words[0].lower(), self.verbs())
            if verb and self.get(verb + words[1]) is not None:
                return f"'{verb} {words[1].lower()}'"
        if len(words) >= 2 and (nouns or words[0].lower() in _LIKE):
            return self._of_verb(words[0].lower(), words[1].lower(), nouns)
        verb = similar(words[0].lower(), self.verbs(), 0.75) if len(words) == 1 else ""
        if verb:
            return f"'{verb}'"
        split = [verb_and_noun(name) for name in self.names()]
        near = similar(" ".join(words[:2]).lower(), [f"{verb} {noun}" for verb, noun in split])
        if not near:
            joined = {verb + noun: f"{verb} {noun}" for verb, noun in split}
            near = joined.get(similar("".join(words[:2]).lower(), list(joined)), "")
        return f"'{near}'" if near else ""

    def _of_verb(self, verb: str, noun: str, nouns: list[str]) -> str:
        """The noun that is meant, or the verb that goes with this one."""
        stem = noun.rstrip("s")
        called = _NICKNAMES.get(stem, stem)
        for other in (verb, *_LIKE.get(verb, ())):
            for thing in (noun, called, f"{called}s"):
                if self._named(other + thing):
                    return f"'{other} {thing}'"
        near = similar(noun, nouns, 0.7)
        if not near:
            from cmk.catalog.nouns import SHORT

            short = similar(noun, [*SHORT, *(f"{each}s" for each in SHORT)], 0.75)
            near = short if short and self.get(verb + short) is not None else ""
        return f"'{verb} {near}'" if near else ""


#: What people call things.
_NICKNAMES = {
    "vm": "virtualmachine",
    "instance": "virtualmachine",
    "pool": "storagepool",
    "offering": "serviceoffering",
}

#: Verbs that stand for another with some things.
_LIKE = {
    "add": ("create", "register"),
    "create": ("deploy", "add", "register"),
    "delete": ("destroy", "remove"),
    "destroy": ("delete",),
    "get": ("list",),
    "remove": ("delete", "destroy"),
    "restart": ("reboot",),
}


#: So many nouns of a verb are told to whoever has typed the verb alone.
_TOLD = 30

#: So long a mistyped word, and so many known ones, are compared: enough for any real catalog.
_WORD, _KNOWN = 100, 20_000


def similar(word: str, known: Iterable[str], least: float = 0.6) -> str:
    """The known word nearest to a mistyped one, or nothing; `least` says how near, up to 1."""
    from difflib import get_close_matches
    from itertools import islice

    # Of much shorter or longer ones no such share of the letters can be the same.
    shortest, longest = len(word) * least / (2 - least), len(word) * (2 - least) / least
    fitting = (one for one in known if shortest <= len(one) <= longest)
    near = get_close_matches(word[:_WORD], list(islice(fitting, _KNOWN)), n=1, cutoff=least)
    return near[0] if near else ""


def nearest(word: str, known: list[str], most: int) -> list[str]:
    """So many known words, those that are most like this one first."""
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, "", word[:_WORD].lower())

    def likeness(other: str) -> float:
        matcher.set_seq1(other[:_WORD].lower())
        return matcher.ratio()

    if len(known) > 1000:  # of very many, only what begins alike is compared
        known = [one for one in known if one[:1].lower() == word[:1].lower()] or known
    return sorted(known[:2000], key=likeness, reverse=True)[:most]
