"""Removal of entries and of whole folders, whatever a hostile service has put into them."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path

from supervisor.edges.folders.safefs.entries import open_folder, status


def remove(path: Path, wanted: Iterable[str]) -> None:
    """Remove the entries of these names from a folder, whatever they are; one that is gone already is passed over."""
    with contextlib.suppress(FileNotFoundError), open_folder(path) as folder:
        for name in wanted:
            remove_entry(name, folder)


def remove_tree(path: Path) -> None:
    """Remove a folder with all that is in it; nothing happens when it is gone already."""
    try:
        with open_folder(path) as folder:
            _empty(folder)
        path.rmdir()
    except FileNotFoundError:
        return


def remove_entry(name: str, parent: int) -> None:
    """Remove a file, a link or a whole folder from `parent`; nothing happens when it is gone already."""
    entry = status(name, parent)
    if entry is None:
        return
    if not stat.S_ISDIR(entry.st_mode):
        os.unlink(name, dir_fd=parent)
        return
    with open_folder(name, parent) as folder:
        _empty(folder)
    os.rmdir(name, dir_fd=parent)


def _empty(top: int) -> None:
    """Remove all that is in a folder. Entries of folders in it are moved up first, so no nesting can exhaust us."""
    device = os.fstat(top).st_dev
    while folders := _unlink_files(top):
        for name in folders:
            with open_folder(name, top) as folder:
                if os.fstat(folder).st_dev != device:
                    raise OSError(errno.EXDEV, "something is mounted there", name)
                for deeper in _unlink_files(folder):
                    os.rename(deeper, f".gone-{secrets.token_hex(8)}", src_dir_fd=folder, dst_dir_fd=top)
            os.rmdir(name, dir_fd=top)


def _unlink_files(folder: int) -> list[str]:
    """Remove every entry that is no folder; return the names of the folders."""
    folders = []
    for name in os.listdir(folder):
        entry = status(name, folder)
        if entry is None:
            continue
        if stat.S_ISDIR(entry.st_mode):
            folders.append(name)
        else:
            os.unlink(name, dir_fd=folder)
    return folders
