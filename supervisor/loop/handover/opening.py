"""Opens hand-overs: a candidate and its hand-over are recorded before anything is done."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from supervisor.decisions.handover import current
from supervisor.loop.generations.allocation import Allocator
from supervisor.loop.generations.ceiling import refuse_over_ceiling
from supervisor.loop.generations.definitions import Definitions
from supervisor.loop.generations.doubts import refuse_doubted
from supervisor.loop.generations.frontends import admit
from supervisor.loop.generations.instances import active_of, version_of
from supervisor.loop.handover.announcement import announce_waiver
from supervisor.loop.handover.run import HandoverRun, Listener, ReloadFiles, RunContext, Side
from supervisor.loop.world import World
from supervisor.values.errors import SupervisorError
from supervisor.values.handover import NO_WAIVER, Handover, Kind, Mode, Waiver
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.names import ServiceName
from supervisor.values.release import Version
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance, RenderedFile

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """An order for a generation: the reason, the version, and the safeguards that an operator waives."""

    kind: Kind
    version: Version
    waiver: Waiver = NO_WAIVER


class Opening:
    """Opens the hand-overs of one service, on its worker's thread."""

    def __init__(self, world: World, service: ServiceName, allocator: Allocator, definition_of: Definitions) -> None:
        self._world, self._service, self._allocator, self._definition_of = world, service, allocator, definition_of

    def new_generation(self, order: Order, router: RouterConfig, listeners: list[Listener]) -> HandoverRun:
        """Allocate a candidate, and record it and its hand-over from the instance that the store calls active.

        That one may be dead (a reboot).
        Raises StateError, NetworkError, RenderError, ManifestError or RequestError: nothing is recorded. Raises
        DoubtedReleaseError: no trusted release brings the version, and it is not what runs.
        """
        refuse_doubted(self._world, order.version, self.active())
        began = self._world.clock.monotonic()
        definition = self._definition_of(order.version.definition)
        refuse_over_ceiling(self._world.settings.ceiling, definition.manifest)
        former = self._former_side(definition, router)
        mode, replaced = Mode(definition.manifest.strategy), former.instance.generation if former else None
        with self._allocator.new_instance(definition, order.version, router) as candidate:
            handover = Handover(0, self._service, order.kind, mode, replaced, candidate.generation, waiver=order.waiver)
            recorded, now = self._record(handover)
        context = RunContext(self._world, began, now)
        run = HandoverRun(recorded, context, Side(candidate, definition, router), former, listeners)
        try:
            admit(self._world, candidate)
        except SupervisorError as error:  # what is recorded is carried out; the worker's next look repeats this
            log.warning("frontends not as configured", extra={"service": self._service, "reason": str(error)})
        if order.waiver.words:
            announce_waiver(run)
        return run

    def reload(
        self, instance: Instance, definition: ServiceDefinition, router: RouterConfig, files: tuple[RenderedFile, ...]
    ) -> HandoverRun:
        """Record a change of configuration in place, once there is a backup of the files that it may go back to.

        Raises StateError: nothing is recorded.
        """
        began, before = self._world.clock.monotonic(), self._world.folders.read(instance, definition.manifest)
        self._world.folders.save_backup(instance, before)
        handover = Handover(0, self._service, Kind.CONFIGURE, Mode.RELOAD, None, instance.generation)
        recorded, now = self._record(handover)
        context = RunContext(self._world, began, now, ReloadFiles(files, before))
        return HandoverRun(recorded, context, Side(instance, definition, router), None)

    def remember_former(self, run: HandoverRun) -> None:
        """Record the former version as the one that a rollback returns to, if the hand-over was from one to another."""
        former, handover = run.former, run.handover
        is_past = handover.mode is not Mode.RELOAD and handover.kind not in (Kind.START, Kind.FALL_BACK)
        if former and is_past and not version_of(former).is_same_as(version_of(run.candidate)):
            self._world.store.set_previous(self._service, version_of(former))

    def active(self) -> Instance | None:
        """Return the instance that the store calls active, which may be dead; None: there is none."""
        return active_of(self._world.store, self._service)

    def _former_side(self, definition: ServiceDefinition, router: RouterConfig) -> Side | None:
        former = self.active()
        return Side(former, self._definition_of.nearest(former.definition, definition), router) if former else None

    def _record(self, handover: Handover) -> tuple[Handover, float]:
        """Open a hand-over in the journal; return it with its number, and the time since the epoch."""
        now = self._world.clock.now()
        with self._world.store.together():
            recorded = self._world.store.open_handover(handover, now)
            self._world.store.record(recorded, current(recorded), now)
        return recorded, now
