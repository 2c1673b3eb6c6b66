"""Whether others may change what decides about trust: owner and mode of a folder, its files, and the way to it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from supervisor.values.errors import UnsafeKeysError

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def refuse_unsafe(path: Path) -> None:
    """Return if only root and this user may change the file or folder that `path` means; links are followed.

    A folder above it that everybody may write to counts too, unless it is sticky, as /tmp is: it could be exchanged.
    Raises UnsafeKeysError: with the mode and the owner. Raises OSError: when there is none.
    """
    real = path.resolve(strict=True)
    found = real.stat()
    if found.st_uid not in (0, os.geteuid()):
        raise UnsafeKeysError(str(real), f"its owner is user {found.st_uid}, not root (mode {_mode(found)})")
    if found.st_mode & _OTHERS_WRITE:
        who = f"mode {_mode(found)}, owner {found.st_uid}, group {found.st_gid}"
        raise UnsafeKeysError(str(real), f"others may write to it ({who}): chmod go-w {real}")
    for parent in real.parents:
        above = parent.stat()
        if above.st_mode & stat.S_IWOTH and not above.st_mode & stat.S_ISVTX:
            raise UnsafeKeysError(
                str(real), f"everybody may write to {parent} (mode {_mode(above)}, owner {above.st_uid})"
            )


def _mode(found: os.stat_result) -> str:
    return f"{stat.S_IMODE(found.st_mode):04o}"
