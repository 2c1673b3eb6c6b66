"""The kernel's table of mounts, and the commands that change it."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from supervisor.decisions.retries import UNMOUNT, retry
from supervisor.values.errors import StateError


@dataclass(frozen=True, slots=True)
class MountEntry:
    """A mount, by proc_pid_mountinfo(5)."""

    point: str
    kind: str
    source: str
    device: str  # major:minor
    root: str  # of the mount, in its file system
    options: frozenset[str]  # of the mount, not of its file system


def mount_of(folder: Path) -> MountEntry | None:
    """Return the mount that `folder` lies on: the longest mount point above it, the latest of equals."""
    place = os.path.realpath(folder)
    best: MountEntry | None = None
    for entry in mounts():
        is_above = entry.point in {"/", place} or place.startswith(f"{entry.point}/")
        if is_above and (best is None or len(entry.point) >= len(best.point)):
            best = entry
    return best


def mount(*arguments: str) -> None:
    """Raises StateError: when mount(8) with these arguments fails."""
    if failure := _failure("mount", *arguments):
        raise StateError(failure)


def unmount(point: str) -> None:
    """Raises StateError: when the mount is still in use after some seconds."""
    failure = retry(UNMOUNT, lambda: _failure("umount", point), until=lambda text: "busy" not in text, sleep=time.sleep)
    if failure:
        raise StateError(failure)


def _failure(*command: str) -> str:
    """Run a command; return why it failed, or nothing."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        return f"cannot {command[0]} {command[-1]}: {done.stderr.strip() or f'exit code {done.returncode}'}"
    return ""


def mounts() -> Iterator[MountEntry]:
    """Yield all mounts, a later one at the same point covering the earlier."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, about = line.partition(" - ")
        words, (kind, source) = mount.split(" "), about.split(" ")[:2]
        options = frozenset(words[5].split(","))
        yield MountEntry(_unescaped(words[4]), kind, _unescaped(source), words[2], _unescaped(words[3]), options)


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
