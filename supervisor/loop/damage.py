"""Passes reports of damage to the engine's storage from the loop to the storage repair."""

from __future__ import annotations

import threading


class DamageReports:
    """Reports of damage to the engine's storage. Shared by all services."""

    def __init__(self) -> None:
        self._raised = threading.Event()
        self.reason = ""  # of the newest report
        self.mended = 0  # repairs so far: what failed before one of them may be tried again

    def note(self, reason: str) -> None:
        """Report that the engine refused something, or that what it started ended at once. May be repeated."""
        self.reason = reason
        self._raised.set()

    def wait(self, seconds: float) -> bool:
        """Wait for a report, for so many seconds at most; return whether there was one since the last call."""
        is_raised = self._raised.wait(seconds)
        self._raised.clear()
        return is_raised
