"""Watches the candidate while it soaks: what fails then is reverted, not retried.

The reasons are the keeper's (down, hung, not ready), processes that the kernel ended because the memory limit was
reached, and the daemon's own counters of failed work. What the former active failed is read a few times a minute while
no hand-over is under way, and once more when the soak begins: whatever was broken before the cut-over is no reason to
go back. The engine is not asked here: one that hangs must not keep the worker from hearing that the candidate ended.
"""

from __future__ import annotations

import logging
import math
from collections import deque

from supervisor.decisions.error_rate import Tallies, by_name, jump, span
from supervisor.loop.instances import target_of
from supervisor.loop.keeper import Keeper
from supervisor.loop.walk import Walk
from supervisor.loop.walking import revert
from supervisor.loop.world import World
from supervisor.values.errors import SupervisorError
from supervisor.values.handover import Kind, Step
from supervisor.values.manifest import ErrorCounter, ServiceDefinition
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance

log = logging.getLogger(__name__)

READ_SECONDS = 0.5  # in a soak
REMEMBER_SECONDS = 30.0  # otherwise
REMEMBERED = 4  # readings: the last minutes of what has served for months

Readings = dict[str, Tallies]  # by the counter's name; one that could not be read is missing


class Soaking:
    """Lives on the worker's thread."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._due = 0.0
        self._past: deque[Readings] = deque(maxlen=REMEMBERED)
        self._generation = 0  # whose past it is
        self._handover = 0  # whose soak began with these:
        self._at_cut: Readings = {}
        self._former: list[Readings] = []

    def due_in(self, walk: Walk | None) -> float:
        """Seconds until the counters of a candidate want to be read."""
        if walk is None or walk.step is not Step.SOAK or not _is_judged(walk):
            return math.inf
        return max(0.0, self._due - self._world.clock.monotonic())

    def turn(self, walk: Walk | None, keeper: Keeper, router: RouterConfig | None) -> bool:
        """Turn a hand-over round whose candidate fails while it soaks. True: so it was."""
        if walk is None:
            if router is not None:
                self._remember(keeper, router)
        elif walk.step is Step.SOAK and walk.former and (fault := self._fault(walk, keeper)):
            revert(walk, fault)
            return True
        return False

    def _remember(self, keeper: Keeper, router: RouterConfig) -> None:
        """Between hand-overs: note what the active one has failed so far."""
        now = self._world.clock.monotonic()
        if now < self._due or not keeper.definition.manifest.errors or not keeper.is_ready:
            return
        self._due = now + REMEMBER_SECONDS
        self._note(keeper.instance, self._read(keeper.instance, keeper.definition, router))

    def _fault(self, walk: Walk, keeper: Keeper) -> str | None:
        name = keeper.instance.container_name
        if keeper.is_down:
            return keeper.message
        if keeper.is_missed:
            return f"{name} has ended"
        if keeper.is_hung:
            return f"{name} stopped answering: {keeper.liveness.message}"
        if keeper.readiness.is_known and not keeper.readiness.is_good:
            return f"{name} stopped being ready: {keeper.readiness.message}"
        if keeper.usage and keeper.usage.oom_kills:  # it has several processes, or the keeper would have seen its end
            limit = walk.definition.manifest.limits.memory_bytes >> 20
            return f"{name} reached its memory limit of {limit} MiB, and the kernel ended processes of it"
        jumped = self._jump(walk)
        return f"{name} fails: {jumped}" if jumped else None

    def _jump(self, walk: Walk) -> str | None:
        now = self._world.clock.monotonic()
        if not _is_judged(walk):
            return None
        if self._handover != walk.handover.id:
            self._begin(walk)
        elif now < self._due:
            return None
        self._due = now + READ_SECONDS
        readings = self._read(walk.candidate, walk.definition, walk.router)
        for counter in walk.definition.manifest.errors:
            if counter.name not in readings:
                continue
            if counter.name not in self._at_cut:  # the first that could be read
                self._at_cut[counter.name] = readings[counter.name]
            if found := self._compare(counter, readings[counter.name]):
                return found
        return None

    def _compare(self, counter: ErrorCounter, now: Tallies) -> str | None:
        former = [readings[counter.name] for readings in self._former if counter.name in readings]
        return jump(counter, self._at_cut[counter.name], now, former, is_former_known=bool(former))

    def _begin(self, walk: Walk) -> None:
        """Read the former active for the last time; of one that was killed, what was noted while it served counts."""
        self._handover, self._at_cut, self._former = walk.handover.id, {}, []
        if walk.former and walk.former_definition:
            self._note(walk.former, self._read(walk.former, walk.former_definition, walk.router))
            life: Readings = {}
            for readings in self._past:
                life |= readings
            first = self._past[0]
            recent = {name: span(first[name], tallies) for name, tallies in life.items() if name in first}
            self._former = [life, recent]

    def _note(self, instance: Instance, readings: Readings) -> None:
        if instance.generation != self._generation:
            self._generation = instance.generation
            self._past.clear()
        self._past.append(readings)

    def _read(self, instance: Instance, definition: ServiceDefinition, router: RouterConfig) -> Readings:
        """Counters that cannot be read are left out: nothing is known of them, and nothing is decided."""
        found: Readings = {}
        for counter in definition.manifest.errors:
            try:
                found[counter.name] = self._tally(counter, instance, definition, router)
            except SupervisorError as error:
                log.debug("counters not read", extra={"service": instance.service, "reason": str(error)})
        return found

    def _tally(
        self, counter: ErrorCounter, instance: Instance, definition: ServiceDefinition, router: RouterConfig
    ) -> Tallies:
        target = target_of(self._world, instance, definition)
        sources = self._world.renderer.probes((counter.source,), router, instance)  # none where `when` says so
        read = self._world.prober.tally
        return by_name(tally for source in sources for tally in read(source, counter.failed, counter.total, target))


def _is_judged(walk: Walk) -> bool:
    """A new configuration may fail more because it was told to: only versions are judged by what they count."""
    is_soaking = walk.former is not None and not walk.is_confirmed and not walk.is_passed_on
    return is_soaking and bool(walk.definition.manifest.errors) and walk.handover.kind is not Kind.CONFIGURE
