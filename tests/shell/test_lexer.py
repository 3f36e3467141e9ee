"""Colours of a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.document import Document

from cmk.commands import BUILTINS
from cmk.shell.lexer import LineLexer
from tests.completion.test_engine import CATALOG

LEXER = LineLexer(lambda: CATALOG, frozenset(BUILTINS))


def coloured(line: str) -> list[tuple[str, str]]:
    """The parts that have a colour, without `class:`."""
    parts = LEXER.lex_document(Document(line))(0)
    return [(part[0].removeprefix("class:"), part[1]) for part in parts if part[0] and part[1]]


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("list", [("command", "list")]),
        ("lits", [("unknown", "lits")]),
        ("cmk list zones", [("command", "list"), ("command", "zones")]),
        ("listZones", [("command", "listZones")]),
        ("list zonse", [("command", "list"), ("unknown", "zonse")]),
        ("list zones id=x", [("command", "list"), ("command", "zones"), ("parameter", "id")]),
        ("listZones di=x", [("command", "listZones"), ("unknown", "di")]),
        ("listZones filter=x", [("command", "listZones"), ("parameter", "filter")]),
        ("listZones -o json", [("command", "listZones"), ("flag", "-o")]),
        ("listZones | wc -l", [("command", "listZones"), ("operator", "| wc -l")]),
        ("profile use prod", [("command", "profile")]),
        (
            "deployVirtualMachine details[0].cpuNumber=2 name='a | b'",
            [("command", "deployVirtualMachine"), ("parameter", "details[0].cpuNumber"),
             ("parameter", "name"), ("quoted", "'a | b'")],
        ),
        ("listZones id=x &", [("command", "listZones"), ("parameter", "id"), ("operator", "&")]),
        ("listZones > f &", [("command", "listZones"), ("operator", "> f &")]),
        ("!ls -l | x", [("operator", "!ls -l | x")]),
        ("history", [("command", "history")]),
    ],
)  # fmt: skip
def test_what_is_known_has_another_colour_than_what_is_not(
    line: str, parts: list[tuple[str, str]]
) -> None:
    assert coloured(line) == parts


def test_a_line_of_several_rows_is_one_line() -> None:
    rows = LEXER.lex_document(Document("list \\\n zones id='a\nb'\nlist zonse"))
    coloured = [[(p[0], p[1]) for p in rows(number) if p[0] and p[1]] for number in range(4)]
    assert coloured == [
        [("class:command", "list")],
        [("class:command", "zones"), ("class:parameter", "id"), ("class:quoted", "'a")],
        [("class:quoted", "b'")],
        [("class:command", "list"), ("class:unknown", "zonse")],
    ]


@given(st.text("ab= '\"\\|>-&!\n", max_size=30))
def test_colours_change_no_character(text: str) -> None:
    rows = LEXER.lex_document(Document(text))
    shown = ["".join(part[1] for part in rows(number)) for number in range(text.count("\n") + 1)]
    assert "\n".join(shown) == text
