"""Processes by pid and start time: a pid alone may belong to somebody else by the time it is used."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """A process that cannot be mistaken for another one which gets its pid later."""

    pid: int
    started: int  # clock ticks after boot, field 22 of /proc/PID/stat

    @classmethod
    def find(cls, pid: int) -> Process | None:
        """Return the process that has this pid now; None: there is none, or it is a zombie."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] in "ZX" else cls(pid, int(fields[19]))

    def is_alive(self) -> bool:
        return Process.find(self.pid) == self

    def signal(self, number: int) -> None:
        """Send a signal to this very process; nothing happens when it is gone."""
        with _descriptor(self) as pidfd:
            if pidfd is not None:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(pidfd, number)

    def wait(self, timeout: float) -> bool:
        """Wait for the process to end; return False if it has not within `timeout` seconds."""
        with _descriptor(self) as pidfd:
            if pidfd is None:
                return True
            poller = select.poll()
            poller.register(pidfd, select.POLLIN)
            return bool(poller.poll(max(0, timeout) * 1000))

    def namespace(self, kind: str) -> str | None:
        """Return the identity of a namespace of the process (`net`, `pid`, …); None: it is gone."""
        try:
            return str(Path(f"/proc/{self.pid}/ns/{kind}").readlink())
        except OSError:
            return None


def is_cleaning_up(storage: str) -> bool:
    """Return True while a process that names `storage` runs, other than the monitor of a container that runs."""
    return any(
        _names(pid, storage) and all(_names(child, storage) for child in _children(pid))
        for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
    )


def _names(pid: int, word: str) -> bool:
    with contextlib.suppress(OSError):
        return word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


@contextlib.contextmanager
def _descriptor(process: Process) -> Iterator[int | None]:
    try:
        pidfd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        yield None
        return
    try:
        # Checked with the descriptor in hand: it cannot come to mean another process any more.
        yield pidfd if process.is_alive() else None
    finally:
        os.close(pidfd)
