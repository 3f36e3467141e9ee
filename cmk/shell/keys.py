"""What the keys do that prompt_toolkit does not do by itself."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.application.current import get_app
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition, completion_is_selected, is_searching
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.search import accept_search

from cmk.line.reading import read
from cmk.shell.tab import Tab


@Condition
def _is_complete() -> bool:
    """Whether the line can be run as it stands."""
    return not read(get_app().current_buffer.document.text)[-1].unfinished


def keys(tab: Tab, offered: Callable[[], str] = lambda: "") -> KeyBindings:
    """Tab completes; Enter takes the chosen candidate, else runs the line, or goes on in another
    row where a quote or a backslash is open. A line that Tab has just left without its end is shown
    what fits at the first Enter, and run at the second.

    Enter alone runs the line that is `offered`; in a search, what was found. A space behind one
    that was put in with a word is typed by habit, and left out.
    """
    bindings = KeyBindings()

    @bindings.add("tab", filter=~is_searching)
    def _(event: KeyPressEvent) -> None:
        tab.press(event.current_buffer)

    @bindings.add("enter", filter=completion_is_selected)
    def _(event: KeyPressEvent) -> None:
        tab.take(event.current_buffer)

    @bindings.add(" ", filter=~is_searching)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        left = tab.left
        if buffer.text == left and left.endswith(" ") and buffer.document.is_cursor_at_the_end:
            tab.left = ""
            buffer.complete_state = None  # what is chosen stays; what comes next is shown
            buffer.start_completion()
        else:
            buffer.insert_text(" ")

    @bindings.add("enter", filter=~completion_is_selected & ~is_searching & _is_complete)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.text and buffer.text == tab.unfinished:
            tab.unfinished = ""
            buffer.start_completion()
            return
        if not buffer.text.strip():
            buffer.document = Document(offered())
        tab.forget()
        buffer.validate_and_handle()

    @bindings.add("enter", filter=is_searching)
    def _(event: KeyPressEvent) -> None:
        accept_search()
        event.app.current_buffer.validate_and_handle()

    return bindings
