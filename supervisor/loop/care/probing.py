"""Judges from probes whether an active instance is ready and live: when to ask next, and what the answers amount to."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from supervisor.decisions import health
from supervisor.decisions.health import Health
from supervisor.decisions.overload import AGAIN_SECONDS
from supervisor.loop.care.overload import OverloadWatch
from supervisor.loop.care.probe_set import ProbeSet, Question
from supervisor.ports.system import Clock
from supervisor.values.manifest import ServiceManifest
from supervisor.values.names import ServiceName
from supervisor.values.router import RouterConfig
from supervisor.values.state import ProbeResult

log = logging.getLogger(__name__)

READY_INTERVAL_SECONDS = 5.0  # what is ready is asked for readiness this rarely: liveness watches it meanwhile


class Probing:
    """Judges readiness and liveness of one active instance.

    Lives on the worker's thread; `readiness` and `liveness` are read by others and replaced whole.
    """

    def __init__(
        self,
        service: ServiceName,
        manifest: ServiceManifest,
        probes: ProbeSet,
        overload: OverloadWatch,
        clock: Clock,
        on_good: Callable[[], None],
        *,
        is_proved: bool,
    ) -> None:
        """`on_good` is called whenever it has become ready or live; `is_proved`: it was found ready a moment ago."""
        now = clock.monotonic()
        self.readiness = health.presumed(now) if is_proved else health.adopted(now)
        self.liveness = health.presumed(now)
        self.was_ready = is_proved  # since it was started last
        self._service, self._manifest, self._probes, self._overload = service, manifest, probes, overload
        self._clock, self._on_good = clock, on_good

    @property
    def blind(self) -> str:
        """The reason why the probes cannot be asked; empty while they can."""
        return self._probes.blind

    def configure(self, router: RouterConfig) -> None:
        """Render the probes for this configuration; findings about liveness were those of other ones."""
        self._probes.configure(router)
        self.liveness = health.presumed(self._clock.monotonic())

    def doubt(self) -> None:
        """Take it for ready until a probe has said something: its configuration is a guess, and it runs."""
        self.readiness = health.presumed(self._clock.monotonic())
        self.was_ready = True
        self._probes.doubt()

    def started(self) -> None:
        """Begin anew: it was started again, and has to prove itself."""
        now = self._clock.monotonic()
        self.readiness, self.liveness, self.was_ready = health.unproven(now), health.presumed(now), False
        self._overload.started()

    # ------------------------------------------------------------ turns

    def due_in(self) -> float:
        """Return the seconds until something is to be asked, or rendered once more."""
        now = self._clock.monotonic()
        if self.blind:
            return max(0.0, self._probes.render_due - now)
        due = min(self.readiness.due, self.liveness.due) if self._is_judged(now) else self.readiness.due
        return max(0.0, due - now)

    def can_ask(self) -> bool:
        """True if the probes can be asked; they are rendered once more if that is due."""
        if self.blind and self._clock.monotonic() >= self._probes.render_due:
            self._probes.render()
        return not self.blind

    def is_readiness_due(self, now: float) -> bool:
        """True if it is time to ask whether it is ready."""
        return health.is_due(self.readiness, now)

    def ask_readiness(self) -> None:
        """Ask whether it is ready. A candidate is asked many times a second; what is ready already need not be."""
        watch = self._manifest.readiness
        result = self._probes.ask(Question.READINESS)
        after = health.advance(self.readiness, watch, result, self._clock.monotonic())
        if result is not None and result.is_good:
            self._overload.answered()
        elif result is not None and after.is_known and not after.is_good:
            after = self._weighed(after, result)
        if after.is_good and after.is_known and not after.streak:
            after = health.postpone(after, max(watch.interval, READY_INTERVAL_SECONDS))
        self._report(self.readiness, after, Question.READINESS)
        self.readiness = after  # once the report succeeded: what it does is repeated otherwise
        self.was_ready = self.was_ready or after.is_good

    def _weighed(self, unready: Health, failure: ProbeResult) -> Health:
        """Return when to ask again what is not ready: what is full now and then, unless that is doubted.

        What was full, is silent and is not full any more hangs: its own way in was asked twice.
        """
        was_full = self._overload.is_full
        if self._overload.failed(failure):
            return unready if self._overload.findings.is_doubted else health.postpone(unready, AGAIN_SECONDS)
        now = self._clock.monotonic()
        if was_full and failure.is_silent and self._is_judged(now):
            hung = replace(self.liveness, is_good=False, streak=0, changed=now, message=failure.message)
            self._report(self.liveness, hung, Question.LIVENESS)
            self.liveness = hung
        return unready

    def ask_liveness(self, now: float) -> None:
        """Ask whether it is live, if that is due. What is slow or full does not count as hung."""
        if not (health.is_due(self.liveness, now) and self._is_judged(now)):
            return
        watch = self._manifest.liveness
        result = self._probes.ask(Question.LIVENESS)
        after = health.advance(self.liveness, watch, result, self._clock.monotonic())
        if not after.is_good and not after.streak and self._is_excused(result):
            pause = AGAIN_SECONDS if self._overload.is_full else 0.0  # the worker has other things to do as well
            after = health.presumed(self._clock.monotonic())
            after = health.postpone(after, watch.interval + pause)  # answers must not pile up
        self._report(self.liveness, after, Question.LIVENESS)
        self.liveness = after

    @property
    def is_sound(self) -> bool:
        """True if it is live, and its last answer said so."""
        return self.liveness.is_good and not self.liveness.streak

    def _is_excused(self, failure: ProbeResult | None) -> bool:
        """Return True if it is slow, or full: it answers with the time that a candidate gets, or at its own way in.

        What answers neither there nor in time hangs. One that is known to be full is not waited for any longer.
        """
        if self._overload.is_full and failure is not None:
            return self._overload.failed(failure)
        own = self._overload.own_way()
        if own is not None and not own.is_good:
            return False
        result = self._probes.ask(Question.READINESS)
        if result is None or result.is_good or not self._overload.failed(result):
            return result is not None and result.is_good
        self.readiness = replace(self.readiness, due=self._clock.monotonic())  # it is not ready, and has not heard it
        return True

    def _is_judged(self, now: float) -> bool:
        """True once it was ready, or had the time for it: what was just started may be slow to listen."""
        return self.was_ready or health.has_missed_deadline(self.readiness, self._manifest.readiness, now)

    def _report(self, before: Health, after: Health, question: Question) -> None:
        if (after.is_good, after.is_known) == (before.is_good, before.is_known):
            return
        if after.is_good:
            self._on_good()
        facts = {"watch": str(question), "is_good": after.is_good, "reason": after.message}
        log.info("health changed", extra={"service": self._service, **facts})
