"""Compares what a candidate fails while it soaks with what the former active failed, by the daemons' own counters.

What the former active failed is read a few times a minute while no hand-over is under way, and once more when the soak
begins. `decisions.error_rate` compares.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping

from supervisor.decisions.error_rate import jump
from supervisor.decisions.work import Soaked, Span, by_client, span
from supervisor.loop.care.keeper import Keeper
from supervisor.loop.generations.instances import target_of
from supervisor.loop.handover.run import HandoverRun
from supervisor.loop.world import World
from supervisor.ports.system import Clock
from supervisor.values.errors import SupervisorError
from supervisor.values.manifest import ErrorCounter, ServiceDefinition
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance
from supervisor.values.tally import Reading

log = logging.getLogger(__name__)

READ_SECONDS = 0.5  # in a soak
MOST_EFFORT = 0.1  # of the time may go into reading: many clients make long texts
REMEMBER_SECONDS = 30.0  # otherwise
REMEMBERED = 4  # readings: the last minutes of what has served for months

Readings = Mapping[str, Reading]
"""Readings by the counter's name; a counter that could not be read is missing."""
Read = Callable[[Instance, ServiceDefinition, RouterConfig], Readings]
"""Reads the counters of an instance."""


class Failures:
    """Compares, in a soak, the failed work of the candidate with that of the former active.

    Lives on the worker's thread. What it holds of a soak does not grow with its length.
    """

    def __init__(self, clock: Clock, read: Read) -> None:
        self._clock, self._read = clock, read
        self._due = 0.0
        self._past: deque[Readings] = deque(maxlen=REMEMBERED)  # of what serves, oldest first
        self._generation = 0  # that `_past` is of
        self._handover = 0  # whose soak the rest is of
        self._soaked: dict[str, Soaked] = {}  # of the candidate, by the counter's name
        self._former: list[dict[str, Span]] = []

    def due_in(self) -> float:
        """Return the seconds until the counters of a candidate are to be read."""
        return max(0.0, self._due - self._clock.monotonic())

    def remember(self, keeper: Keeper, router: RouterConfig) -> None:
        """Between hand-overs: note what the active instance has failed so far, if that is due."""
        now = self._clock.monotonic()
        if now < self._due or not keeper.definition.manifest.errors or not keeper.is_ready:
            return
        self._due = now + REMEMBER_SECONDS
        self._note(keeper.instance, self._read(keeper.instance, keeper.definition, router))

    def jump(self, run: HandoverRun) -> str | None:
        """Read the candidate's counters if that is due; return what it fails more than the former active did."""
        now = self._clock.monotonic()
        if self._handover != run.handover.id:
            self._begin(run)
        elif now < self._due:
            return None
        readings = self._read(run.candidate, run.definition, run.router)
        effort = self._clock.monotonic() - now
        self._due = now + max(READ_SECONDS, effort / MOST_EFFORT)
        counters = [counter for counter in run.definition.manifest.errors if counter.name in readings]
        for counter in counters:
            soaked = self._soaked.get(counter.name, Soaked())
            self._soaked[counter.name] = soaked.after(now, readings[counter.name], counter.patience)
        return next(filter(None, map(self._compare, counters)), None)

    def pass_over(self) -> None:
        """Leave out what the candidate has failed up to now: it is compared by what comes after."""
        self._soaked, self._due = {}, self._clock.monotonic() + READ_SECONDS

    def _compare(self, counter: ErrorCounter) -> str | None:
        former = [spans[counter.name] for spans in self._former if counter.name in spans]
        return jump(counter, self._soaked[counter.name].span(), former, is_former_known=bool(former))

    def _begin(self, run: HandoverRun) -> None:
        """Read the former active for the last time; of one that was killed, what was noted while it served counts."""
        self._handover, self._soaked, self._former = run.handover.id, {}, []
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


def read_counters(world: World, instance: Instance, definition: ServiceDefinition, router: RouterConfig) -> Readings:
    """Read the error counters of an instance; those that cannot be read are left out: nothing is decided of them."""
    readings: dict[str, Reading] = {}
    for counter in definition.manifest.errors:
        try:
            target = target_of(world.folders, instance, definition)
            sources = world.renderer.probes(definition.manifest, (counter.source,), router, instance)
            if sources:  # there is none where its `when` says so
                reading = world.prober.tally(sources[0], counter, target)
                readings[counter.name] = by_client(reading, router)
        except SupervisorError as error:
            log.debug("counters not read", extra={"service": instance.service, "reason": str(error)})
    return readings
