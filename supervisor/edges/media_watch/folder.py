"""The folder into which media are copied, and which of its files are to be read, each once until it changes.

It may be missing, and come later. A mount over it, and a file that another host wrote, are found because the watch
lists the folder now and then besides.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from supervisor.edges.media_watch.inotify import ARRIVALS, UNCERTAIN, Inotify

log = logging.getLogger(__name__)

Mark = tuple[int, ...]


class MediaFolder:
    """Watches one folder. Raises OSError: when the kernel cannot watch any folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inotify = Inotify()
        self._watched: int | None = None
        self._reason: str | None = None  # why it is not watched
        self._seen: dict[str, Mark] = {}

    def fileno(self) -> int:
        return self._inotify.fileno()

    def close(self) -> None:
        self._inotify.close()

    def look(self) -> tuple[str, ...]:
        """Watch the folder that is at the path now, and return its files that changed since they were last returned."""
        try:
            self._watch(self._inotify.add(str(self._path)), None)
            names = sorted(os.listdir(self._path))
        except OSError as error:
            self._watch(None, error.strerror)
            names = []
        self._seen = {name: mark for name, mark in self._seen.items() if name in names}
        return self._fresh(names)

    def read(self) -> tuple[str, ...]:
        """Return the files that came since the last call; empty: none did."""
        events = self._inotify.read()
        if any(event.mask & UNCERTAIN for event in events):
            return self.look()
        return self._fresh(event.name for event in events if event.mask & ARRIVALS)

    def _watch(self, watch: int | None, reason: str | None) -> None:
        if self._watched is not None and self._watched != watch:
            with suppress(OSError):  # it went together with its folder
                self._inotify.remove(self._watched)
        if reason and reason != self._reason:
            log.warning("media folder not here", extra={"folder": str(self._path), "reason": reason})
        elif watch is not None and watch != self._watched:
            log.info("media folder watched", extra={"folder": str(self._path)})
        self._watched, self._reason = watch, reason

    def _fresh(self, names: Iterable[str]) -> tuple[str, ...]:
        return tuple(str(self._path / name) for name in names if is_medium(name) and self._is_fresh(name))

    def _is_fresh(self, name: str) -> bool:
        path = self._path / name
        try:
            status = path.lstat()
        except OSError:  # gone again
            return False
        # The time of change is new after every write, rename and copy, so what comes back is looked at again.
        mark = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        is_regular = stat.S_ISREG(status.st_mode)
        if mark == self._seen.get(name) or (is_regular and is_being_written(path)):
            return False
        self._seen[name] = mark
        if is_regular and name.isprintable():
            return True
        reason = "its name cannot be printed" if is_regular else "it is not a regular file"
        log.warning("medium passed over", extra={"medium": repr(str(path)), "reason": reason})
        return False


def is_medium(name: str) -> bool:
    """Return True for `*.iso` as a shell means it: a tool that copies writes a hidden file and renames it later."""
    return name.endswith(".iso") and not name.startswith(".")


def is_being_written(path: Path) -> bool:
    """Return True if a process has this file open for writing: its end of writing will be reported.

    The kernel grants no read lease on such a file (fcntl(2)). A lease that is granted is given back at once; a process
    that writes in that moment is held up for it, and the kernel sends us a signal that means nothing to us.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # the error is reported when the medium is opened
        return False
    try:
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:  # not on this file system
        return False
    finally:
        os.close(handle)
    return False
