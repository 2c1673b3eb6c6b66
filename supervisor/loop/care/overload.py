"""Finds out whether an active instance that fails where its clients ask is full of them, and says so."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from supervisor.decisions import overload
from supervisor.decisions.overload import Evidence, Overload
from supervisor.loop.care.probe_set import ProbeSet, Question
from supervisor.ports.store import Audit
from supervisor.ports.system import Clock
from supervisor.values.errors import NetworkError, StateError
from supervisor.values.manifest import Admission
from supervisor.values.names import ServiceName
from supervisor.values.state import ProbeResult
from supervisor.values.status import EventRecord
from supervisor.values.traffic import Crowd

log = logging.getLogger(__name__)

NEXT_EVENT_SECONDS = 60.0  # clients bring these about: they must not push all others out of the audit log


class OverloadWatch:
    """Finds out whether one active instance is full.

    Lives on the worker's thread; `findings` is read by others and replaced whole.
    """

    def __init__(
        self,
        service: ServiceName,
        admission: Admission | None,
        probes: ProbeSet,
        clock: Clock,
        audit: Audit,
        crowd: Callable[[], Crowd],
    ) -> None:
        """`crowd` returns the clients that are connected. Raises NetworkError: they cannot be listed."""
        self.findings = Overload()
        self._service, self._admission = service, admission
        self._probes, self._clock, self._audit, self._crowd = probes, clock, audit, crowd
        self._event_due = -NEXT_EVENT_SECONDS
        self._is_said = False  # in the audit log, and not yet that it is over

    @property
    def is_full(self) -> bool:
        """True while its clients fill it, or did a moment ago."""
        return self.findings.is_full

    def own_way(self) -> ProbeResult | None:
        """Ask at the way in of the supervisor's own; None: there is none, or it says nothing."""
        return self._probes.ask(Question.ADMISSION) if self._admission else None

    def failed(self, failure: ProbeResult) -> bool:
        """Look at an instance that has failed where its clients ask; return True if it is full."""
        if self._admission is None:
            return False
        own = self.own_way() if failure.is_silent else None
        now = self._clock.monotonic()
        evidence = Evidence(failure, own, self._listed() if own and own.is_good else None)
        self._take(overload.after(self.findings, self._admission, evidence, now))
        return self.findings.is_full

    def answered(self) -> None:
        """Take note of an answer where clients ask."""
        self._take(overload.answered(self.findings, self._clock.monotonic()))

    def started(self) -> None:
        """Begin anew: it was started again."""
        self._take(Overload())

    def _listed(self) -> Crowd | None:
        try:
            return self._crowd()
        except NetworkError as error:
            log.debug("connections not counted", extra={"service": self._service, "reason": str(error)})
            return None

    def _take(self, after: Overload) -> None:
        before, self.findings = self.findings, after
        now = self._clock.monotonic()
        if after.is_full and not before.is_full:
            log.warning("overloaded", extra={"service": self._service, "reason": after.message})
            if now >= self._event_due:
                self._event_due, self._is_said = now + NEXT_EVENT_SECONDS, True
                self._record("overloaded", after.message)
        elif before.since is not None and not after.is_full:
            lasted = f"after {now - before.since:.0f} s"
            log.warning("overload over", extra={"service": self._service, "reason": lasted})
            if self._is_said:
                self._is_said = False
                self._record("overload over", lasted)

    def _record(self, name: str, message: str) -> None:
        with suppress(StateError):  # it is in the log, in status and in the metrics all the same
            self._audit.log_event(EventRecord(self._clock.now(), self._service, name, message))
