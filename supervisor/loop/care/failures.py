"""Reads a service's counters of failed work: of the active now and then, of a candidate while it soaks.

What the former active failed is read a few times a minute while no hand-over is under way, and once more when the soak
begins. `decisions.error_rate` compares.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping

from supervisor.decisions.error_rate import jump
from supervisor.decisions.work import Span, span
from supervisor.loop.care.keeper import Keeper
from supervisor.loop.generations.instances import target_of
from supervisor.loop.handover.run import HandoverRun
from supervisor.loop.world import World
from supervisor.values.errors import SupervisorError
from supervisor.values.manifest import ErrorCounter, ServiceDefinition
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance, Reading

log = logging.getLogger(__name__)

READ_SECONDS = 0.5  # in a soak
MOST_EFFORT = 0.1  # of the time may go into reading: many clients make long texts
REMEMBER_SECONDS = 30.0  # otherwise
REMEMBERED = 4  # readings: the last minutes of what has served for months

Readings = Mapping[str, Reading]  # by the counter's name; one that could not be read is missing


class Failures:
    """Lives on the worker's thread."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._due = 0.0
        self._past: deque[Readings] = deque(maxlen=REMEMBERED)
        self._generation = 0  # whose past it is
        self._handover = 0  # whose soak began with these:
        self._soaked: list[tuple[float, Readings]] = []  # of the candidate, oldest first
        self._former: list[dict[str, Span]] = []

    def due_in(self) -> float:
        """Return the seconds until the counters of a candidate want to be read."""
        return max(0.0, self._due - self._world.clock.monotonic())

    def remember(self, keeper: Keeper, router: RouterConfig) -> None:
        """Between hand-overs: note what the active one has failed so far."""
        now = self._world.clock.monotonic()
        if now < self._due or not keeper.definition.manifest.errors or not keeper.is_ready:
            return
        self._due = now + REMEMBER_SECONDS
        self._note(keeper.instance, self._read(keeper.instance, keeper.definition, router))

    def jump(self, run: HandoverRun) -> str | None:
        """Read the candidate's counters if it is time; return what it fails more than the former active did."""
        now = self._world.clock.monotonic()
        if self._handover != run.handover.id:
            self._begin(run)
        elif now < self._due:
            return None
        readings = self._read(run.candidate, run.definition, run.router)
        effort = self._world.clock.monotonic() - now
        self._due = now + max(READ_SECONDS, effort / MOST_EFFORT)
        self._soaked.append((now, readings))
        found = (self._compare(counter, now) for counter in run.definition.manifest.errors if counter.name in readings)
        return next(filter(None, found), None)

    def _compare(self, counter: ErrorCounter, now: float) -> str | None:
        readings = [(at, readings[counter.name]) for at, readings in self._soaked if counter.name in readings]
        first = readings[0][1]
        due = [reading for at, reading in readings if at <= now - counter.patience]
        former = [spans[counter.name] for spans in self._former if counter.name in spans]
        fresh = span(first, readings[-1][1], due[-1] if due else first)
        return jump(counter, fresh, former, is_former_known=bool(former))

    def _begin(self, run: HandoverRun) -> None:
        """Read the former active for the last time; of one that was killed, what was noted while it served counts."""
        self._handover, self._soaked, self._former = run.handover.id, [], []
        if run.former and run.former_definition:
            self._note(run.former, self._read(run.former, run.former_definition, run.router))
            life: dict[str, Reading] = {}
            for readings in self._past:
                life |= readings
            first = self._past[0]
            recent = {name: span(first[name], reading) for name, reading in life.items() if name in first}
            self._former = [{name: span(None, reading) for name, reading in life.items()}, recent]

    def _note(self, instance: Instance, readings: Readings) -> None:
        if instance.generation != self._generation:
            self._generation = instance.generation
            self._past.clear()
        self._past.append(readings)

    def _read(self, instance: Instance, definition: ServiceDefinition, router: RouterConfig) -> Readings:
        """Counters that cannot be read are left out: nothing is known of them, and nothing is decided."""
        found: dict[str, Reading] = {}
        for counter in definition.manifest.errors:
            try:
                if reading := self._tally(counter, instance, definition, router):
                    found[counter.name] = reading
            except SupervisorError as error:
                log.debug("counters not read", extra={"service": instance.service, "reason": str(error)})
        return found

    def _tally(
        self, counter: ErrorCounter, instance: Instance, definition: ServiceDefinition, router: RouterConfig
    ) -> Reading | None:
        target = target_of(self._world.folders, instance, definition)
        sources = self._world.renderer.probes((counter.source,), router, instance)  # none where `when` says so
        return self._world.prober.tally(sources[0], counter, target) if sources else None
