"""The check before the store is used: an unreadable file is laid aside, and the newest good copy takes its place.

Two copies lie beside the file (`copies`). Each commit has a number, so that a file which silently lost its newest
commits (its write-ahead log was damaged) is recognized as older than a copy. Nothing is thrown away at once: a file
that is laid aside is named `state.db.damaged-<time>`, and the newest of those are stored. Facts that no copy has are
rebuilt from the containers that run.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from supervisor.edges.store.keyring import KeyRing
from supervisor.edges.store.rows import KEYS, FaultyRow, faulty_rows, mend
from supervisor.edges.store.schema import MIGRATIONS
from supervisor.values.errors import StateError

COPIES = ("copy-1", "copy-2")  # the newest first
KEPT_ASIDE = 3
CONFIGURATION_LOST = "configuration lost"  # a fact: what services have been given is not to be replaced by less
_COMPANIONS = ("-wal", "-shm", "-journal")
_COMPANION = re.compile(rf"({'|'.join(_COMPANIONS)})?(\.new)?$")  # of a file that was laid aside


def rescue(path: Path, ring: KeyRing) -> tuple[str, ...]:
    """Make `path` a file that can be used, or none; return one sentence for each damage and what was done about it.

    A value whose key is not in `ring` is no damage.
    Raises StateError: when the files cannot be put in order, or a newer supervisor wrote them.
    """
    try:
        path.with_name(path.name + ".new").unlink(missing_ok=True)  # of a process that was killed
        _refuse_newer(path)
        reason, number = examine(path)
        copies = [(last, place) for place in copies_of(path) if (last := examine(place)[1]) is not None]
        newest = max(copies, key=lambda copy: copy[0], default=None)
        said = []
        if number is not None and newest and newest[0] > number:
            reason = f"its newest changes are gone: it ends at {number}, a copy at {newest[0]}"
        if reason or (number is None and newest):
            reason = reason or ("it is empty" if path.exists() else "it is missing")
            said.append(_replace(path, reason, newest[1] if newest else None))
        return (*said, *_mend_rows(path, ring))
    except (OSError, sqlite3.Error) as error:
        raise StateError(f"cannot put {path} in order: {error}") from error


def _refuse_newer(path: Path) -> None:
    """Raises StateError: when a newer supervisor wrote the file; unlike damage, its copies are newer too."""
    formats = [version for place in (path, *copies_of(path)) if (version := _format(place)) > len(MIGRATIONS)]
    if len(formats) > 1 and _format(path) > len(MIGRATIONS):
        raise StateError(f"cannot use {path}: its format {formats[0]} and its copy's are newer than this supervisor")


def _format(path: Path) -> int:
    """Return the number of the format in a file's header; 0: it cannot be read."""
    with contextlib.suppress(OSError, sqlite3.Error):
        if path.is_file() and not path.is_symlink() and path.stat().st_size:
            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
                return int(database.execute("PRAGMA user_version").fetchone()[0])
    return 0


def examine(path: Path) -> tuple[str, int | None]:
    """Return why a file cannot be used (empty: it can, or is missing), and the number of its last change if it can.

    Raises StateError: when another process uses it, which is no damage.
    """
    if not path.exists() and not path.is_symlink():
        return "", None
    if not path.is_file() or path.is_symlink():
        return "it is no file", None
    if path.stat().st_size == 0 and not path.with_name(path.name + "-wal").exists():
        return ("it is empty", None) if list(copies_of(path)) else ("", None)  # else: somebody was about to make it
    try:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
            return _examined(database)
    except (sqlite3.Error, ValueError) as error:
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF == sqlite3.SQLITE_BUSY:
            raise StateError(f"cannot use {path}: another process uses it") from error
        return str(error), None


def copies_of(path: Path) -> Iterator[Path]:
    """Yield the copies that exist, the newest first."""
    for name in COPIES:
        copy = path.with_name(f"{path.name}.{name}")
        if copy.is_file():
            yield copy


