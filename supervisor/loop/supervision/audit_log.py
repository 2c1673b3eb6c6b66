"""Writes into the audit log what happens to the router as a whole, and what operators ask for."""

from __future__ import annotations

import logging

from supervisor.ports.store import Audit
from supervisor.ports.system import Clock
from supervisor.values.errors import StateError
from supervisor.values.status import EventRecord

log = logging.getLogger(__name__)


class AuditLog:
    """Writes events into the audit log. May be used from any thread."""

    def __init__(self, store: Audit, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def record(self, service: str, name: str, message: str) -> None:
        """Record an event of a service; an empty `service` is the router. A store that refuses it is logged."""
        try:
            self._store.log_event(EventRecord(self._clock.now(), service, name, message))
        except StateError as error:  # the fact itself is in the log already, and its consequences go on
            log.error("event not recorded", extra={"service": service, "event": name, "reason": str(error)})
