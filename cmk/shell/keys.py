"""What the keys do that prompt_toolkit does not do by itself."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.application.current import get_app
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition, completion_is_selected, has_completions, is_searching
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.search import accept_search

from cmk.line.reading import read


@Condition
def _is_complete() -> bool:
    """Whether the line can be run as it stands."""
    return not read(get_app().current_buffer.document.text)[-1].unfinished


def keys(offered: Callable[[], str] = lambda: "") -> KeyBindings:
    """Tab puts in the only candidate, and goes through many; Enter takes the chosen one, else runs
    the line, or goes on in another row where a quote or a backslash is open.

    Enter alone runs the line that is `offered`; in a search, what was found. A space behind one
    that was put in with a word is typed by habit, and left out.
    """
    #: The line as the last candidate has left it.
    left = ""
    bindings = KeyBindings()

    @bindings.add("tab", filter=has_completions)
    def _(event: KeyPressEvent) -> None:
        nonlocal left
        buffer = event.current_buffer
        state = buffer.complete_state
        if state is not None and len(state.completions) == 1:
            buffer.apply_completion(state.completions[0])
        else:
            buffer.complete_next()
        left = buffer.text

    @bindings.add("enter", filter=completion_is_selected)
    def _(event: KeyPressEvent) -> None:
        nonlocal left
        state = event.current_buffer.complete_state
        if state is not None and state.current_completion is not None:
            event.current_buffer.apply_completion(state.current_completion)
        left = event.current_buffer.text

    @bindings.add(" ", filter=~is_searching)
    def _(event: KeyPressEvent) -> None:
        nonlocal left
        buffer = event.current_buffer
        if buffer.text == left and left.endswith(" ") and buffer.document.is_cursor_at_the_end:
            left = ""
            buffer.complete_state = None  # what is chosen stays; what comes next is shown
            buffer.start_completion()
        else:
            buffer.insert_text(" ")

    @bindings.add("enter", filter=~completion_is_selected & ~is_searching & _is_complete)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if not buffer.text.strip():
            buffer.document = Document(offered())
        buffer.validate_and_handle()

    @bindings.add("enter", filter=is_searching)
    def _(event: KeyPressEvent) -> None:
        accept_search()
        event.app.current_buffer.validate_and_handle()

    return bindings
