"""Opens hand-overs: everything is recorded before anything is done."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from supervisor.decisions.handover import current
from supervisor.loop.generations.allocation import Allocator
from supervisor.loop.generations.definitions import Definitions
from supervisor.loop.generations.frontends import shut
from supervisor.loop.generations.instances import version_of
from supervisor.loop.handover.announcement import announce_waiver
from supervisor.loop.handover.run import HandoverRun, Listener
from supervisor.loop.world import World
from supervisor.values.errors import SupervisorError
from supervisor.values.handover import NO_WAIVER, Handover, Kind, Mode, Waiver
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.names import ServiceName
from supervisor.values.release import InstanceState, Version
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance, RenderedFile

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """A generation that is wanted: why, of which version, and what the operator lets it go without."""

    kind: Kind
    version: Version
    waiver: Waiver = NO_WAIVER


class Opening:
    """What a worker needs to begin a hand-over of its service."""

    def __init__(self, world: World, service: ServiceName, allocator: Allocator, definition_of: Definitions) -> None:
        self._world, self._service, self._allocator, self._definition_of = world, service, allocator, definition_of

    def new_generation(self, wish: Wish, router: RouterConfig, listeners: list[Listener]) -> HandoverRun:
        """Record a candidate and its hand-over from what the store says is active, which may be dead (a reboot)."""
        began = self._world.clock.monotonic()
        definition = self._definition_of(wish.version.definition)
        former = self.active()
        former_definition = self._definition_of.nearest(former.definition, definition) if former else None
        mode, replaced = Mode(definition.manifest.strategy), former.generation if former else None
        with self._allocator.new_instance(definition, wish.version, router) as candidate:
            handover = Handover(0, self._service, wish.kind, mode, replaced, candidate.generation, waiver=wish.waiver)
            run = self._carry_on(handover, definition, router, candidate, began, listeners)
        try:
            shut(self._world, candidate)
        except SupervisorError as error:  # what is recorded is carried out; the worker's next look repeats this
            log.warning("frontends not as configured", extra={"service": self._service, "reason": str(error)})
        run.former, run.former_definition = former, former_definition
        if wish.waiver.words:
            announce_waiver(run)
        return run

    def reload(
        self, instance: Instance, definition: ServiceDefinition, router: RouterConfig, files: tuple[RenderedFile, ...]
    ) -> HandoverRun:
        """Record a change of configuration in place; the files that it may go back to are laid by first."""
        before = self._world.folders.read(instance, definition.manifest)
        self._world.folders.save_backup(instance, before)
        handover = Handover(0, self._service, Kind.CONFIGURE, Mode.RELOAD, None, instance.generation)
        run = self._carry_on(handover, definition, router, instance, self._world.clock.monotonic(), [])
        run.files, run.former_files = files, before
        return run

    def _carry_on(
        self,
        handover: Handover,
        definition: ServiceDefinition,
        router: RouterConfig,
        candidate: Instance,
        began: float,
        listeners: list[Listener],
    ) -> HandoverRun:
        now = self._world.clock.now()
        with self._world.store.together():
            recorded = self._world.store.open_handover(handover, now)
            self._world.store.record(recorded, current(recorded), now)
        return HandoverRun(
            self._world,
            recorded,
            definition,
            router,
            candidate,
            None,
            None,
            began=began,
            began_at=now,
            listeners=listeners,
        )

    def remember_former(self, run: HandoverRun) -> None:
        """What a rollback returns to."""
        former, handover = run.former, run.handover
        is_past = handover.mode is not Mode.RELOAD and handover.kind not in (Kind.START, Kind.FALL_BACK)
        if former and is_past and not version_of(former).is_same_as(version_of(run.candidate)):
            self._world.store.set_previous(self._service, version_of(former))

    def active(self) -> Instance | None:
        """What the store says serves; it may be dead."""
        for instance, state in self._world.store.instances(self._service):
            if state is InstanceState.ACTIVE:
                return instance
        return None
