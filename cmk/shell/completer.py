"""prompt_toolkit's view of the completion engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import completion_is_selected, has_completions
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from cmk.catalog import Catalog
from cmk.completion import Values, complete


class LineCompleter(Completer):
    """What fits before the cursor; asks nobody, so that no key ever waits."""

    def __init__(self, catalog: Callable[[], Catalog], values: Values) -> None:
        self._catalog = catalog
        self._values = values

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterator[Completion]:
        """Candidates with their names shown and their ids put in."""
        text = document.text_before_cursor
        part, candidates = complete(text, self._catalog(), self._values)
        if not text.endswith(part):  # quotes in it: it is not what stands there
            return
        for candidate in candidates:
            yield Completion(
                candidate.text if candidate.open else f"{candidate.text} ",
                start_position=-len(part),
                display=candidate.shown or candidate.text,
                display_meta=candidate.about,
            )


def keys() -> KeyBindings:
    """Tab puts in the only candidate, and goes through many; Enter takes the chosen one."""
    bindings = KeyBindings()

    @bindings.add("tab", filter=has_completions)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        state = buffer.complete_state
        if state is not None and len(state.completions) == 1:
            buffer.apply_completion(state.completions[0])
        else:
            buffer.complete_next()

    @bindings.add("enter", filter=completion_is_selected)
    def _(event: KeyPressEvent) -> None:
        state = event.current_buffer.complete_state
        if state is not None and state.current_completion is not None:
            event.current_buffer.apply_completion(state.current_completion)

    return bindings
