"""Keeps the kernel's table of shares equal to what serves and to the guests that the configuration knows."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable

from supervisor.decisions.shares import known_guests, share_table
from supervisor.ports.network import Shares
from supervisor.values.errors import NetworkError
from supervisor.values.router import RouterConfig
from supervisor.values.shares import ShareTable
from supervisor.values.state import Instance

log = logging.getLogger(__name__)


class Fairness:
    """The shares of all services. Best effort: no cut-over and no configuration waits for a kernel that refuses them.

    Methods may be called from any thread, and equal calls repeated. Nothing is changed before both `lead` and `know`
    were called: the table of a former supervisor knows what serves, and the guests.
    """

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._lock = threading.Lock()
        self._active: tuple[Instance, ...] | None = None
        self._guests: ShareTable | None = None
        self._applied: ShareTable | None = None  # None: it is to be applied
        self._failure = ""  # logged last

    def lead(self, active: Iterable[Instance]) -> None:
        """Take in the instances that new work goes to, of all services."""
        with self._lock:
            self._active = tuple(active)
            self._apply()

    def know(self, router: RouterConfig) -> None:
        """Take in the guests of a configuration."""
        with self._lock:
            self._guests = known_guests(router)
            self._apply()

    def settle(self) -> None:
        """Make the table once more if it was refused."""
        with self._lock:
            self._apply()

    def _apply(self) -> None:
        if self._active is None or self._guests is None:
            return
        table = share_table(self._active, self._guests)
        if table == self._applied:  # as at most cut-overs: nobody waits for the kernel
            return
        try:
            self._shares.apply(table)
            self._applied, self._failure = table, ""
        except NetworkError as error:
            self._applied = None
            if self._failure != (failure := str(error)):  # once for each reason, however long it lasts
                log.warning("shares not applied", extra={"reason": failure})
            self._failure = failure
