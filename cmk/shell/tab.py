"""What the Tab key does to a line, however fast it is pressed."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.buffer import Buffer

from cmk.shell.completer import LineCompleter, Offer


class Tab:
    """Puts in the only thing that fits, or the common beginning of several; else shows them, and
    goes from one to the next.

    What begins as it was typed counts alone, where there is such. The popup may not have come yet:
    nothing here depends on it.
    """

    def __init__(self, completer: LineCompleter, wait: Callable[[], bool]) -> None:
        """`wait` waits for what is being asked of the server, and tells whether there was that."""
        self._completer = completer
        self._wait = wait
        #: The line as it was left; and the same where it cannot be run yet.
        self.left = ""
        self.unfinished = ""
        #: The line at which several were shown.
        self._offered = ""

    def press(self, buffer: Buffer) -> None:
        """Tab."""
        state = buffer.complete_state
        if state is not None and state.current_completion is not None:
            self._next(buffer)
            return
        offers = list(self._completer.offers(buffer.document))
        if not offers and self._wait():
            offers = list(self._completer.offers(buffer.document))
        begun = [offer for offer in offers if offer.begins] or offers
        if len(begun) == 1 and (begun[0].is_spelled or begun[0].has_typed):
            self._put(buffer, begun[0])
        elif begun and not self._put_common(buffer, begun):
            if state is not None and self._offered == buffer.text:
                self._next(buffer)
            else:  # the first time they are shown, whether the popup was there already or not
                self._offered = buffer.text
                if state is None:
                    buffer.start_completion()

    def forget(self) -> None:
        """The line was entered."""
        self.left = self.unfinished = self._offered = ""

    def take(self, buffer: Buffer) -> None:
        """Put in what is chosen in the popup."""
        state = buffer.complete_state
        chosen = state.current_completion if state is not None else None
        if isinstance(chosen, Offer):
            self._put(buffer, chosen)

    def _put(self, buffer: Buffer, offer: Offer) -> None:
        buffer.apply_completion(offer)
        self.left = buffer.text
        self.unfinished = buffer.text if offer.needs_more else ""

    def _next(self, buffer: Buffer) -> None:
        buffer.complete_next()
        self.left, self.unfinished = buffer.text, ""

    def _put_common(self, buffer: Buffer, begun: list[Offer]) -> bool:
        """Put in what all have in common, if that is more than there is. An id is not typed by its
        first letters, so that ids have nothing in common."""
        typed = buffer.document.text_before_cursor
        raw = typed[len(typed) + begun[0].start_position :]
        texts = [offer.text.rstrip(" ") for offer in begun]
        common = _beginning(texts)
        is_more = len(common) > len(raw) and common.lower().startswith(raw.lower())
        if not is_more or not all(offer.is_spelled for offer in begun):
            return False
        buffer.delete_before_cursor(len(raw))
        buffer.insert_text(common)
        self.left = buffer.text
        self.unfinished = "" if common in texts else buffer.text
        return True


def _beginning(texts: list[str]) -> str:
    """The longest beginning of all of them."""
    first, last = min(texts), max(texts)
    same = 0
    while same < min(len(first), len(last)) and first[same] == last[same]:
        same += 1
    return first[:same]
