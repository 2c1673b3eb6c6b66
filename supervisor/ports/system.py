"""The clock, and the end of processes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since the epoch, for records."""

    def monotonic(self) -> float:
        """Seconds, for deadlines."""

    def sleep(self, seconds: float) -> None: ...


class ExitWatch(Protocol):
    """Tells at once when a process ends (a pidfd)."""

    def watch(self, pid: int, callback: Callable[[], None]) -> AbstractContextManager[None]: ...
