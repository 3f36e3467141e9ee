"""prompt_toolkit's view of the completion engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from cmk.catalog import Catalog
from cmk.completion.engine import Candidate, Values, complete
from cmk.completion.place import Place, place_of
from cmk.line.flags import values_of
from cmk.line.reading import read
from cmk.shell import pipeline


class Offer(Completion):
    """One thing that fits, as prompt_toolkit puts it in, and what Tab wants to know of it."""

    def __init__(self, text: str, place: Place, part: str, candidate: Candidate) -> None:
        super().__init__(text, -len(place.raw), candidate.label, candidate.about)
        own, label, typed = candidate.text, candidate.label, part.lower()
        #: Whether it begins as it was typed, by its text or by the name that is shown.
        self.begins = own.lower().startswith(typed) or label.lower().startswith(typed)
        #: Whether that is in it at all; else it is but meant in a guess, or told of in its text.
        self.has_typed = typed in own.lower() or typed in label.lower()
        #: Whether what is shown is what is put in, as no id is.
        self.is_spelled = label.startswith(own) or own.rstrip("/").endswith(label)
        #: Whether the line cannot be run with it at its end.
        self.needs_more = candidate.is_verb or own.endswith(("=", "/"))


class LineCompleter(Completer):
    """What fits before the cursor; asks nobody, so that no key ever waits."""

    def __init__(self, catalog: Callable[[], Catalog], values: Callable[[], Values]) -> None:
        self._catalog = catalog
        self._values = values

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterator[Offer]:
        """Candidates with their names shown and their ids put in."""
        return self.offers(document)

    def offers(self, document: Document) -> Iterator[Offer]:
        """The same, for the Tab key."""
        text = document.text_before_cursor
        line, rest = pipeline.split(text[read(text)[-1].start :])
        place = place_of(rest or line)
        for part, candidate in self._found(place, bool(rest)):
            end = "" if candidate.open else f"{place.quote} "
            yield Offer(place.written(part, candidate.text) + end, place, part, candidate)

    def _found(self, place: Place, is_the_users_shells: bool) -> Iterator[tuple[str, Candidate]]:
        """Of a line; of what goes through the user's shell only the file behind `>`."""
        values = self._values()
        if any(flag.name == "profile" for flag, _ in values_of(place.before)):
            values = values._replace(rows=lambda api: [])  # the line goes to another server
        if not is_the_users_shells:
            part, found = complete(place, self._catalog(), values)
            yield from ((part, candidate) for candidate in found)
        elif place.before[-1:] in ((">",), (">>",)):
            for path in values.paths(place.word):
                yield place.word, Candidate(path, open=path.endswith("/"))
