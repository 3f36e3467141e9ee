"""Details: free names with values, kept beside hosts and zones."""

from __future__ import annotations

from cmk.lab.store import Store


def details_of(store: Store, table: str, owner: str, id: int) -> dict[str, str]:
    """All details of the row `id`; `owner` is the table's column that refers to it."""
    rows = store.rows(f"SELECT name, value FROM {table} WHERE {owner} = ? ORDER BY name", id)
    return {row["name"]: row["value"] for row in rows}


def set_details(store: Store, table: str, owner: str, id: int, details: dict[str, str]) -> None:
    """Set these details, leaving the others; an empty value removes one."""
    for name, value in details.items():
        store.execute(f"DELETE FROM {table} WHERE {owner} = ? AND name = ?", id, name)
        if value:
            store.insert(table, **{owner: id, "name": name, "value": value})
