"""All pages of a list: servers give 500 rows at once and tell how many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cmk.document import Json
from cmk.errors import CmkError
from cmk.output import rows_of

#: A list may grow while it is read: to so many times what its first page told.
_MOST = 3

#: Pages of rows that have no ids to know them by.
_PAGES = 10_000


def rows_of_all_pages(first: Json, fetch: Callable[[int, int], Json]) -> Iterator[Any]:
    """The rows of a list reply and of the pages behind it; `fetch` gets a page by number and size.

    Rows that come twice, because the list changed between two pages, are given once. It ends at a
    page that is not full, whatever the count says by then.
    """
    noun, rows = rows_of(first)
    yield from rows
    size = len(rows)
    if not is_partial(first):
        return
    seen = {str(row["id"]) for row in rows if isinstance(row, dict) and "id" in row}
    last = -(-int(first["count"]) // size) + 1
    page = 1
    while True:
        page += 1
        if page > _MOST * min(last, len(seen) // size + 2 if seen else _PAGES):
            raise CmkError(
                f"The list does not end: the server tells of {first['count']} rows, and its page "
                f"{page - 1} was full still."
            )
        rows = _rows(fetch(page, size), noun)
        known = len(seen)
        for row in rows:
            id = str(row["id"]) if isinstance(row, dict) and "id" in row else None
            if id is None or id not in seen:
                yield row
            if id is not None:
                seen.add(id)
        told_nothing_new = len(seen) == known
        if len(rows) < size or (told_nothing_new and (known or page >= last)):
            return


def is_partial(document: Json) -> bool:
    """Whether a list reply tells of more rows than it has."""
    noun, rows = rows_of(document)
    count = document.get("count") if isinstance(document, dict) else None
    listed = bool(noun) and isinstance(document[noun], list)
    return listed and isinstance(count, int) and count > len(rows) > 0


def _rows(document: Json, noun: str) -> list[Any]:
    found = document.get(noun) if isinstance(document, dict) else None
    return found if isinstance(found, list) else []
