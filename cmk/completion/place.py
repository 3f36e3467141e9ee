"""Where in a line completion is asked for, and how what was chosen is written there.

Lines are read by POSIX shell quoting, as bash, zsh, fish and cmk's own shell have it in common.
"""

from __future__ import annotations

import re
from typing import NamedTuple

#: What ends a word (shlex, and the shells' IFS as it is by default).
_SPACE = " \t\r\n"

#: What a backslash is needed before, in a word that is not quoted.
_SPECIAL = re.compile(r"[^\w@%+=:,./~\[\]-]")


class Place(NamedTuple):
    """The words before the unfinished one, and that one: as it is meant, and as it is written."""

    before: tuple[str, ...] = ()
    word: str = ""
    raw: str = ""
    #: The quote that is open at the end, and how much of `raw` and of `word` lies before it.
    quote: str = ""
    raw_before: int = 0
    word_before: int = 0

    def written(self, part: str, text: str, in_quotes: str = '"\\') -> str:
        """The word as it is to be written when `text` takes the place of `part`, its end.

        `in_quotes` are the characters that need a backslash between double quotes.
        """
        whole = self.word[: len(self.word) - len(part)] + text
        if self.quote == "'":
            inside = whole[self.word_before :].replace("'", "'\\''")
            return self.raw[: self.raw_before] + inside
        if self.quote:
            inside = "".join(f"\\{c}" if c in in_quotes else c for c in whole[self.word_before :])
            return self.raw[: self.raw_before] + inside
        if whole.startswith(self.word):
            return self.raw + _escaped(whole[len(self.word) :])
        if self.raw == self.word:
            return self.raw[: len(self.raw) - len(part)] + _escaped(text)
        return _escaped(whole)


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda found: "\\" + found[0], text)


def place_of(text: str) -> Place:
    """Split an unfinished line by POSIX quoting; what is open is taken as closed."""
    words: list[str] = []
    word, start, quote, at = "", -1, "", 0
    raw_before = word_before = 0
    while at < len(text):
        char = text[at]
        if not quote and char in _SPACE:
            if start >= 0:
                words.append(word)
            word, start = "", -1
            at += 1
            continue
        following = text[at + 1 : at + 2]
        if char == "\\" and following == "\n" and quote != "'":  # the line goes on in another row
            at += 2
            continue
        if start < 0:
            start = at
        if quote and char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote, raw_before, word_before = char, at + 1 - start, len(word)
        elif char == "\\" and (not quote or (quote == '"' and following in ('"', "\\"))):
            word += following
            at += 1
        else:
            word += char
        at += 1
    if start < 0:
        return Place(tuple(words))
    if not quote:
        raw_before = word_before = 0
    return Place(tuple(words), word, text[start:], quote, raw_before, word_before)
