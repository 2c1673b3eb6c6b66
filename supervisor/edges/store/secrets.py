"""The store's secrets as a whole: encrypted with the key in use, wherever they are, step by step.

Rows are written anew in small transactions; copies are renewed by whoever writes them; files that were laid aside are
encrypted whole. A process that ends anywhere in it leaves values that each have the id of their key, and the next one
goes on. A key is forgotten when nothing in the folder is encrypted with it any more.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from supervisor.edges.store.copies import refuse_without_room
from supervisor.edges.store.rescue import CONFIGURATION_LOST, asides, copies_of, sync_folder
from supervisor.edges.store.sealed_files import is_sealed, keys_used, seal_file
from supervisor.edges.store.sealing import key_id
from supervisor.edges.store.secret_values import BAGS, COMMANDS, Stored, revealed, sealed
from supervisor.edges.store.state_file import StateFile
from supervisor.edges.store.subject import Subject
from supervisor.values.errors import SecretKeyError, StateError
from supervisor.values.settings import KeySource
from supervisor.values.status import SecretsStatus

STEP_ROWS = 500  # of identities that are written anew in one transaction
LEFT_OVER = "secrets left over"  # a fact: unused parts of pages may have what rows had before, and copies too
_TEXT, _FORMER = "text", "former"  # its values: in clear, or encrypted with a former key
KEPT_ABANDONED = 3
_IDS = (
    "SELECT DISTINCT substr(value, 1, 12), typeof(value) FROM facts WHERE name = 'bags'"
    " UNION SELECT DISTINCT substr(identity, 1, 12), typeof(identity) FROM commands"
)  # of text the beginning means nothing


class SqliteSecrets(Subject):
    """Satisfies `ports.store.Secrets`."""

    def __init__(self, file: StateFile) -> None:
        super().__init__(file)
        self._ring = file.ring
        self._changing = threading.RLock()  # the keys, and what is encrypted with them
        self._failure = ""  # why the last step ended early; empty: it did not
        self._waits_for = ""  # what has still to be replaced by others; empty: nothing
        self._is_rewritten = False  # True if no page has anything from before, since this process encrypts
        self._known: tuple[int, tuple[frozenset[bytes], bool]] | None = None  # number of changes, and what was used
        self._seen: object = None  # of the files beside the store, when nothing was left to do with them

    def secrets(self) -> SecretsStatus:
        ring = self._ring
        _, has_text = self._used()
        unreadable = self._unreadable()
        source = ring.place.source if ring.place else KeySource.NONE
        message = ring.missing(unreadable[0]) if unreadable else self._failure
        if ring.gone and not message:
            message = f"{ring.gone} is gone: restore it, or nothing can be decrypted after the next start"
        return SecretsStatus(
            source=source,
            place=ring.place.name if ring.place else "",
            is_encrypted=not ring.is_off and not has_text and self._file.fact(LEFT_OVER) != _TEXT,
            key=ring.current.id.hex() if ring.current else "",
            former=tuple(key.id.hex() for key in ring.keys if key != ring.current),
            pending=self._waits_for,
            message=message,
        )

    def renew_secrets(self) -> bool:
        with self._changing:
            try:
                is_more = self._renew()
                self._failure = ""
            except StateError as error:
                self._failure = str(error)
                return False
            except (OSError, sqlite3.Error) as error:
                self._failure = f"cannot encrypt what is stored: {error}"
                return False
            return is_more

    def rotate_key(self) -> str:
        with self._changing:
            if unknown := self._unreadable():
                raise SecretKeyError(f"cannot change the key: key {unknown[0].hex()} is missing")
            key = self._ring.rotate()
            self._seen = None
            return key.id.hex()

    def abandon_secrets(self, now: float) -> str:
        with self._changing:
            ring = self._ring
            ring.load()
            unreadable = self._unreadable()
            if not unreadable:
                raise SecretKeyError("cannot abandon secrets: all of them can be decrypted")
            if not ring.is_off and ring.current is None:
                if ring.problem:
                    raise SecretKeyError(ring.problem)
                ring.make()
            place = self._lay_aside()
            with self._file.change() as database:
                bags = self._bags()
                if isinstance(bags, bytes) and not ring.knows(key_id(bags)):
                    database.execute("DELETE FROM facts WHERE name = 'bags'")
                    self._file.set_fact(CONFIGURATION_LOST, str(now))
                for identity in unreadable:
                    database.execute("DELETE FROM commands WHERE substr(identity, 5, 8) = ?", (identity,))
            self._seen, self._failure = None, ""
            return place.name

    # ------------------------------------------------------------ steps

    def _renew(self) -> bool:
        ring = self._ring
        used, has_text = self._used()
        if not all(map(ring.knows, used)) or (ring.current is None and not ring.is_off) or ring.problem:
            ring.load()
        if not all(map(ring.knows, used)):
            return False  # a new key would not decrypt them: what is to become of them is for an operator to decide
        if ring.current is None and not ring.is_off:
            if ring.problem:
                raise SecretKeyError(ring.problem)
            ring.make()
        if self._rewrite_rows(used, has_text=has_text):
            return True
        self._finish()
        return False

    def _rewrite_rows(self, used: frozenset[bytes], *, has_text: bool) -> bool:
        """Write some rows anew that are not encrypted as they should be. False: there are none."""
        key = self._ring.writing_key()
        wanted = key.id if key else None
        if used <= {wanted} and not (key and has_text):
            return False
        with self._file.change() as database:
            self._file.has_replaced = True
            if key:
                was_text = has_text or self._file.fact(LEFT_OVER) == _TEXT
                self._file.set_fact(LEFT_OVER, _TEXT if was_text else _FORMER)
                self._is_rewritten = False
            bags = self._bags()
            if bags is not None and _id_of(bags) != wanted:
                fresh = sealed(self._ring, BAGS, revealed(self._ring, BAGS, bags))
                database.execute("UPDATE facts SET value = ? WHERE name = 'bags'", (fresh,))
            rows = database.execute(
                "SELECT rowid, identity FROM commands WHERE CASE typeof(identity) WHEN 'blob'"
                " THEN substr(identity, 5, 8) ELSE x'' END != ? LIMIT ?",
                (wanted or b"", STEP_ROWS),
            ).fetchall()
            for rowid, identity in rows:
                fresh = sealed(self._ring, COMMANDS, revealed(self._ring, COMMANDS, identity))
                database.execute("UPDATE OR IGNORE commands SET identity = ? WHERE rowid = ?", (fresh, rowid))
                database.execute("DELETE FROM commands WHERE rowid = ? AND identity = ?", (rowid, identity))
        return True

    def _finish(self) -> None:
        """Do what follows when every row is written: pages, files laid aside, keys that are used no more."""
        ring, left_over = self._ring, self._file.fact(LEFT_OVER)
        seen = self._look(), left_over
        if seen == self._seen:
            return
        if ring.current:
            for path in asides(self._file.path):
                if not is_sealed(path):
                    seal_file(ring.current, path)
                    sync_folder(path.parent)
        if left_over and ring.current:
            if not self._is_rewritten:
                refuse_without_room(self._file.path, f"write {self._file.path} anew")
                self._file.rewrite()
                self._is_rewritten = True
            behind = [copy.name for copy in copies_of(self._file.path) if _has_text(copy)]
            if left_over == _TEXT and behind:
                self._waits_for = f"in clear until they are written again: {', '.join(behind)}"
                return
            with self._file.change() as database:
                database.execute("DELETE FROM facts WHERE name = ?", (LEFT_OVER,))
        look = self._look()
        self._waits_for = self._forget_keys(tuple(key.id for key in ring.keys if key != ring.current), look)
        self._seen = look, None  # what changed meanwhile is looked at again

    def _forget_keys(self, stale: tuple[bytes, ...], look: object) -> str:
        """Forget keys that nothing is encrypted with, and return what others are needed for.

        Files that have changed since `look` may have keys that were not seen there: then none is forgotten.
        """
        if not stale:
            return ""
        uses: dict[str, frozenset[bytes]] = {}
        for path in self._others():
            with suppress(FileNotFoundError):  # a copy that has its name by now
                uses[path.name] = keys_used(path)
        with self._file.change():  # whoever began to write before the key in use changed has ended; none is of those
            uses[self._file.path.name], _ = self._used(is_fresh=True)
        if self._look() != look:
            return "files beside the state are being written"
        needed = {identity: [name for name, used in uses.items() if identity in used] for identity in stale}
        gone = [identity for identity in stale if not needed[identity]]
        if gone and self._ring.place and self._ring.place.is_writable:
            self._ring.forget(gone)
        said = ((identity.hex(), ", ".join(names)) for identity, names in needed.items() if names)
        return "; ".join(f"key {identity} is still needed for {names}" for identity, names in said)

    # ------------------------------------------------------------ what there is

    def _bags(self) -> Stored | None:
        stored: Stored | None = self._file.value("SELECT value FROM facts WHERE name = 'bags'")
        return stored

    def _unreadable(self) -> list[bytes]:
        """Return the ids of keys that rows need and that are not here."""
        return [identity for identity in self._used()[0] if not self._ring.knows(identity)]

    def _used(self, *, is_fresh: bool = False) -> tuple[frozenset[bytes], bool]:
        """Return the ids of the keys of rows, and whether there are rows in clear."""
        changes = self._file.changes  # asked once a second, and by every status
        if is_fresh or self._known is None or self._known[0] != changes:
            rows = self._file.rows(_IDS)
            ids = frozenset(bytes(begin)[4:12] for begin, kind in rows if kind == "blob")
            self._known = changes, (ids, any(kind == "text" for _, kind in rows))
        return self._known[1]

    def _others(self) -> Iterator[Path]:
        """Yield the files beside the store that may have encrypted values."""
        path = self._file.path
        for place in sorted(path.parent.glob(f"{path.name}.*")):
            if place.is_file() and not place.is_symlink():
                yield place

    def _look(self) -> object:
        def mark(path: Path) -> tuple[object, ...]:
            with suppress(OSError):
                status = path.stat()
                return path.name, status.st_ino, status.st_size, status.st_mtime_ns
            return (path.name,)

        return tuple(map(mark, self._others()))

    def _lay_aside(self) -> Path:
        """Copy the file as it is. Raises StateError: it cannot be written."""
        path = self._file.path
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        place = path.with_name(f"{path.name}.abandoned-{stamp}")
        os.close(os.open(place, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        try:
            self._file.copy_whole(place)
        except BaseException:
            place.unlink()  # a part of it would count as one of those that are kept
            raise
        former = sorted(path.parent.glob(f"{path.name}.abandoned-*"))
        for old in former[:-KEPT_ABANDONED]:
            old.unlink()
        sync_folder(path.parent)
        return place


def _id_of(stored: Stored) -> bytes | None:
    return key_id(stored) if isinstance(stored, bytes) else None


def _has_text(copy: Path) -> bool:
    """True if a copy has secrets in clear."""
    with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
        return any(kind == "text" for _, kind in database.execute(_IDS))
