"""Allows one supervisor at a time on a state folder: by a lock that the kernel releases when the process ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from supervisor.values.errors import StateError, StateLockedError


class StateLock:
    """The lock of a state folder, held from construction until `release`.

    Raises StateLockedError: when another process holds it, with its pid; StateError: when the folder cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(f"cannot use state folder {folder}: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._file, 32, 0).decode(errors="replace").strip()
            os.close(self._file)
            raise StateLockedError(str(folder), int(holder) if holder.isdigit() else None) from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._file)
