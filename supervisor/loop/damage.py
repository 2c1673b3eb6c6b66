"""Passes on the loop's suspicions that something on the disk is damaged, to `mending`."""

from __future__ import annotations

import threading


class DamageReports:
    """Shared by all services."""

    def __init__(self) -> None:
        self._raised = threading.Event()
        self.reason = ""  # the newest
        self.mended = 0  # how often something was: what failed before may be tried again

    def note(self, reason: str) -> None:
        """Record that the engine refused something, or that what it started ended at once."""
        self.reason = reason
        self._raised.set()

    def wait(self, seconds: float) -> bool:
        """Return whether there is a doubt, after so many seconds at most; it is taken note of."""
        is_raised = self._raised.wait(seconds)
        self._raised.clear()
        return is_raised
