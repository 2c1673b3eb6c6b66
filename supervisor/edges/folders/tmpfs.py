"""The memory file system under the runtime folder, so that rendered secrets never reach a disk."""

from __future__ import annotations

import os
from pathlib import Path

from supervisor.edges.folders.mounts import mount, mount_of, unmount
from supervisor.values.errors import StateError

_SOURCE = "vr-supervisor"  # the name of our mounts in the mount table


def ensure(folder: Path, size_bytes: int) -> None:
    """Mount a tmpfs of this size at `folder` unless it lies on one already.

    Raises StateError: when the folder cannot be made or nothing can be mounted there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        entry = mount_of(folder)
        if entry is None or entry.kind != "tmpfs":
            options = f"size={size_bytes},mode=0711,nosuid,nodev,noexec"
            mount("-t", "tmpfs", "-o", options, _SOURCE, os.path.realpath(folder))
        folder.chmod(0o711)
    except OSError as error:
        raise StateError(f"cannot use runtime folder {folder}: {error.strerror}") from error


def release(folder: Path) -> None:
    """Unmount our tmpfs at `folder`; nothing happens when there is none.

    Raises StateError: when it is still in use after some seconds.
    """
    entry = mount_of(folder)
    if entry is not None and entry.point == os.path.realpath(folder) and entry.source == _SOURCE:
        unmount(entry.point)
