"""The clock, and the end of processes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class Clock(Protocol):
    """The time. May be used from any thread; raises nothing."""

    def now(self) -> float:
        """Return seconds since the epoch, for records; it may jump when the router's clock is set."""

    def monotonic(self) -> float:
        """Return seconds since some fixed moment, for deadlines; it never goes back."""

    def sleep(self, seconds: float) -> None:
        """Block the calling thread for `seconds`; at once for zero."""


class ExitWatch(Protocol):
    """The watch for the end of processes, within milliseconds (a pidfd)."""

    def watch(self, pid: int, callback: Callable[[], None]) -> AbstractContextManager[None]:
        """Call `callback` once when the process ends, unless the context is left before.

        The callback runs on the watch's own thread and must be short. When the process has ended already it runs on
        the caller's thread, as the context is entered. Each watch calls its own callback.
        Raises NetworkError: when the process cannot be watched.
        """