def asides(path: Path) -> Iterator[Path]:
    """Yield the files that were laid aside, with their logs."""
    for place in sorted(path.parent.glob(f"{path.name}.damaged-*")):
        if place.is_file() and not place.is_symlink() and place.suffix != ".new":
            yield place


def sync_folder(folder: Path) -> None:
    """Make renames in the folder outlive a loss of power."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _examined(database: sqlite3.Connection) -> tuple[str, int | None]:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        return f"its format {version} is newer than this supervisor", None
    (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        return str(verdict), None
    if version == 0:
        return "", None  # made, and not filled yet
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if missing := sorted(set(KEYS) - tables):
        return f"tables are missing: {', '.join(missing)}", None
    number = database.execute("SELECT value FROM facts WHERE name = 'serial'").fetchone()
    return "", int(number[0]) if number and str(number[0]).isdigit() else 0


def _replace(path: Path, reason: str, copy: Path | None) -> str:
    said = f"cannot use {path}: {reason}"
    if path.exists() or path.is_symlink():
        said += f"; it is laid aside as {_lay_aside(path)}"
    for companion in _COMPANIONS:  # of a file that is missing
        path.with_name(path.name + companion).unlink(missing_ok=True)
    if copy is None:
        return f"{said}; there is no good copy: what runs is adopted, what was remembered besides is lost"
    age = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(copy.stat().st_mtime))
    fresh = path.with_name(path.name + ".new")
    shutil.copyfile(copy, fresh)
    fresh.chmod(0o600)
    with fresh.open("rb") as file:
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)
    return f"{said}; {copy.name} of {age} is used instead"


def _lay_aside(path: Path) -> str:
    place = _aside(path)
    for companion in _COMPANIONS:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + companion).replace(place.with_name(place.name + companion))
    path.replace(place)
    _forget_oldest(path)
    return place.name


def _aside(path: Path) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    names = (f"{path.name}.damaged-{stamp}{more}" for more in ("", *(f"-{number}" for number in range(2, 1000))))
    return next(place for name in names if not (place := path.with_name(name)).exists())


def _forget_oldest(path: Path) -> None:
    """Remove the oldest files that were laid aside: secrets are in them, and room is scarce."""
    laid: dict[str, list[Path]] = {}
    for place in path.parent.glob(f"{path.name}.damaged-*"):
        laid.setdefault(_COMPANION.sub("", place.name), []).append(place)
    for name in sorted(laid)[:-KEPT_ASIDE]:
        for file in laid[name]:
            if file.is_dir() and not file.is_symlink():
                shutil.rmtree(file, ignore_errors=True)
            else:
                file.unlink(missing_ok=True)


def _mend_rows(path: Path, ring: KeyRing) -> tuple[str, ...]:
    """Mend single rows of a file that can be read; return one sentence for each."""
    if examine(path)[1] is None:
        return ()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        rows = faulty_rows(database, ring)
        if not rows:
            return ()
        place = _aside(path)
        place.touch(mode=0o600)
        database.execute("VACUUM INTO ?", (str(place),))
        database.execute("BEGIN IMMEDIATE")
        with _newest_copy(path) as copy:
            mend(database, copy, rows, ring)
        has_bags = database.execute("SELECT 1 FROM facts WHERE name = 'bags'").fetchone()
        if any(row.is_configuration for row in rows) and not has_bags:
            database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (CONFIGURATION_LOST, str(time.time())))
        database.execute("DELETE FROM facts WHERE name LIKE 'medium %'")  # media are read again: they may have it
        database.execute("COMMIT")
    _forget_oldest(path)
    return tuple(_said(path, row, place) for row in rows)


def _said(path: Path, row: FaultyRow, place: Path) -> str:
    return f"cannot read a row of {path} ({row}); the file as it was is {place.name}"


@contextlib.contextmanager
def _newest_copy(path: Path) -> Iterator[sqlite3.Connection | None]:
    known = [(number, copy) for copy in copies_of(path) if (number := examine(copy)[1]) is not None]
    if not known:
        yield None
        return
    with contextlib.closing(sqlite3.connect(max(known)[1], isolation_level=None)) as database:
        yield database
