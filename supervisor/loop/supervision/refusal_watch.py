"""Watches what the kernel refuses to sources that are over their share: it is counted, and the source is named."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from supervisor.decisions import refusals
from supervisor.loop.fairness import Fairness
from supervisor.ports.network import Shares
from supervisor.ports.store import Audit
from supervisor.ports.system import Clock
from supervisor.values.errors import SupervisorError
from supervisor.values.router import RouterConfig

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class RefusalWatch:
    """Looks at the kernel's counters every `LOOK_SECONDS`, from a thread of its own. `counts` is for all threads."""

    def __init__(
        self,
        shares: Shares,
        fairness: Fairness,
        store: Audit,
        clock: Clock,
        router: Callable[[], RouterConfig],
        closing: threading.Event,
    ) -> None:
        self._shares, self._fairness, self._store, self._clock = shares, fairness, store, clock
        self._router, self._closing = router, closing
        self._watched = refusals.Watched()

    def start(self) -> None:
        """Begin the thread; it ends when `closing` is set."""
        threading.Thread(target=self._run, name="refusals", daemon=True).start()

    def counts(self) -> Iterable[tuple[str, int, int]]:
        """Return (service, connections refused since the start, sources that are over their share now)."""
        watched = self._watched
        return tuple(
            (service, total, refusals.over_now(watched, service)) for service, total in sorted(watched.totals.items())
        )

    def _run(self) -> None:
        failure = ""  # logged last
        while not self._closing.wait(LOOK_SECONDS):
            try:
                self.turn()
            except SupervisorError as error:
                if failure != (failure := str(error)):  # once for each reason, however long it lasts
                    log.warning("refusals not read", extra={"reason": failure})
            except Exception as error:  # nobody else looks after this thread, and nothing depends on it
                if failure != (failure := repr(error)):
                    log.exception("unexpected failure")
            else:
                failure = ""

    def turn(self) -> None:
        """Look once. Raises NetworkError: the counters cannot be read; StateError: an event cannot be recorded."""
        self._fairness.settle()
        before = self._watched
        now = refusals.after(before, self._shares.refusals(), self._clock.monotonic())
        for event in refusals.news(before, now, self._router(), self._clock.now()):
            log.warning(event.name, extra={"service": event.service, "reason": event.message})
            self._store.log_event(event)
        self._watched = now
