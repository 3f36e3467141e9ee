"""The lab's store: one SQLite file in WAL mode, changed in short IMMEDIATE transactions.

Its version is SQLite's `user_version`: the number of files in MIGRATIONS that were applied.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cmk.errors import ConfigurationError

#: In schema/, applied in order, each once; a change of the schema is a new file at the end.
MIGRATIONS = ("001.sql", "002.sql", "003.sql", "004.sql", "005.sql")

#: How long one process waits for another's transaction, in seconds.
PATIENCE = 20.0


class Store:
    """Rows in and out; every error of the file itself comes as a ConfigurationError."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection

    @classmethod
    def open(cls, path: Path, lock: Callable[[], Any], seed: Callable[[Store], None]) -> Store:
        """Open the store, making or upgrading it first where that is due.

        `lock` gives a context in which no other process makes or upgrades it; `seed` fills a new
        one. Raises ConfigurationError for a store that is unreadable, not ours, or newer.
        """
        with _clear(path), ExitStack() as failed:
            store = cls(path, _connect(path))
            failed.callback(store.close)
            version = store._begun()
            if version > len(MIGRATIONS):
                raise ConfigurationError(
                    f"The store {path} was made by a newer cmk (version {version}; this one knows "
                    f"{len(MIGRATIONS)}).",
                    "Use that cmk, or another lab: -u lab:/path",
                )
            if version < len(MIGRATIONS):
                with lock():
                    store._upgrade(seed)
            failed.pop_all()
        return store

    def _begun(self) -> int:
        """Settle how this connection works; returns the file's version."""
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.execute("PRAGMA synchronous = NORMAL")
        return self.version

    def configuration(self, name: str) -> str | None:
        """A setting that was changed; None where the default is in force."""
        value: str | None = self.value("SELECT value FROM configuration WHERE name = ?", name)
        return value

    def set_configuration(self, name: str, value: str | None) -> None:
        """Change a setting, or (None) go back to the default."""
        self.execute("DELETE FROM configuration WHERE name = ?", name)
        if value is not None:
            self.insert("configuration", name=name, value=value)

    @property
    def lab_id(self) -> str:
        """The id of the lab that it is of."""
        return str(self.value("SELECT uuid FROM lab"))

    @property
    def version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def _upgrade(self, seed: Callable[[Store], None]) -> None:
        if self._db.execute("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
            raise ConfigurationError(
                f"The file system of {self.path} cannot hold a store (SQLite's WAL does not work).",
                "Use a local directory: -u lab:/path",
            )
        with self.change():
            begin = self.version  # perhaps another process was faster
            for number, name in enumerate(MIGRATIONS[begin:], begin + 1):
                for statement in _statements(
                    Path(__file__).with_name("schema").joinpath(name).read_text("utf-8")
                ):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {number}")
            if begin == 0:
                seed(self)

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows of a query."""
        with _clear(self.path):
            return self._db.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        with _clear(self.path):
            row: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
            return row

    def value(self, sql: str, *values: Any) -> Any:
        """The first column of the first row; None where there is no row."""
        row = self.one(sql, *values)
        return None if row is None else row[0]

    @contextmanager
    def change(self) -> Iterator[None]:
        """One transaction: all of it or, after an exception, nothing; an inner one joins it."""
        if self._db.in_transaction:
            yield
            return
        with _clear(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def insert(self, table: str, **columns: Any) -> int:
        """Add a row, in a transaction of its own or the one that is open; returns its id."""
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        with self.change(), _clear(self.path):
            cursor = self._db.execute(
                f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(columns.values())
            )
            return int(cursor.lastrowid or 0)

    def update(self, table: str, id: int, **columns: Any) -> None:
        """Change columns of the row with this id."""
        names = ", ".join(f"{name} = ?" for name in columns)
        with self.change(), _clear(self.path):
            self._db.execute(f"UPDATE {table} SET {names} WHERE id = ?", (*columns.values(), id))

    def execute(self, sql: str, *values: Any) -> int:
        """Run one changing statement; returns how many rows it changed."""
        with self.change(), _clear(self.path):
            return self._db.execute(sql, values).rowcount

    def close(self) -> None:
        self._db.close()


def _connect(path: Path) -> sqlite3.Connection:
    if not path.exists():
        # For its owner only: SQLite would ask the umask, and header values are secrets.
        path.touch(mode=0o600)
    db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    db.row_factory = sqlite3.Row
    return db


def _statements(script: str) -> Iterator[str]:
    """The statements of a script one by one: executescript would end the transaction."""
    held = ""
    for line in script.splitlines(keepends=True):
        held += line
        if sqlite3.complete_statement(held):
            yield held
            held = ""


@contextmanager
def _clear(path: Path) -> Iterator[None]:
    """SQLite's complaints about the file as sentences; a mistake in our SQL stays what it is."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except sqlite3.DatabaseError as problem:
        text = str(problem)
        raise ConfigurationError(f"{_sentence(path, text)} ({text}).", _hint(text)) from problem


def _sentence(path: Path, text: str) -> str:
    if "readonly" in text or "read-only" in text:
        return f"The lab's store {path} cannot be written"
    if "unable to open" in text:
        return f"The lab's store {path} cannot be opened"
    if "not a database" in text or "malformed" in text:
        return f"The lab's store {path} is damaged"
    if "locked" in text:
        return f"The lab's store {path} was busy for {PATIENCE:.0f} s"
    if "full" in text:
        return f"No space is left for the lab's store {path}"
    return f"The lab's store {path} failed"


def _hint(text: str) -> str:
    if "not a database" in text or "malformed" in text:
        return "Put a backup in its place, or start afresh with: cmk lab destroy"
    if "locked" in text:
        return "Another cmk has been writing all the while; try again."
    return "Check its owner, mode and file system, or use another lab: -u lab:/path"


def now() -> str:
    """This moment as CloudStack writes it, in UTC."""
    return timestamp(time.time())


def timestamp(seconds: float) -> str:
    """A moment (seconds since the epoch) as CloudStack writes it, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime(seconds))


def new_uuid() -> str:
    """A random id, as everywhere in CloudStack."""
    from uuid import uuid4

    return str(uuid4())
