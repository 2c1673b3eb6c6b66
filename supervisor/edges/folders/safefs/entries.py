"""Folders by descriptor and their entries: names, owners, and files that may be rewritten while they are read."""

from __future__ import annotations

import errno
import itertools
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from supervisor.decisions.retries import SETTLED_FILE, poll

MAX_BYTES = 64 << 20  # files are held in memory to be compared
MAX_ENTRIES = 100_000
MAX_DEPTH = 32

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a fifo must not make us wait
_OURS = re.compile(r"\.new-[0-9a-f]{16}")  # half a file: left by a supervisor that ended while it wrote


@dataclass(slots=True)
class Budget:
    """The entries and bytes that an operation may still read before it is refused."""

    bytes_left: int = MAX_BYTES
    entries_left: int = MAX_ENTRIES

    def spend(self, entries: int = 0, size: int = 0) -> None:
        """Take entries and bytes off. Raises OSError: when none are left."""
        self.entries_left -= entries
        self.bytes_left -= size
        if self.entries_left < 0 or self.bytes_left < 0:
            raise OSError(errno.EFBIG, f"more than {MAX_ENTRIES} files or {MAX_BYTES >> 20} MiB")

    def enter(self, depth: int) -> None:
        """Check how deep a folder is nested. Raises OSError: when it is too deep."""
        if depth > MAX_DEPTH:
            raise OSError(errno.ELOOP, f"folders are nested more than {MAX_DEPTH} deep")


@dataclass(frozen=True, slots=True)
class File:
    """A regular file as it was read."""

    content: bytes
    mode: int
    uid: int
    gid: int


def own(path: Path, uid: int, gid: int, mode: int) -> None:
    """Give a folder its owner and mode, but not its content."""
    with open_folder(path) as folder:
        settle(folder, uid, gid, mode)


def read(path: Path) -> bytes:
    """Return the content of a regular file that its daemon may be rewriting; empty: it is not there."""
    try:
        with open_folder(path.parent) as folder:
            file = read_settled(path.name, folder, Budget())
    except FileNotFoundError:
        return b""
    return file.content if file else b""


def names(path: Path, limit: int) -> tuple[str, ...]:
    """Return at most `limit` names of a folder's entries, sorted; empty: the folder is not there."""
    try:
        with open_folder(path) as folder, os.scandir(folder) as entries:
            return tuple(sorted(entry.name for entry in itertools.islice(entries, limit)))
    except FileNotFoundError:
        return ()


@contextmanager
def open_folder(name: Path | str, parent: int | None = None) -> Iterator[int]:
    """Open a folder that is no link, below the descriptor `parent` if one is given; closed at the end of the block."""
    descriptor = os.open(name, _FOLDER, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def names_in(folder: int) -> list[str]:
    """Return the names in a folder, sorted, without files that a supervisor had not finished."""
    return sorted(name for name in os.listdir(folder) if not _OURS.fullmatch(name))


def status(name: str, folder: int) -> os.stat_result | None:
    """Return the status of an entry, of a link itself; None: there is none of this name."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def settle(descriptor: int, uid: int, gid: int, mode: int) -> bool:
    """Set owner and mode where they differ; return True if they did."""
    present = os.fstat(descriptor)
    differs = (present.st_uid, present.st_gid, stat.S_IMODE(present.st_mode)) != (uid, gid, mode)
    if differs:
        os.fchown(descriptor, uid, gid)
        os.fchmod(descriptor, mode)
    return differs


def read_settled(name: str, folder: int, budget: Budget) -> File | None:
    """Read a file that its daemon may be rewriting in place: until two reads a moment apart agree. None: it is gone."""
    former = read_file(name, folder, budget)

    def is_settled() -> bool:
        nonlocal former
        before, former = former, read_file(name, folder, None)
        return former is None or former == before

    def pause(seconds: float) -> None:
        entry = status(name, folder)
        if entry is not None and abs(time.time() - entry.st_mtime) < 0.02:  # perhaps in the middle of a write
            time.sleep(seconds)

    if former is None or poll(SETTLED_FILE, is_settled, sleep=pause, waits_first=True):
        return former
    raise OSError(errno.EBUSY, "keeps changing while it is read", name)


def read_file(name: str, folder: int, budget: Budget | None) -> File | None:
    """Read a regular file; None: there is none of this name. Without a budget the file alone must not be too large."""
    try:
        descriptor = os.open(name, _FILE, dir_fd=folder)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ELOOP, errno.ENXIO}:  # gone, or a link or socket in its place
            return None
        raise
    with open(descriptor, "rb") as file:
        present = os.fstat(descriptor)
        if not stat.S_ISREG(present.st_mode):
            return None
        (budget or Budget()).spend(size=present.st_size)
        content = file.read(present.st_size + 1)  # it may have grown: then the next read differs
        return File(content, stat.S_IMODE(present.st_mode) & 0o777, present.st_uid, present.st_gid)
