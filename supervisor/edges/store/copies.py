"""Two rotated copies of the store beside it, each whole, synced and renamed in, mode 0600."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from supervisor.edges.store.rescue import COPIES, examine, sync_folder
from supervisor.values.errors import StateError

ROOM = 16 << 20  # bytes that a copy leaves to the services: their state is on the same disk


def write_copy(path: Path, copy_into: Callable[[Path], None]) -> None:
    """Write a copy of the store with `copy_into`; the newest one before it becomes the older one.

    Raises StateError: when it cannot be written or read back; both former copies are unchanged.
    """
    fresh, newest, older = (path.with_name(f"{path.name}.{name}") for name in ("copy-new", *COPIES))
    try:
        refuse_without_room(path, f"copy {path}")
        _clear(fresh)
        os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        copy_into(fresh)
        reason, number = examine(fresh)
        if number is None:
            raise StateError(f"cannot copy {path}: what was written cannot be read: {reason or 'it is empty'}")
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        if newest.is_file():
            newest.replace(older)
        fresh.replace(newest)
        sync_folder(path.parent)
    except (OSError, sqlite3.Error) as error:
        raise StateError(f"cannot copy {path}: {error}") from error
    finally:
        with contextlib.suppress(OSError):
            _clear(fresh)


def refuse_without_room(path: Path, doing: str) -> None:
    """Return if a file may be written beside itself. Raises StateError: the disk has no room; OSError."""
    space = os.statvfs(path.parent)
    free, needed = space.f_bavail * space.f_frsize, path.stat().st_size + ROOM
    if free < needed:
        raise StateError(f"cannot {doing}: less than the {needed >> 20} MiB that are needed are free")  # said once


def _clear(fresh: Path) -> None:
    for companion in ("", "-journal", "-wal", "-shm"):
        fresh.with_name(fresh.name + companion).unlink(missing_ok=True)
