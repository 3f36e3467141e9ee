"""What all rows have in common: found, read again, changed, marked as removed."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from sqlite3 import Row
from typing import Any, ClassVar, TypeVar

from cmk.lab.store import Store, new_uuid, now

R = TypeVar("R", bound="Record")


class State(str, Enum):
    """A state, which is written as its word."""

    __str__ = str.__str__


class Record:
    """One row of a table, frozen; each column is an attribute."""

    TABLE: ClassVar[str] = ""
    #: What people call such a thing.
    KIND: ClassVar[str] = ""
    #: What events and jobs call it.
    RESOURCE: ClassVar[str] = ""
    #: What stands for "there" in the condition of a look-up.
    THERE: ClassVar[str] = "removed IS NULL"
    HAS_UUID: ClassVar[bool] = True
    STATES: ClassVar[Mapping[str, type[State]]] = {}

    id: int
    uuid: str

    def __init__(self, columns: Mapping[str, Any] | Row) -> None:
        mine = vars(self)
        mine.update(dict(columns))
        for name, states in self.STATES.items():
            mine[name] = states(mine[name])

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{name}: a record is what was read; update() changes the store")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({vars(self)})"

    @property
    def resource(self) -> str:
        """What events and jobs call this one."""
        return self.RESOURCE

    @property
    def owner(self) -> int | None:
        """The account that it belongs to; None where it is nobody's in particular."""
        owner: int | None = vars(self).get("account_id")
        return owner

    def is_for(self, store: Store, account: int) -> bool:
        """Whether an account that it does not belong to may use it."""
        return False

    @classmethod
    def of(cls: type[R], store: Store, id: int | None) -> R:
        """The row that another one refers to: rows stay when a thing is removed."""
        row = store.one(f"SELECT * FROM {cls.TABLE} WHERE id = ?", id)
        assert row is not None
        return cls(row)

    @classmethod
    def known(cls: type[R], store: Store, uuid: str) -> R | None:
        """The row with this id, or with this number as CloudStack still takes it, unless it is
        removed."""
        found = cls.where(store, f"({cls._named(uuid)}) AND {cls.THERE}", uuid.lower())
        return found[0] if found else None

    @classmethod
    def is_gone(cls, store: Store, uuid: str) -> bool:
        """Whether there was one with this id or number that was removed."""
        return bool(cls.where(store, cls._named(uuid), uuid.lower()))

    @staticmethod
    def _named(uuid: str) -> str:
        return "id = ?" if uuid.isdecimal() else "uuid = ?"

    @classmethod
    def where(cls: type[R], store: Store, condition: str, *values: Any) -> list[R]:
        """For the model itself: the rows of a condition, `ORDER BY` included."""
        found = store.rows(f"SELECT * FROM {cls.TABLE} WHERE {condition}", *values)
        return [cls(row) for row in found]

    @classmethod
    def there(cls: type[R], store: Store, **equal: Any) -> list[R]:
        """All that are not removed and have these in their columns, the oldest first."""
        more = "".join(f" AND {column} = ?" for column in equal)
        return cls.where(store, f"{cls.THERE}{more} ORDER BY id", *equal.values())

    @classmethod
    def first(cls: type[R], store: Store, **equal: Any) -> R | None:
        """The oldest of them, if there is any."""
        return next(iter(cls.there(store, **equal)), None)

    @classmethod
    def among(cls: type[R], store: Store, ids: set[int]) -> list[R]:
        """Those with these numbers."""
        marks = ", ".join("?" * len(ids))
        return cls.where(store, f"id IN ({marks}) ORDER BY id", *sorted(ids)) if ids else []

    @classmethod
    def draft(cls: type[R], **columns: Any) -> R:
        """One that is not in the store yet; its number is 0."""
        return cls({"id": 0, "uuid": new_uuid(), **columns})

    @classmethod
    def insert(cls, store: Store, **columns: Any) -> int:
        """Add a row, with an id of its own unless one is given; its number."""
        own = {"uuid": new_uuid()} if cls.HAS_UUID else {}
        return store.insert(cls.TABLE, **{**own, **columns})

    @classmethod
    def add(cls: type[R], store: Store, **columns: Any) -> R:
        """Add a row, and read it."""
        return cls.of(store, cls.insert(store, **columns))

    def again(self: R, store: Store) -> R:
        """The row as it is now."""
        return type(self).of(store, self.id)

    def update(self, store: Store, **columns: Any) -> None:
        """Change columns; a State is written as its word."""
        store.update(self.TABLE, self.id, **columns)

    def remove(self, store: Store) -> None:
        """Mark as removed, without its tags."""
        self.untag(store)
        self.update(store, removed=now())

    def untag(self, store: Store) -> None:
        """Take all tags from it."""
        if self.HAS_UUID:
            store.execute("DELETE FROM resource_tags WHERE resource_uuid = ?", self.uuid)

    def delete(self, store: Store) -> None:
        """Take the row out, of a table whose rows do not stay."""
        self.untag(store)
        store.execute(f"DELETE FROM {self.TABLE} WHERE id = ?", self.id)

    @classmethod
    def is_taken(cls, store: Store, name: str, **within: int) -> bool:
        """Whether something that is there has this name already, in any case."""
        return any(
            vars(each)["name"].lower() == name.lower() for each in cls.there(store, **within)
        )


def details_of(store: Store, table: str, owner: str, id: int) -> dict[str, str]:
    """All details of the row `id`; `owner` is the table's column that refers to it."""
    return details_of_all(store, table, owner, {id}).get(id, {})


def details_of_all(
    store: Store, table: str, owner: str, ids: set[int]
) -> dict[int, dict[str, str]]:
    """The details of several rows, by row."""
    marks = ", ".join("?" * len(ids))
    found: dict[int, dict[str, str]] = {}
    for row in store.rows(
        f"SELECT * FROM {table} WHERE {owner} IN ({marks}) ORDER BY name", *sorted(ids)
    ):
        found.setdefault(row[owner], {})[row["name"]] = row["value"]
    return found


def set_details(store: Store, table: str, owner: str, id: int, details: Mapping[str, str]) -> None:
    """Set these details, leaving the others; an empty value removes one."""
    for name, value in details.items():
        store.execute(f"DELETE FROM {table} WHERE {owner} = ? AND name = ?", id, name)
        if value:
            store.insert(table, **{owner: id, "name": name, "value": value})
