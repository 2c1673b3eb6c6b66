"""Asks for single items (guests, say) in turns, beside everything else: what fails is named, and changes nothing.

A service is judged by itself; the trouble of a single item costs that item alone, and is shown in status and events.
One thread asks for all services, slowly: nobody who waits for a worker waits for this.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from supervisor.decisions import survey
from supervisor.decisions.status import ServiceSnapshot
from supervisor.decisions.survey import Findings
from supervisor.loop.generations.instances import target_of
from supervisor.loop.world import World
from supervisor.values.errors import SupervisorError
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.names import ServiceName
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance, ResolvedProbe
from supervisor.values.status import EventRecord

log = logging.getLogger(__name__)

TICK_SECONDS = 0.2
MOST_A_TURN = 20  # questions of one service
REST_SECONDS = 60.0  # between two rounds of a configuration that stays as it is
TROUBLED_REST_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Subject:
    """A service whose items may be asked for."""

    service: ServiceName
    instance: Instance
    definition: ServiceDefinition
    router: RouterConfig


def subject_of(snapshot: ServiceSnapshot) -> Subject | None:
    """Return None while there is nothing to ask for: it is not ready, or a hand-over is under way."""
    active = snapshot.active
    if active is None or active.definition.manifest.survey is None or not active.is_ready or snapshot.is_handing_over:
        return None
    return Subject(snapshot.service, active.instance, active.definition, active.router)


@dataclass(slots=True)
class _Round:
    """A pass over the items of a service, as its configuration had them when the pass began."""

    subject: Subject
    left: Iterator[ResolvedProbe]
    asked: set[ResolvedProbe] = field(default_factory=set)
    due: float = 0.0
    turns: int = 0
    is_drained: bool = False  # there are no new ones
    is_over: bool = False  # nor any in doubt


class ItemSurvey:
    """Asks for single items of services, in turns. It has a thread of its own; only `message` is called by others."""

    def __init__(
        self, world: World, snapshots: Callable[[], Iterable[ServiceSnapshot]], closing: threading.Event
    ) -> None:
        self._world, self._snapshots, self._closing = world, snapshots, closing
        self._rounds: dict[ServiceName, _Round] = {}
        self._findings: dict[ServiceName, Findings] = {}
        self._failures: dict[ServiceName, str] = {}  # why a service could not be asked, as logged last
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin the thread, which ends when `closing` is set. May be repeated."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="surveyor", daemon=True)
            self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait until the thread has ended, for `timeout` seconds at most."""
        if self._thread:
            self._thread.join(timeout)

    def message(self, service: ServiceName) -> str:
        """Return which items of the service are in trouble; empty when none is."""
        return survey.summary(self._findings.get(service, Findings()))

    def _run(self) -> None:
        failure = ""  # logged last
        while not self._closing.wait(TICK_SECONDS):
            try:
                self.turn()
            except Exception as error:  # nobody else looks after this thread, and nothing depends on it
                if failure != (failure := repr(error)):
                    log.exception("survey failed")

    def turn(self) -> None:
        """Ask the next few items of every service for which it is due."""
        for snapshot in self._snapshots():
            subject = subject_of(snapshot)
            if subject is None:
                continue
            try:
                self._look_at(subject)
            except (
                SupervisorError
            ) as error:  # what cannot be rendered for a service is no reason to leave the others alone
                if self._failures.get(subject.service) != (failure := str(error)):
                    log.warning("survey failed", extra={"service": subject.service, "reason": failure})
                self._failures[subject.service] = failure

    def _look_at(self, subject: Subject) -> None:
        round_ = self._rounds.get(subject.service)
        if round_ and round_.subject.instance != subject.instance:
            self._note(subject.service, Findings())  # those of the former instance are not its own
            round_ = None
        if round_ is None or self._is_due_anew(round_, subject):
            round_ = self._rounds[subject.service] = self._begin(subject)
        if self._world.clock.monotonic() >= round_.due:
            self._ask_some(round_, subject)

    def _is_due_anew(self, round_: _Round, subject: Subject) -> bool:
        is_changed = round_.subject.router is not subject.router
        return round_.is_over and (is_changed or self._world.clock.monotonic() >= round_.due)

    def _begin(self, subject: Subject) -> _Round:
        manifest = subject.definition.manifest
        probes = manifest.survey.probes if manifest.survey else ()
        return _Round(subject, self._world.renderer.each_probe(manifest, probes, subject.router, subject.instance))

    def _ask_some(self, round_: _Round, subject: Subject) -> None:
        """Ask the next items up to the first that fails: each of these costs its time-out."""
        watch = round_.subject.definition.manifest.survey
        if watch is None:
            return
        round_.due = self._world.clock.monotonic() + watch.interval
        for probe in self._next(round_):
            if not self._ask(round_, subject, probe, watch.threshold):
                break
        is_outdated = round_.subject.router is not subject.router  # the next round settles what is in doubt
        if round_.is_drained and (is_outdated or not self._known(subject.service).doubts):
            self._conclude(round_, subject.service)

    def _next(self, round_: _Round) -> Iterator[ResolvedProbe]:
        """Yield the next items of a round: one in doubt, some new ones, one in trouble."""
        known = self._known(round_.subject.service)
        yield from [probe for probe in known.doubts if probe in round_.asked][:1]
        for _ in range(MOST_A_TURN):
            probe = next(round_.left, None)
            if probe is None:
                round_.is_drained = True
                break
            round_.asked.add(probe)
            yield probe
        round_.turns += 1
        troubled = [probe for probe in known.troubles if probe in round_.asked]
        yield from [troubled[round_.turns % len(troubled)]] if troubled else []

    def _ask(self, round_: _Round, subject: Subject, probe: ResolvedProbe, threshold: int) -> bool:
        """Ask for an item and note the result. False: it fails."""
        result = self._world.prober.ask(probe, target_of(self._world.folders, subject.instance, subject.definition))
        if not result.is_good and round_.subject.router is not subject.router:
            return True  # asked as a former configuration words it: the next round says
        self._note(subject.service, survey.after(self._known(subject.service), probe, result, threshold))
        return result.is_good or not result.is_telling

    def _conclude(self, round_: _Round, service: ServiceName) -> None:
        round_.is_over = True
        known = survey.only(self._known(service), frozenset(round_.asked))
        self._note(service, Findings(known.troubles))
        rest = TROUBLED_REST_SECONDS if self._known(service).troubles else REST_SECONDS
        round_.due = self._world.clock.monotonic() + rest

    def _known(self, service: ServiceName) -> Findings:
        return self._findings.get(service, Findings())

    def _note(self, service: ServiceName, now: Findings) -> None:
        before, self._findings[service] = self._known(service), now
        for name, text in survey.news(before, now):
            log.warning("survey", extra={"service": service, "event": name, "reason": text})
            try:
                self._world.store.log_event(EventRecord(self._world.clock.now(), service, name, text))
            except SupervisorError as error:
                log.error("event not recorded", extra={"service": service, "event": name, "reason": str(error)})
