"""One row of a table by its id: found, changed, marked as removed."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from cmk.lab.api import Json, invalid, no_such
from cmk.lab.events import record
from cmk.lab.store import now

if TYPE_CHECKING:
    from cmk.lab.engine import Lab


def row_of(lab: Lab, table: str, kind: str, uuid: str, param: str = "id") -> sqlite3.Row:
    """A row that is not removed; raises ApiError 431, naming `param`, where none has this id."""
    row = lab.store.one(f"SELECT * FROM {table} WHERE uuid = ? AND removed IS NULL", uuid)
    if row is None:
        raise no_such(kind, param, uuid)
    return row


def change(lab: Lab, table: str, row: sqlite3.Row, **columns: Any) -> None:
    """Change the columns of a row that were given."""
    given = {name: value for name, value in columns.items() if value is not None}
    if given:
        lab.store.update(table, row["id"], **given)


def delete(lab: Lab, table: str, kind: str, uuid: str, *users: tuple[str, str]) -> Json:
    """Mark a row as removed, unless rows of these tables (with their columns) refer to it."""
    with lab.store.change():
        row = row_of(lab, table, kind, uuid)
        for other, column in users:
            names = lab.store.rows(
                f"SELECT name FROM {other} WHERE {column} = ? AND removed IS NULL ORDER BY id",
                row["id"],
            )
            if names:
                told = ", ".join(user["name"] for user in names[:5])
                raise invalid(f"The {kind} {row['name']} is in use by: {told}.")
        lab.store.update(table, row["id"], removed=now())
    record(lab, f"{kind.upper().replace(' ', '.')}.DELETE", f"Deleted the {kind} {row['name']}")
    return {"success": True, "displaytext": f"The {kind} {row['name']} is deleted"}
