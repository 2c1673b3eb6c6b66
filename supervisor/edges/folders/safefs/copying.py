"""Copies of folders and their digests, with the content of some files altered on the way."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from supervisor.edges.folders.safefs.entries import (
    Budget,
    File,
    names_in,
    open_folder,
    read_file,
    read_settled,
    settle,
    status,
)
from supervisor.edges.folders.safefs.removal import remove_entry

Alterations = Mapping[str, Callable[[bytes], bytes]]
"""The change of a file's content, by its name in the top folder; other files stay as they are."""

_NONE: Alterations = {}


def mirror(source: Path, target: Path, alter: Alterations = _NONE) -> bool:
    """Make `target` hold what `source` holds, altered; False: it did already. Only files and folders are copied."""
    with open_folder(source) as from_fd, open_folder(target) as to_fd:
        return _mirror(from_fd, to_fd, Budget(), 0, alter)


def digest(path: Path, alter: Alterations = _NONE) -> str:
    """Return the SHA-256 over names and altered content of a folder's files; a missing folder has that of nothing."""
    total = hashlib.sha256()
    try:
        with open_folder(path) as folder:
            _digest(folder, total, Budget(), 0, alter)
    except FileNotFoundError:
        pass
    return total.hexdigest()


def amend(path: Path, alter: Alterations) -> bool:
    """Alter files of a folder that nobody writes to now; False: there was nothing to alter."""
    try:
        with open_folder(path) as folder:
            altered = [_amend(name, change, folder) for name, change in alter.items()]
    except FileNotFoundError:
        return False
    return any(altered)


def _amend(name: str, change: Callable[[bytes], bytes], folder: int) -> bool:
    file = read_file(name, folder, Budget())
    altered = replace(file, content=change(file.content)) if file else None
    if altered is None or altered == file or not _write(name, altered, folder):
        return False
    os.fsync(folder)
    return True


def _digest(folder: int, total: hashlib._Hash, budget: Budget, depth: int, alter: Alterations = _NONE) -> None:
    budget.enter(depth)
    names = names_in(folder)
    budget.spend(entries=len(names))
    for name in names:
        entry = status(name, folder)
        if entry is None:
            continue
        if stat.S_ISDIR(entry.st_mode):
            total.update(b"folder %s\0" % os.fsencode(name))
            with open_folder(name, folder) as deeper:
                _digest(deeper, total, budget, depth + 1)
            total.update(b"end\0")
        elif stat.S_ISREG(entry.st_mode) and (file := read_settled(name, folder, budget)) is not None:
            content = _altered(name, file, alter).content
            total.update(b"file %s\0%d\0" % (os.fsencode(name), len(content)))
            total.update(content)


def _altered(name: str, file: File, alter: Alterations) -> File:
    return replace(file, content=alter[name](file.content)) if name in alter else file


def _mirror(source: int, target: int, budget: Budget, depth: int, alter: Alterations = _NONE) -> bool:
    budget.enter(depth)
    changed = False
    wanted: set[str] = set()
    names = names_in(source)
    budget.spend(entries=len(names))
    for name in names:
        entry = status(name, source)
        if entry is None:
            continue
        if stat.S_ISDIR(entry.st_mode):
            wanted.add(name)
            changed |= _mirror_folder(name, source, target, budget, depth)
        elif stat.S_ISREG(entry.st_mode) and (file := read_settled(name, source, budget)) is not None:
            wanted.add(name)
            changed |= _write(name, _altered(name, file, alter), target)
    for name in set(os.listdir(target)) - wanted:
        remove_entry(name, target)
        changed = True
    if changed:
        os.fsync(target)
    return changed


def _mirror_folder(name: str, source: int, target: int, budget: Budget, depth: int) -> bool:
    entry = status(name, target)
    is_new = entry is None or not stat.S_ISDIR(entry.st_mode)
    if is_new:
        if entry is not None:
            remove_entry(name, target)
        os.mkdir(name, 0o700, dir_fd=target)
    with open_folder(name, source) as from_fd, open_folder(name, target) as to_fd:
        like = os.fstat(from_fd)
        is_settled = settle(to_fd, like.st_uid, like.st_gid, stat.S_IMODE(like.st_mode) & 0o777)
        return _mirror(from_fd, to_fd, budget, depth + 1) or is_settled or is_new


def _write(name: str, file: File, target: int) -> bool:
    """Write a file beside and rename it in; False: an equal one is there already."""
    entry = status(name, target)
    if entry is not None and stat.S_ISREG(entry.st_mode) and entry.st_size == len(file.content):
        if read_file(name, target, None) == file:
            return False
    elif entry is not None and stat.S_ISDIR(entry.st_mode):
        remove_entry(name, target)
    temporary = f".new-{secrets.token_hex(8)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=target)
    with open(descriptor, "wb") as out:
        out.write(file.content)
        out.flush()
        settle(descriptor, file.uid, file.gid, file.mode)
        os.fsync(descriptor)
    os.rename(temporary, name, src_dir_fd=target, dst_dir_fd=target)
    return True
