"""The memory file system under the runtime folder, so that rendered secrets never reach a disk."""

from __future__ import annotations

import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from supervisor.decisions.retries import UNMOUNT, retry
from supervisor.values.errors import StateError

_SOURCE = "vr-supervisor"  # the name of our mounts in the mount table


@dataclass(frozen=True, slots=True)
class _MountEntry:
    point: str
    kind: str
    source: str


def ensure(folder: Path, size_bytes: int) -> None:
    """Mount a tmpfs of this size at `folder` unless it lies on one already.

    Raises StateError: when the folder cannot be made or nothing can be mounted there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        entry = _mount_of(folder)
        if entry is None or entry.kind != "tmpfs":
            options = f"size={size_bytes},mode=0711,nosuid,nodev,noexec"
            _run("mount", "-t", "tmpfs", "-o", options, _SOURCE, os.path.realpath(folder))
        folder.chmod(0o711)
    except OSError as error:
        raise StateError(f"cannot use runtime folder {folder}: {error.strerror}") from error


def release(folder: Path) -> None:
    """Unmount our tmpfs at `folder`; nothing happens when there is none.

    Raises StateError: when it is still in use after some seconds.
    """
    entry = _mount_of(folder)
    if entry is not None and entry.point == os.path.realpath(folder) and entry.source == _SOURCE:
        point = entry.point
        failure = retry(
            UNMOUNT, lambda: _failure("umount", point), until=lambda text: "busy" not in text, sleep=time.sleep
        )
        if failure:
            raise StateError(failure)


def _run(*command: str) -> None:
    if failure := _failure(*command):
        raise StateError(failure)


def _failure(*command: str) -> str:
    """Run a command; return why it failed, or nothing."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        return f"cannot {command[0]} {command[-1]}: {done.stderr.strip() or f'exit code {done.returncode}'}"
    return ""


def _mount_of(folder: Path) -> _MountEntry | None:
    """Return the mount that `folder` lies on: the longest mount point above it, the latest of equals."""
    place = os.path.realpath(folder)
    best: _MountEntry | None = None
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, about = line.partition(" - ")
        point = _unescaped(mount.split(" ")[4])
        kind, source = about.split(" ")[:2]
        is_above = point in {"/", place} or place.startswith(f"{point}/")
        if is_above and (best is None or len(point) >= len(best.point)):
            best = _MountEntry(point, kind, _unescaped(source))
    return best


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
