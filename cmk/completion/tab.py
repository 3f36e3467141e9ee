"""`cmk __complete SHELL COMMAND [KEY]`: the Tab key of bash, zsh and fish.

COMMAND is the word in the line that is us, KEY how bash was asked (COMP_TYPE). In the environment,
where nobody else can see them, are the line up to the cursor, CMK_LINE, the whole line, CMK_WHOLE,
and the part of the unfinished word that the shell replaces, CMK_CURRENT (bash breaks words at `=`
and `:`). The answer is a line a candidate:

    bash   WHAT IS PUT IN
    zsh    WHAT IS PUT IN <TAB> what is shown <TAB> a word about it
    fish   WHAT IS PUT IN, unquoted <TAB> a word about it
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

from cmk.catalog import Catalog, index
from cmk.completion.engine import Candidate, Row, Values, complete, days
from cmk.completion.names import NamesOnDisk
from cmk.completion.paths import paths
from cmk.completion.place import Place, place_of
from cmk.config.choice import choose
from cmk.config.file import Config, Profile
from cmk.environment import Environment
from cmk.errors import ConfigurationError, NoServer, UsageError
from cmk.line.flags import values_of
from cmk.line.lookup import PREFIX

#: What bash and zsh expand between double quotes.
_IN_QUOTES = '"\\$`'

#: What bash's words end at besides spaces.
_BREAKS = ("=", ":", "@")

#: COMP_TYPE of a key that puts candidates in one after the other, whole.
_MENU = "37"


def main(words: list[str], environment: Environment) -> int:
    """Answer, and return the exit status; the scripts let nobody see what goes wrong."""
    try:
        run(words, environment)
    except Exception as problem:
        from cmk.reporting import report

        return report(problem, environment, debug=False)
    return 0


def run(words: list[str], environment: Environment) -> None:
    """Answer on stdout; an error of the user's configuration is told when a line is run.

    Raises UsageError for words that are none of these shells'.
    """
    answer = _SHELLS.get(words[0]) if words else None
    variables = environment.variables
    if answer is None or not 2 <= len(words) <= 3 or "CMK_LINE" not in variables:
        raise UsageError(
            "It is CMK_LINE=… CMK_CURRENT=… cmk __complete bash|zsh|fish COMMAND [KEY].",
            "The scripts that `cmk completion` prints ask so.",
        )
    place, assigned = _ours(place_of(variables["CMK_LINE"]), words[1])
    whole, _ = _ours(place_of(variables.get("CMK_WHOLE", "") + " "), words[1])
    said = {flag.name: value for flag, value in values_of([*whole.before, *place.before])}
    environment = environment.with_variables(**assigned).silent()
    part, candidates = _candidates(place, said, environment)
    current = variables.get("CMK_CURRENT", "")
    if current in _BREAKS:  # so some functions of bash-completion have it, and bash has not
        current = ""
    replaced = Replaced(place, part, current, words[2:] == [_MENU])
    for line in answer(replaced, candidates):
        environment.stdout.write(line + "\n")


def _ours(place: Place, command: str) -> tuple[Place, dict[str, str]]:
    """The words behind our own name, and the variables that are set before it."""
    before = list(place.before)
    at = before.index(command) if command in before else 0  # as an alias it is the first
    assigned = (word.partition("=") for word in before[:at])
    variables = {name: value for name, equals, value in assigned if equals and name.isidentifier()}
    return place._replace(before=tuple(before[at + 1 :])), variables


def _candidates(
    place: Place, said: dict[str, str], environment: Environment
) -> tuple[str, list[Candidate]]:
    """What fits, on the server that flags (`said`, with their values), environment or file name."""
    if said.get("config"):
        file = os.path.expandvars(os.path.expanduser(said["config"]))
        environment = environment.with_variables(CMK_CONFIG=file)
    profiles, profile = _profiles(environment, said)
    catalog = _catalog(environment, profile)
    if profile is not None and not profile.is_lab:
        _fetch_soon(environment, profile, said)
    keys = said.get("apikey", ""), said.get("secretkey", "")
    names = NamesOnDisk(environment, profile, keys) if profile else None

    def fitting(rows: Callable[[str], list[Row]]) -> tuple[str, list[Candidate]]:
        values = Values(rows, profiles, lambda typed: paths(typed, environment.home), days())
        part, found = complete(place, catalog, values)
        return _begun(part, found)

    if names is None:
        return fitting(lambda _: [])
    part, found = fitting(names.rows)
    if not found and names.is_from_cache:  # it may be newer than what is kept
        part, found = fitting(lambda api: names.rows(api, anew=True))
    return part, found


def _begun(part: str, found: list[Candidate]) -> tuple[str, list[Candidate]]:
    """What begins as it was typed, since shells put in what candidates have in common.

    Ids that were begun by a name become `name:…`, which has that in common too; which of several
    with one name is meant is asked when the line is run.
    """
    typed = part.lower()
    begun = [each for each in found if each.text.lower().startswith(typed)]
    if begun or not typed:
        return part, begun
    named = {each.label: each for each in found if each.label.lower().startswith(typed)}
    if named:
        return part, [each._replace(text=PREFIX + name) for name, each in named.items()]
    # One that only its text speaks of is not put in: of `id=2` it may be any thing.
    if len(found) != 1:
        return part, []
    one = found[0]
    is_word = one.label.startswith(one.text.rstrip(" ="))
    return part, found if is_word or typed in f"{one.text}\n{one.label}".lower() else []


def _profiles(
    environment: Environment, said: dict[str, str]
) -> tuple[tuple[str, ...], Profile | None]:
    """The names of all, and the one that the line goes to, if that can be said."""
    try:
        config = Config.read(environment.config_file)
    except ConfigurationError:
        return ("lab",), None
    names = config.names
    try:
        return names, choose(environment, config, said.get("url", ""), said.get("profile", ""))
    except NoServer:  # in a terminal, as a shell's is, that is the lab
        if said.get("config") and not os.path.exists(environment.config_file):
            return names, None
        return names, config.profile("lab", "nothing configured")
    except ConfigurationError:
        return names, None


def _catalog(environment: Environment, profile: Profile | None) -> Catalog:
    if profile is not None and profile.is_lab:
        return index.lab()
    return index.load(environment, profile.url) if profile else index.shipped()


def _fetch_soon(environment: Environment, profile: Profile, said: dict[str, str]) -> None:
    """Let the next key have the server's own words; no key waits for them."""
    from cmk.catalog.fetching import fetch_soon, spoken

    keys = said.get("apikey", ""), said.get("secretkey", "")
    words, secrets = spoken(profile.chosen_by, profile.name, profile.url, keys)
    with suppress(OSError):  # nothing can be kept there: names are not, either
        fetch_soon(environment, profile.url, words, secrets)


