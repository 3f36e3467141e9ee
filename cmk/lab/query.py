"""The queries behind list APIs: conditions from parameters, pages made in the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from cmk.lab.api import Args, Json, invalid
from cmk.lab.store import Store


class Query:
    """`SELECT columns FROM source`, with a condition for each parameter that was given."""

    def __init__(self, columns: str, source: str, *always: str) -> None:
        self._columns = columns
        self._source = source
        self._where = list(always)
        self._values: list[Any] = []

    def equal(self, column: str, value: Any) -> Query:
        """column = value, where a value was given; text without regard to case."""
        if value is not None:
            self._where.append(
                f"{column} = ?" + (" COLLATE NOCASE" if isinstance(value, str) else "")
            )
            self._values.append(value)
        return self

    def missing(self, column: str) -> Query:
        """column has no value."""
        self._where.append(f"{column} IS NULL")
        return self

    def at_least(self, column: str, value: str | None) -> Query:
        """column >= value, where a value was given."""
        if value is not None:
            self._where.append(f"{column} >= ?")
            self._values.append(value)
        return self

    def within(self, column: str, values: list[str] | None) -> Query:
        """column is one of the values, where any list was given."""
        if values is not None:
            self._where.append(f"{column} IN ({', '.join('?' * len(values))})")
            self._values += [value.lower() for value in values]
        return self

    def contains(self, column: str, text: str | None) -> Query:
        """column contains the text, where one was given."""
        if text:
            self._where.append(f"instr(lower({column}), lower(?)) > 0")
            self._values.append(text)
        return self

    def rows(self, store: Store, args: Args, order: str) -> tuple[int, list[sqlite3.Row]]:
        """How many there are in all, and the rows of the page that was asked for."""
        where = f" WHERE {' AND '.join(self._where)}" if self._where else ""
        sql = f"SELECT {self._columns} FROM {self._source}{where} ORDER BY {order}"
        limit, offset = _page(args)
        if limit is None:
            rows = store.rows(sql, *self._values)
            return len(rows), rows
        count = store.value(f"SELECT count(*) FROM {self._source}{where}", *self._values)
        return count, store.rows(f"{sql} LIMIT ? OFFSET ?", *self._values, limit, offset)


def _page(args: Args) -> tuple[int | None, int]:
    page, size = args.get("page"), args.get("pagesize")
    if size is None:
        if page is not None:
            raise invalid("page= needs pagesize=.")
        return None, 0
    if size < 1 or (page is not None and page < 1):
        raise invalid("page and pagesize count from 1.")
    return size, ((page or 1) - 1) * size


def listed(noun: str, count: int, rows: list[Json]) -> Json:
    """CloudStack's list: a count and the rows, or nothing at all for no rows."""
    return {"count": count, noun: rows} if rows else {}


def listing(
    lab_store: Store,
    args: Args,
    noun: str,
    query: Query,
    order: str,
    show: Callable[[sqlite3.Row], Json],
) -> Json:
    """A whole list API: the page's rows, each as `show` makes it."""
    count, rows = query.rows(lab_store, args, order)
    return listed(noun, count, [show(row) for row in rows])


def present(**fields: Any) -> Json:
    """A response object: CloudStack leaves out what has no value."""
    return {name: value for name, value in fields.items() if value is not None}
