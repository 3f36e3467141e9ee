"""Colours for a line as it is typed: what is known, what is not, what is the user's shell's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.formatted_text.utils import split_lines
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.styles import Style

from cmk.catalog import Api, Catalog
from cmk.completion.engine import VIEWS
from cmk.line.flags import takes_value
from cmk.line.language import base_of
from cmk.line.reading import read, words_of
from cmk.shell.pipeline import split, without_ampersand

#: By the terminal's own colours, so that they can be read on its background.
STYLE = Style.from_dict(
    {
        "command": "ansigreen",
        "parameter": "ansicyan",
        "unknown": "ansired",
        "flag": "ansiyellow",
        "quoted": "ansiyellow",
        "operator": "ansimagenta",
    }
)


class LineLexer(Lexer):
    """Verb and noun, keys, flags and operators; values are left as they are."""

    def __init__(self, catalog: Callable[[], Catalog], builtins: frozenset[str]) -> None:
        self._catalog = catalog
        self._builtins = builtins

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """For prompt_toolkit: what gives a line's coloured parts by its number."""
        catalog, text = self._catalog(), document.text
        parts: StyleAndTextTuples = []
        for line in read(text):
            parts += [*self._parts(text[line.start : line.end], catalog), ("", "\n")]
        rows = list(split_lines(parts))
        return lambda number: rows[number] if number < len(rows) else []

    def _parts(self, text: str, catalog: Catalog) -> Iterator[tuple[str, str]]:
        """The parts of one line, which may go on over several rows."""
        if text.lstrip()[:1] in ("!", "#"):
            yield "class:operator", text
            return
        own, _ = without_ampersand(text)
        line, rest = split(own)
        names: list[str] = []
        before, at = "", 0
        for found in words_of(line):
            yield "", line[at : found.start]
            word = found.raw.replace("\\\n", "")
            if takes_value(before) or (word == "cmk" and not before):
                yield "", found.raw
            else:
                # a word that goes on in another row has the colour of its beginning
                parts = list(self._word(word, names, catalog))
                yield from parts if word == found.raw else [(parts[0][0], found.raw)]
            before, at = word, found.end
        yield "", line[at:]
        yield "class:operator", rest + text[len(own) :]

    def _word(self, word: str, names: list[str], catalog: Catalog) -> Iterator[tuple[str, str]]:
        """A word's parts; `names` are the verb and the noun so far, and get what this adds."""
        key, equals, value = word.partition("=")
        if word.startswith("-"):
            yield "class:flag", word
        elif equals:
            api = catalog.get("".join(names))
            yield ("class:parameter" if api is None or _has(api, key) else "class:unknown"), key
            yield "", equals
            yield ("class:quoted" if value[:1] in ("'", '"') else ""), value
        elif names and names[0] in self._builtins and not catalog.nouns(names[0]):
            yield "", word
        else:
            names.append(word.lower())
            yield ("class:command" if self._is_known(names, catalog) else "class:unknown"), word

    def _is_known(self, names: list[str], catalog: Catalog) -> bool:
        """Whether these can be, or become, a command."""
        if len(names) < 2:
            name = "".join(names)
            return name in self._builtins or name in catalog.verbs() or bool(catalog.get(name))
        return names[0] == "help" or (len(names) == 2 and bool(catalog.get("".join(names))))


def _has(api: Api, key: str) -> bool:
    return key.lower() in VIEWS or api.param(base_of(key)) is not None
