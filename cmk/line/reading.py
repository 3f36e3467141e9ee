"""The one reader of quoting: text -> lines -> words, each with where it stands and what is open.

    list zones name='a b' \\
        filter=id            a row that ends in a backslash goes on in the next one
    # don't                  a remark ends with its row, whatever is in it

Words are split as POSIX shells split them (IEEE 1003.1, 2.2): single quotes keep all, double quotes
all but a backslash before `"` and `\\`, a backslash the next character. A quote goes on over rows.
Files of lines, the shell, its pipes, colours and history, and completion all read by this.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from cmk.errors import UsageError


class Word(NamedTuple):
    """One word: as it is meant, as it is written, and where that begins in the text."""

    text: str
    raw: str
    start: int
    #: The quote that is open at its end, and how much of `raw` and of `text` lies before it.
    quote: str = ""
    raw_before: int = 0
    text_before: int = 0

    @property
    def end(self) -> int:
        return self.start + len(self.raw)


class Line(NamedTuple):
    """One line, perhaps of several rows; a remark has no words."""

    words: tuple[Word, ...]
    start: int
    end: int
    #: What must follow: the quote that is open, or a backslash at the end; "" for a whole line.
    unfinished: str = ""


#: What needs no look at each character, inside each kind of quote and outside of them.
_PLAIN = {quote: re.compile(rf"[^{special}]+") for quote, special in (
    ("", r" \t\r\n'\"\\"), ("'", "'"), ('"', r"\"\\"),
)}  # fmt: skip


class _Reader:
    """Reads text piece by piece, as it comes; positions count from the first piece's beginning."""

    def __init__(self, expand: Callable[[str], str] | None = None) -> None:
        """`expand` is given what stands outside of single quotes and backslashes."""
        self._expand = expand
        self._at = self._start = 0
        self._begin()

    def _begin(self) -> None:
        """A new line, from here."""
        self._start = self._at
        self._source: list[str] = []
        self._words: list[tuple[str, int, int, str, int, int]] = []
        self._quote, self._backslash, self._is_remark = "", -1, False
        self._word, self._text = -1, list[str]()
        self._raw_before = self._text_before = 0

    def feed(self, text: str) -> Iterator[Line]:
        """The lines that end in this piece."""
        done = at = 0
        while at < len(text):
            run = None if self._backslash >= 0 or self._is_remark else (
                _PLAIN[self._quote].match(text, at)
            )  # fmt: skip
            if run is not None and not self._is_remark_at(text[at]):
                self._add(run[0])
                at = run.end()
                self._at += len(run[0])
                continue
            ends = self._take(text[at])
            at += 1
            self._at += 1
            if ends:
                self._source.append(text[done : at - 1])
                yield self._line(self._at - 1)
                self._begin()
                done = at
        self._source.append(text[done:])

    def finish(self) -> Line:
        """What is left at the end of the text."""
        if self._backslash >= 0:
            self._open_word(self._backslash)
        open_at_end = self._quote or ("\\" if self._backslash >= 0 else "")
        self._close_word(self._at)
        return self._line(self._at, open_at_end)

    def _is_remark_at(self, char: str) -> bool:
        return char == "#" and self._word < 0 and not self._words and not self._quote

    def _take(self, char: str) -> bool:
        """One character that means something; whether it ends the line."""
        if self._is_remark:
            return char == "\n"
        if self._backslash >= 0:
            self._escape(char)
        elif self._quote:
            if char == self._quote:
                self._quote = ""
            else:
                self._backslash = self._at
        elif char == "\\":
            self._backslash = self._at
        elif char in "'\"":
            self._open_word(self._at)
            self._quote = char
            self._raw_before = self._at + 1 - self._word
            self._text_before = sum(map(len, self._text))
        elif char == "#":
            self._is_remark = True
        else:
            self._close_word(self._at)
            return char == "\n"
        return False

    def _escape(self, char: str) -> None:
        """What stands behind a backslash; a row's end is as if neither were there."""
        begun, self._backslash = self._backslash, -1
        if char != "\n":
            self._open_word(begun)
            special = '"\\' if self._expand is None else '"\\$'
            is_literal = self._quote == '"' and char not in special
            self._text.append(f"\\{char}" if is_literal else char)

    def _add(self, run: str) -> None:
        self._open_word(self._at)
        if self._expand is not None and self._quote != "'":
            run = self._expand(run)
        self._text.append(run)

    def _open_word(self, at: int) -> None:
        if self._word < 0:
            self._word = at

    def _close_word(self, end: int) -> None:
        if self._word >= 0:
            before = (self._raw_before, self._text_before) if self._quote else (0, 0)
            self._words.append(("".join(self._text), self._word, end, self._quote, *before))
            self._word, self._text = -1, []

    def _line(self, end: int, unfinished: str = "") -> Line:
        source = "".join(self._source)
        words = tuple(
            Word(text, source[start - self._start : stop - self._start], start, quote, raw, before)
            for text, start, stop, quote, raw, before in self._words
        )
        return Line(words, self._start, end, unfinished)


def read(text: str) -> list[Line]:
    """The lines of a text, the empty ones and remarks too; the last one may be unfinished."""
    reader = _Reader()
    return [*reader.feed(text), reader.finish()]


def words_of(text: str) -> list[Word]:
    """All words of a text."""
    return [word for line in read(text) for word in line.words]


def split(line: str, expand: Callable[[str], str] | None = None) -> list[str]:
    """What a line's words mean; `expand` is given what may hold names of values. Raises UsageError
    for a line that is unfinished."""
    reader = _Reader(expand)
    lines = [*reader.feed(line), reader.finish()]
    if lines[-1].unfinished:
        is_quote = lines[-1].unfinished != "\\"
        what = "a quote is not closed" if is_quote else "it ends in a backslash"
        raise UsageError(f"Cannot read the line: {what}.")
    return [word.text for each in lines for word in each.words]


def lines_of(rows: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The lines of a script as soon as each is whole, with the numbers of the rows they begin in;
    remarks and empty ones are left out."""
    reader, held, start = _Reader(), list[str](), 1
    for number, row in enumerate(rows, 1):
        held.append(row.rstrip("\r\n") + "\n")
        for line in reader.feed(held[-1]):
            if line.words:
                yield start, "".join(held)
            held, start = [], number + 1
    if reader.finish().words:
        yield start, "".join(held)
