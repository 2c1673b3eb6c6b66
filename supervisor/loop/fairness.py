"""Keeps the kernel's table of shares equal to what serves and to the guests that the configuration knows."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable

from supervisor.decisions.shares import share_table
from supervisor.ports.network import Shares
from supervisor.values.errors import NetworkError
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance

log = logging.getLogger(__name__)


class Fairness:
    """The shares of all services. Best effort: no cut-over and no configuration waits for a kernel that refuses them.

    Methods may be called from any thread, and equal calls repeated. Before `know` was called nothing is changed: the
    table of a former supervisor knows the guests.
    """

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._lock = threading.Lock()
        self._active: tuple[Instance, ...] = ()
        self._router: RouterConfig | None = None
        self._is_due = False
        self._failure = ""  # logged last

    def lead(self, active: Iterable[Instance]) -> None:
        """Take in the instances that new work goes to, of all services."""
        with self._lock:
            self._active = tuple(active)
            self._apply()

    def know(self, router: RouterConfig) -> None:
        """Take in the guests of a configuration."""
        with self._lock:
            self._router = router
            self._apply()

    def settle(self) -> None:
        """Make the table once more if it was refused."""
        with self._lock:
            if self._is_due:
                self._apply()

    def _apply(self) -> None:
        if self._router is None:
            return
        try:
            self._shares.apply(share_table(self._active, self._router))
            self._is_due, self._failure = False, ""
        except NetworkError as error:
            self._is_due = True
            if self._failure != (failure := str(error)):  # once for each reason, however long it lasts
                log.warning("shares not applied", extra={"reason": failure})
            self._failure = failure
