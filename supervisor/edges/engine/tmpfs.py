"""Gives temporary folders the mode they were declared with, before the container's program runs.

runc before 1.1.8 gives a tmpfs the mode of the image's folder below it, whatever the mount options are. Between `init`
(everything is mounted) and `start` (the program begins) it is put right from outside.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from supervisor.edges.engine.processes import Process
from supervisor.values.errors import EngineError

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def apply_modes(container: str, process: Process, options: Mapping[str, str]) -> None:
    """Set the modes in `options`, which are mount options by target.

    Raises EngineError: when the container has ended.
    """
    devices = _tmpfs_devices(process.pid) if options else {}
    for target, words in options.items():
        if mode := re.search(r"\bmode=([0-7]+)", words):
            _apply(container, process, target, int(mode[1], 8), devices.get(target))


def _apply(container: str, process: Process, target: str, mode: int, device: str | None) -> None:
    try:
        descriptor = os.open(f"/proc/{process.pid}/root{target}", _FLAGS)
        try:
            if not process.is_alive():  # asked with the folder in hand: it may have been another process's
                raise EngineError(f"cannot start container {container}: it has ended")
            status = os.fstat(descriptor)
            # A link in the image could lead the path above out of the container: be sure it is that very mount.
            if device != f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}":
                raise EngineError(f"cannot start container {container}: {target} is not a folder of its own")
            if status.st_mode & 0o7777 != mode:
                os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise EngineError(f"cannot start container {container}: mode of {target}: {error.strerror}") from error


def _tmpfs_devices(pid: int) -> dict[str, str]:
    """Return the device number of every tmpfs by mount point, from the container's own view."""
    try:
        lines = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    except OSError as error:
        raise EngineError(f"cannot see the mounts of process {pid}: {error.strerror}") from error
    mounts = [line.split() for line in lines]
    return {words[4]: words[2] for words in mounts if words[words.index("-") + 1] == "tmpfs"}
