"""`-o json`: the document as the server gave it, in its key order, UTF-8 unescaped."""

from __future__ import annotations

import json
from typing import Any, TextIO

from cmk.output import Reply, harmless, value_at


def write(reply: Reply, stream: TextIO, width: int) -> None:
    """One document and a newline; with `filter=`, its rows reduced to those columns."""
    # Where the stream has no room for all characters, JSON's own escapes stay valid JSON.
    unicode = (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")
    text = json.dumps(_filtered(reply), indent=2, ensure_ascii=not unicode)
    if width:  # a terminal: JSON escapes the C0 controls itself, but not DEL and the C1 set
        text = "\n".join(harmless(line) for line in text.split("\n"))
    stream.write(text + "\n")


def _filtered(reply: Reply) -> Any:
    if not reply.columns:
        return reply.document
    rows = []
    for row in reply.rows:
        found = {name: value_at(row, name) for name in reply.columns}
        rows.append({name: value for name, value in found.items() if value is not None})
    if not reply.noun:
        return rows[0] if rows else reply.document
    if isinstance(reply.document[reply.noun], dict):
        return {reply.noun: rows[0]}
    return {**reply.document, reply.noun: rows}
