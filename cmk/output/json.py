"""`-o json`: the document as the server gave it, in its key order, UTF-8 unescaped."""

from __future__ import annotations

from typing import Any, TextIO

from cmk.document import dumps
from cmk.environment import harmless_lines
from cmk.output import Reply, Screen, value_at
from cmk.output.colour import of_json


def write(reply: Reply, stream: TextIO, screen: Screen) -> None:
    """One document and a newline; with `filter=`, its rows reduced to those columns."""
    text = dumps(filtered(reply.kept()), indent=2, ascii=is_narrow(stream))
    if screen.width:  # a terminal: JSON escapes the C0 controls itself, but not DEL and the C1 set
        text = harmless_lines(text)
    stream.write((of_json(text) if screen.colour else text) + "\n")


def is_narrow(stream: TextIO) -> bool:
    """Whether a stream has no room for all characters; JSON's own escapes stay valid JSON."""
    return not (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")


def filtered_row(row: Any, columns: tuple[str, ...]) -> Any:
    """A row reduced to these columns, less those that it has not."""
    if not columns:
        return row
    found = {name: value_at(row, name) for name in columns}
    return {name: value for name, value in found.items() if value is not None}


def filtered(reply: Reply) -> Any:
    """The document, its rows reduced to the columns that were asked for."""
    if not reply.columns:
        return reply.document
    rows = [filtered_row(row, reply.columns) for row in reply.rows]
    if not reply.noun:
        if isinstance(reply.document, list):
            return rows
        return rows[0] if rows else reply.document
    if isinstance(reply.document[reply.noun], dict):
        return {reply.noun: rows[0]}
    return {**reply.document, reply.noun: rows}
