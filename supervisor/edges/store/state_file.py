"""The file of the store (SQLite, write-ahead log, every commit synced): opened, changed as one, numbered, closed.

It is open for this process alone. The index of the log is then in memory (SQLite, "Use of WAL without shared memory"):
in a mapped file beside the state, a disk that fails or turns read-only would end the process with SIGBUS.

The subjects (`generations`, `journal`, …) see to its tables, `rescue` to a file that is damaged.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from supervisor.edges.store.keyring import KeyRing
from supervisor.edges.store.rescue import rescue
from supervisor.edges.store.schema import MIGRATIONS
from supervisor.values.errors import StateError

BUSY_SECONDS = 5.0  # how long opening waits for another process that uses the file
_STEP_PAGES = 256  # of a copy: others use the store between two steps
_STEP_WAIT_SECONDS = 0.01  # before the next step, where a change is under way


class StateFile:
    """The one connection to the file and its lock. Safe to use from several threads.

    Raises StateError: when the file cannot be opened, read or written.
    """

    def __init__(self, folder: Path, ring: KeyRing | None = None) -> None:
        self.folder, self.path = folder, folder / "state.db"
        self.ring = ring or KeyRing()
        self.ring.load()
        self._lock, self._copying = threading.RLock(), threading.Lock()
        self.changes = 0
        self.has_replaced = True  # True if the log may hold pages of configuration that was replaced
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.losses = rescue(self.path, self.ring)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            self.path.chmod(0o600)  # an operator who restored the file may have left it readable
            os.chown(self.path, os.geteuid(), os.getegid())
            self._database = sqlite3.connect(
                self.path, BUSY_SECONDS, check_same_thread=False, isolation_level=None
            )  # used from several threads: the library is built for it (`sqlite3.threadsafety` 3)
            self._database.execute("PRAGMA locking_mode=EXCLUSIVE")  # before the log is first used
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.execute("PRAGMA foreign_keys=ON")
            self._database.execute("PRAGMA secure_delete=ON")  # deleted content is not left in unused pages
            self._migrate()
        except (OSError, sqlite3.Error) as error:
            raise StateError(f"cannot open {self.path}: {error}") from error

    def close(self) -> None:
        with self._copying, self._lock:
            self._database.close()

    def copy_into(self, path: Path) -> None:
        """Copy the content into another file, a few pages at a time: a change meanwhile is in the copy too.

        Raises sqlite3.Error: when it cannot be read or written.
        """
        with self._copying, contextlib.closing(sqlite3.connect(path, isolation_level=None)) as copy:
            self._database.backup(copy, pages=_STEP_PAGES, sleep=_STEP_WAIT_SECONDS)
            copy.execute("PRAGMA journal_mode=DELETE")  # the copy is one file

    def copy_whole(self, path: Path) -> None:
        """Copy the content into an empty file at once, synced. Raises StateError: it cannot be written."""
        with self._lock:
            try:
                self._database.execute("VACUUM INTO ?", (str(path),))
                with path.open("rb") as copy:
                    os.fsync(copy.fileno())
            except (OSError, sqlite3.Error) as error:
                raise StateError(f"cannot copy {self.path}: {error}") from error

    def rewrite(self) -> None:
        """Write the whole file anew and cut the log off: nothing is left in either of what was there before.

        Raises StateError: it cannot be written; the content is the same before and after.
        """
        with self._copying, self._lock:
            try:
                self._database.execute("VACUUM")
            except sqlite3.Error as error:
                raise StateError(f"cannot write {self.path} anew: {error}") from error
            self.has_replaced = True
            self.erase_replaced()

    @contextlib.contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Make the block's changes in one transaction; a nested use joins the outer one."""
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

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return every row of a query."""
        with self._lock:
            try:
                return self._database.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise StateError(f"cannot read the state: {error}") from error

    def value(self, query: str, *values: object) -> Any:
        """Return the first column of a query's first row; None: it has no row."""
        rows = self.rows(query, *values)
        return rows[0][0] if rows else None

    def fact(self, name: str) -> str | None:
        """Return a value of the table of single facts; None: it has no fact of this name."""
        value = self.value("SELECT value FROM facts WHERE name = ?", name)
        return None if value is None else str(value)

    def set_fact(self, name: str, value: str) -> None:
        """Write a value into the table of single facts, over an earlier one."""
        with self.change() as database:
            database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def erase_replaced(self) -> None:
        """Write the log back and cut it off: until then it holds pages of configuration that was replaced.

        Nothing happens when it holds none.
        """
        with self._lock:
            if not self.has_replaced:
                return
            try:
                (is_busy, *_) = self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                self.has_replaced = bool(is_busy)
            except sqlite3.Error as error:
                raise StateError(f"cannot write the log of the state file back: {error}") from error

    def _migrate(self) -> None:
        (done,) = self._database.execute("PRAGMA user_version").fetchone()
        if done > len(MIGRATIONS):
            raise StateError(f"cannot use the state folder: its format {done} is newer than this supervisor")
        for number, script in enumerate(MIGRATIONS[done:], start=done + 1):
            self._database.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")

    def _count(self) -> None:
        """Number the change: a file that lost its newest ones is then recognized as older than a copy."""
        self.changes += 1
        self._database.execute(
            "INSERT INTO facts VALUES ('serial', '1')"
            " ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)"
        )