# what each shell reads


class Replaced(NamedTuple):
    """What candidates replace: `part`, as we see it, in `current`, as the shell does."""

    place: Place
    part: str
    current: str
    is_menu: bool = False

    def by(self, text: str) -> str | None:
        """What is put in for `current`; None where the change begins before it."""
        raw, whole = self.place.raw, self.place.written(self.part, text, _IN_QUOTES)
        kept = raw[: len(raw) - len(self.current)] if raw.endswith(self.current) else ""
        return whole[len(kept) :] if whole.startswith(kept) else None

    def end(self, candidate: Candidate) -> str:
        """A space behind a word that is complete; the shell closes quotes itself."""
        return "" if candidate.open or self.place.quote else " "


def _bash(replaced: Replaced, found: list[Candidate]) -> Iterator[str]:
    """bash shows what it puts in. Several ids are shown with their names all the same: it puts in
    what all have in common, which ends where the ids differ. Whether they do it may ask without
    regard to case, and of - and _ (readline's completion-ignore-case, completion-map-case)."""
    texts = [(each, text) for each in found if (text := replaced.by(each.text)) is not None]
    apart = {text.lower().replace("_", "-") for _, text in texts}
    shows = len(apart) == len(texts) > 1 and not replaced.is_menu
    for each, text in texts:
        if shows and not each.open and each.shown not in each.text:
            yield f"{text}  {each.shown}{' · ' if each.about else ''}{each.about}"
        else:
            yield text + replaced.end(each)


def _zsh(replaced: Replaced, found: list[Candidate]) -> Iterator[str]:
    for each in found:
        text = replaced.by(each.text)
        if text is not None:
            yield f"{text}{replaced.end(each)}\t{each.label}\t{each.about}"


def _fish(replaced: Replaced, found: list[Candidate]) -> Iterator[str]:
    word = replaced.place.word
    head = word[: len(word) - len(replaced.part)]
    for each in found:
        if each.label.endswith("=*"):
            about = f"required  {each.about}"
        else:
            shown = each.shown if each.shown not in each.text else ""
            about = " · ".join(filter(None, (shown, each.about)))
        yield f"{head}{each.text}\t{about}"


_SHELLS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
