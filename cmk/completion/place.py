"""Where in a line completion is asked for, and how what was chosen is written there.

POSIX shell quoting is what bash, zsh, fish and cmk's own shell have in common.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cmk.line.reading import words_of

#: What a backslash is needed before, in a word that is not quoted.
_SPECIAL = re.compile(r"[^\w@%+=:,./-]")


#: A path in the home directory, which shells and cmk itself know.
_HOME = re.compile(r"@?~/")


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
            if "`" in in_quotes:  # a shell's, where `!!` means another line also in these quotes
                inside = inside.replace("!", "\"'!'\"")
            return self.raw[: self.raw_before] + inside
        if whole.startswith(self.word):
            return self.raw + _escaped(whole[len(self.word) :])
        if self.raw == self.word:
            return self.raw[: len(self.raw) - len(part)] + _escaped(text)
        return _escaped(whole)


def _escaped(text: str) -> str:
    """Without a meaning to any shell, but for the home directory at the beginning of a path."""
    home = _HOME.match(text)
    kept = home[0] if home else ""
    return kept + _SPECIAL.sub(lambda found: "\\" + found[0], text[len(kept) :])


def place_of(text: str) -> Place:
    """The unfinished word at the end of a line, and those before it; what is open is as closed."""
    words = words_of(text)
    before = tuple(word.text for word in words)
    if not words or words[-1].end < len(text):
        return Place(before)
    last = words[-1]
    return Place(before[:-1], last.text, last.raw, last.quote, last.raw_before, last.text_before)
