"""File operations inside folders that a hostile service can write to.

Every name is opened relative to a descriptor of its folder and no link is ever followed, so a link planted, or put in
place of a file between two calls, leads nowhere. Sizes, counts and depth are bounded.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from supervisor.decisions.retries import SETTLED_FILE, poll

MAX_BYTES = 64 << 20  # files are held in memory to be compared
MAX_ENTRIES = 100_000
MAX_DEPTH = 32

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a fifo must not make us wait


Alterations = Mapping[str, Callable[[bytes], bytes]]
"""What becomes of the content of a file, by its name in the folder itself."""
_NONE: Alterations = {}
_OURS = re.compile(r"\.new-[0-9a-f]{16}")  # half a file: left by a supervisor that ended while it wrote


@dataclass(slots=True)
class _Budget:
    bytes_left: int = MAX_BYTES
    entries_left: int = MAX_ENTRIES

    def spend(self, entries: int = 0, size: int = 0) -> None:
        self.entries_left -= entries
        self.bytes_left -= size
        if self.entries_left < 0 or self.bytes_left < 0:
            raise OSError(errno.EFBIG, f"more than {MAX_ENTRIES} files or {MAX_BYTES >> 20} MiB")


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    mode: int
    uid: int
    gid: int


def own(path: Path, uid: int, gid: int, mode: int) -> None:
    """Give a folder its owner and mode; not what is in it."""
    with _folder(path) as folder:
        _settle(folder, uid, gid, mode)


def mirror(source: Path, target: Path, alter: Alterations = _NONE) -> bool:
    """Make `target` hold what `source` holds, altered; False when it did already. Links, sockets and devices are passed
    over."""
    with _folder(source) as from_fd, _folder(target) as to_fd:
        return _mirror(from_fd, to_fd, _Budget(), 0, alter)


def digest(path: Path, alter: Alterations = _NONE) -> str:
    """SHA-256 over names and (altered) content of the regular files and folders in a folder; nothing, when it is not
    there."""
    found = hashlib.sha256()
    try:
        with _folder(path) as folder:
            _digest(folder, found, _Budget(), 0, alter)
    except FileNotFoundError:
        pass
    return found.hexdigest()


def amend(path: Path, alter: Alterations) -> bool:
    """Alter files of a folder that nobody writes to now; False when there was nothing to alter."""
    try:
        with _folder(path) as folder:
            altered = [_amend(name, change, folder) for name, change in alter.items()]
    except FileNotFoundError:
        return False
    return any(altered)


def _amend(name: str, change: Callable[[bytes], bytes], folder: int) -> bool:
    found = _read(name, folder, _Budget())
    altered = replace(found, content=change(found.content)) if found else None
    if altered is None or altered == found or not _mirror_file(name, altered, folder):
        return False
    os.fsync(folder)
    return True


def read(path: Path) -> bytes:
    """Content of a regular file that its daemon may be rewriting; nothing, when it is not there."""
    try:
        with _folder(path.parent) as folder:
            found = _read_settled(path.name, folder, _Budget())
    except FileNotFoundError:
        return b""
    return found.content if found else b""


def names(path: Path, limit: int) -> tuple[str, ...]:
    """List the names in a folder, at most `limit` of them, in order; nothing, when it is not there."""
    try:
        with _folder(path) as folder, os.scandir(folder) as entries:
            return tuple(sorted(entry.name for entry in itertools.islice(entries, limit)))
    except FileNotFoundError:
        return ()


def remove(path: Path, wanted: Iterable[str]) -> None:
    """Remove these names from a folder, whatever they are; what is gone already is passed over."""
    with contextlib.suppress(FileNotFoundError), _folder(path) as folder:
        for name in wanted:
            _remove(name, folder)


def remove_tree(path: Path) -> None:
    """Remove a folder with all that is in it; nothing happens when it is gone already."""
    try:
        with _folder(path) as folder:
            _empty(folder)
        path.rmdir()
    except FileNotFoundError:
        return


@contextmanager
def _folder(name: Path | str, parent: int | None = None) -> Iterator[int]:
    descriptor = os.open(name, _FOLDER, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _names(folder: int) -> list[str]:
    return sorted(name for name in os.listdir(folder) if not _OURS.fullmatch(name))


def _digest(folder: int, found: hashlib._Hash, budget: _Budget, depth: int, alter: Alterations = _NONE) -> None:
    if depth > MAX_DEPTH:
        raise OSError(errno.ELOOP, f"folders are nested more than {MAX_DEPTH} deep")
    names = _names(folder)
    budget.spend(entries=len(names))
    for name in names:
        entry = _lstat(name, folder)
        if entry is None:
            continue
        if stat.S_ISDIR(entry.st_mode):
            found.update(b"folder %s\0" % os.fsencode(name))
            with _folder(name, folder) as deeper:
                _digest(deeper, found, budget, depth + 1)
            found.update(b"end\0")
        elif stat.S_ISREG(entry.st_mode) and (file := _read_settled(name, folder, budget)) is not None:
            content = _altered(name, file, alter).content
            found.update(b"file %s\0%d\0" % (os.fsencode(name), len(content)))
            found.update(content)


def _altered(name: str, file: _File, alter: Alterations) -> _File:
    return replace(file, content=alter[name](file.content)) if name in alter else file


def _mirror(source: int, target: int, budget: _Budget, depth: int, alter: Alterations = _NONE) -> bool:
    if depth > MAX_DEPTH:
        raise OSError(errno.ELOOP, f"folders are nested more than {MAX_DEPTH} deep")
    changed = False
    wanted: set[str] = set()
    names = _names(source)
    budget.spend(entries=len(names))
    for name in names:
        found = _lstat(name, source)
        if found is None:
            continue
        if stat.S_ISDIR(found.st_mode):
            wanted.add(name)
            changed |= _mirror_folder(name, source, target, budget, depth)
        elif stat.S_ISREG(found.st_mode) and (file := _read_settled(name, source, budget)) is not None:
            wanted.add(name)
            changed |= _mirror_file(name, _altered(name, file, alter), target)
    for name in set(os.listdir(target)) - wanted:
        _remove(name, target)
        changed = True
    if changed:
        os.fsync(target)
    return changed


def _mirror_folder(name: str, source: int, target: int, budget: _Budget, depth: int) -> bool:
    found = _lstat(name, target)
    is_new = found is None or not stat.S_ISDIR(found.st_mode)
    if is_new:
        if found is not None:
            _remove(name, target)
        os.mkdir(name, 0o700, dir_fd=target)
    with _folder(name, source) as from_fd, _folder(name, target) as to_fd:
        like = os.fstat(from_fd)
        is_settled = _settle(to_fd, like.st_uid, like.st_gid, stat.S_IMODE(like.st_mode) & 0o777)
        return _mirror(from_fd, to_fd, budget, depth + 1) or is_settled or is_new


def _mirror_file(name: str, file: _File, target: int) -> bool:
    found = _lstat(name, target)
    if found is not None and stat.S_ISREG(found.st_mode) and found.st_size == len(file.content):
        if _read(name, target, None) == file:
            return False
    elif found is not None and stat.S_ISDIR(found.st_mode):
        _remove(name, target)
    temporary = f".new-{secrets.token_hex(8)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=target)
    with open(descriptor, "wb") as out:
        out.write(file.content)
        out.flush()
        _settle(descriptor, file.uid, file.gid, file.mode)
        os.fsync(descriptor)
    os.rename(temporary, name, src_dir_fd=target, dst_dir_fd=target)
    return True


def _settle(descriptor: int, uid: int, gid: int, mode: int) -> bool:
    """Set owner and mode where they differ; True when they did."""
    found = os.fstat(descriptor)
    differs = (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) != (uid, gid, mode)
    if differs:
        os.fchown(descriptor, uid, gid)
        os.fchmod(descriptor, mode)
    return differs


def _read_settled(name: str, folder: int, budget: _Budget) -> _File | None:
    """Read a file that its daemon may be rewriting in place: until two reads a moment apart agree. None: it is gone."""
    former = _read(name, folder, budget)

    def is_settled() -> bool:
        nonlocal former
        before, former = former, _read(name, folder, None)
        return former is None or former == before

    def pause(seconds: float) -> None:
        about = _lstat(name, folder)
        if about is not None and abs(time.time() - about.st_mtime) < 0.02:  # perhaps in the middle of it
            time.sleep(seconds)

    if former is None or poll(SETTLED_FILE, is_settled, sleep=pause, waits_first=True):
        return former
    raise OSError(errno.EBUSY, "keeps changing while it is read", name)


def _read(name: str, folder: int, budget: _Budget | None) -> _File | None:
    try:
        descriptor = os.open(name, _FILE, dir_fd=folder)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ELOOP, errno.ENXIO}:  # gone, or a link or socket in its place
            return None
        raise
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return None
        (budget or _Budget()).spend(size=found.st_size)
        content = file.read(found.st_size + 1)  # it may have grown: then the next read differs
        return _File(content, stat.S_IMODE(found.st_mode) & 0o777, found.st_uid, found.st_gid)


def _lstat(name: str, folder: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _remove(name: str, parent: int) -> None:
    found = _lstat(name, parent)
    if found is None:
        return
    if not stat.S_ISDIR(found.st_mode):
        os.unlink(name, dir_fd=parent)
        return
    with _folder(name, parent) as folder:
        _empty(folder)
    os.rmdir(name, dir_fd=parent)


def _empty(top: int) -> None:
    """Remove all that is in a folder. What lies deeper is moved up first, so no depth of nesting can exhaust us."""
    device = os.fstat(top).st_dev
    while folders := _unlink_files(top):
        for name in folders:
            with _folder(name, top) as folder:
                if os.fstat(folder).st_dev != device:
                    raise OSError(errno.EXDEV, "something is mounted there", name)
                for deeper in _unlink_files(folder):
                    os.rename(deeper, f".gone-{secrets.token_hex(8)}", src_dir_fd=folder, dst_dir_fd=top)
            os.rmdir(name, dir_fd=top)


def _unlink_files(folder: int) -> list[str]:
    """Remove what is no folder; return the folders."""
    folders = []
    for name in os.listdir(folder):
        found = _lstat(name, folder)
        if found is None:
            continue
        if stat.S_ISDIR(found.st_mode):
            folders.append(name)
        else:
            os.unlink(name, dir_fd=folder)
    return folders
