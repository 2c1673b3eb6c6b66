"""The file of the memory (write-ahead log, every commit synced): opened, changed as one, numbered, closed.

What is in its tables is `sqlite`'s; what happens to a file that is damaged is `rescue`'s.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from supervisor.edges.store.rescue import rescue
from supervisor.edges.store.schema import MIGRATIONS
from supervisor.values.errors import StateError

BUSY_MS = 5000  # what a change waits for another process that has the file


class StateFile:
    """StateError when the file cannot be opened, read or written. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        path = folder / "state.db"
        self._folder, self._path = folder, path
        self._lock = threading.RLock()
        self.changes = 0
        self.has_former = True  # True if the log may hold pages of configuration that was replaced
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.losses = rescue(path)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            path.chmod(0o600)  # whoever put it back may not have known
            os.chown(path, os.geteuid(), os.getegid())
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.execute("PRAGMA foreign_keys=ON")
            self._database.execute("PRAGMA secure_delete=ON")  # what is forgotten is not left in unused pages
            self._migrate()
        except (OSError, sqlite3.Error) as error:
            raise StateError(f"cannot open {path}: {error}") from error

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def erase(self) -> None:
        with self._lock:
            if not self.has_former:
                return
            try:  # the log holds former pages until it is written back and cut off
                self._database.execute("PRAGMA busy_timeout=0")  # while a copy is written, others need the memory
                try:
                    (is_busy, *_) = self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                finally:
                    self._database.execute(f"PRAGMA busy_timeout={BUSY_MS}")
                self.has_former = bool(is_busy)
            except sqlite3.Error as error:
                raise StateError(f"cannot write the log of the state file back: {error}") from error

    def together(self) -> AbstractContextManager[object]:
        return self._change()

    def _migrate(self) -> None:
        (done,) = self._database.execute("PRAGMA user_version").fetchone()
        if done > len(MIGRATIONS):
            raise StateError(f"cannot use the state folder: its format {done} is newer than this supervisor")
        for number, script in enumerate(MIGRATIONS[done:], start=done + 1):
            self._database.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")

    def _count(self) -> None:
        """Number the change, so that a file which lost its newest ones is known to be older than a copy."""
        self.changes += 1
        self._database.execute(
            "INSERT INTO facts VALUES ('serial', '1')"
            " ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)"
        )

    def _fact(self, name: str) -> str | None:
        value = self._one("SELECT value FROM facts WHERE name = ?", name)
        return None if value is None else str(value)

    def _set_fact(self, name: str, value: str) -> None:
        with self._change() as database:
            database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def _all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._database.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise StateError(f"cannot read the state: {error}") from error

    def _one(self, query: str, *values: object) -> Any:
        rows = self._all(query, *values)
        return rows[0][0] if rows else None

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One transaction; nested uses join the outer one."""
        with self._lock:
            if self._database.in_transaction:
                yield self._database
                return
            try:
                self._database.execute("BEGIN IMMEDIATE")
                yield self._database
                self._count()
                self._database.execute("COMMIT")
            except sqlite3.Error as error:
                raise StateError(f"cannot write the state: {error}") from error
            finally:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
