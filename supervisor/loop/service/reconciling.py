"""Brings a service to its desired state: observes, lets the plan decide, and writes, reloads or opens a hand-over."""

from __future__ import annotations

import logging
import math

from supervisor.decisions.overtaking import may_overtake
from supervisor.decisions.plan import NewGeneration, Nothing, ReloadInPlace, Write
from supervisor.loop.generations.frontends import open_and_shut
from supervisor.loop.generations.instances import is_running, version_of
from supervisor.loop.handover.opening import Order
from supervisor.loop.handover.overtaking import note_configuration
from supervisor.loop.handover.run import Listener
from supervisor.loop.service.isolation import PAUSE_SECONDS
from supervisor.loop.service.parts import ServiceParts
from supervisor.values.errors import RequestError
from supervisor.values.handover import Kind, Mode
from supervisor.values.release import Version
from supervisor.values.router import RouterConfig
from supervisor.values.state import RenderedFile
from supervisor.values.status import EventRecord

log = logging.getLogger(__name__)


class Reconciling:
    """Compares desired and observed, on the worker's thread, and begins what closes the gap."""

    def __init__(self, parts: ServiceParts) -> None:
        self._service, self._world, self._agenda = parts.service, parts.world, parts.agenda
        self._retry_policy, self._healer, self._opening = parts.retry_policy, parts.healer, parts.opening
        self._keeper_slot, self._under_way, self._cleanup = parts.keeper_slot, parts.under_way, parts.cleanup
        self._definition_of = parts.definition_of

    def due(self) -> float:
        """Return when to compare; infinity: nothing has changed, or a hand-over does not allow for it now."""
        if not self._agenda.is_dirty or self._agenda.router is None:
            return math.inf
        if self._under_way.run is None:
            return self._agenda.not_before
        return self._agenda.room_at if self._under_way.soaks else math.inf

    def turn(self) -> None:
        """Compare, and do what the plan says. While something soaks only the configuration is compared."""
        if self._agenda.router is None:
            return
        if self._under_way.run is None:
            self._reconcile(self._agenda.router)
        else:
            self._reconfigure(self._agenda.router)

    def open(self, order: Order, listeners: list[Listener], given: RouterConfig | None = None) -> None:
        """Begin a hand-over to a new generation with the configuration `given`, or else the router's.

        Raises RequestError: the router has no configuration yet.
        """
        router = given or self._agenda.router
        if router is None:
            raise RequestError(f"cannot {order.kind} {self._service}: the router has no configuration yet")
        run = self._opening.new_generation(order, router, listeners)
        self._under_way.begin(run)
        self._keeper_slot.expect(run.candidate.generation, router)
        self._agenda.not_before = 0.0

    def _reconcile(self, router: RouterConfig) -> None:
        desired = self._world.store.desired(self._service)
        self._agenda.is_dirty = False
        if desired is None:
            return
        if self._keeper_slot.keeper is None:
            self._keep_what_runs(router)
        open_and_shut(self._world, self._keeper_slot.active, router)
        wanted = self._wanted(desired)
        files, action = self._keeper_slot.compare(wanted, router)
        if isinstance(action, Nothing):
            self._retry_policy.clear()
            self._keeper_slot.give_active(router)
            return
        if self._retry_policy.is_refused(wanted, router):
            return
        log.info("plan", extra={"service": self._service, "action": repr(action)})
        match action:
            case NewGeneration(kind=kind) if self._is_crowded(kind):
                self._agenda.is_dirty, self._agenda.not_before = True, self._world.clock.monotonic() + PAUSE_SECONDS
            case NewGeneration(kind=Kind.START):
                self.open(Order(Kind.START, self._healer.version_to_start(wanted)), [])
            case NewGeneration(kind=kind):
                self.open(Order(Kind.RETRY if kind is Kind.SWAP else kind, wanted), [])
            case Write(changed=changed):
                self._write(files, router)
                self._world.store.log_event(
                    EventRecord(self._world.clock.now(), self._service, "configured", f"{len(changed)} files written")
                )
            case ReloadInPlace() if self._keeper_slot.active:
                self._reload(files, router)

    def _reconfigure(self, router: RouterConfig) -> None:
        """Begin a change of configuration beside a soak; see `decisions/overtaking.py`."""
        soaking, keeper = self._under_way.run, self._keeper_slot.keeper
        self._agenda.is_dirty = False
        if soaking is None or keeper is None:  # a candidate that has ended is judged first
            return
        open_and_shut(self._world, self._keeper_slot.active, router)
        running = version_of(keeper.instance)
        files, action = self._keeper_slot.compare(running, router)
        if isinstance(action, Nothing):
            self._keeper_slot.give_active(router)
        elif isinstance(action, Write):
            note_configuration(soaking, router)
            self._write(files, router)
        elif self._retry_policy.is_refused(running, router):
            return
        elif isinstance(action, ReloadInPlace) and may_overtake(soaking.handover, Mode.RELOAD):
            self._reload(files, router)
        elif may_overtake(soaking.handover, Mode(keeper.definition.manifest.strategy)):
            if self._cleanup.make_room(soaking=1):
                self.open(Order(Kind.CONFIGURE, running), [])
            else:
                self._agenda.is_dirty, self._agenda.room_at = True, self._world.clock.monotonic() + PAUSE_SECONDS

    def _is_crowded(self, kind: Kind) -> bool:
        """True if a new generation has to wait for drains. A configuration ends them instead, as far as it needs to."""
        return self._cleanup.crowds(kind) and not (kind is Kind.CONFIGURE and self._cleanup.make_room(soaking=0))

    def _wanted(self, desired: Version) -> Version:
        """Return the desired version, or while that is held back the version that serves in its place."""
        active = self._opening.active()
        return version_of(active) if active and self._retry_policy.holds_back(desired) else desired

    def _reload(self, files: tuple[RenderedFile, ...], router: RouterConfig) -> None:
        if active := self._keeper_slot.active:
            self._under_way.begin(self._opening.reload(*active, router, files))
            self._agenda.not_before = 0.0

    def _write(self, files: tuple[RenderedFile, ...], router: RouterConfig) -> None:
        if active := self._keeper_slot.active:
            instance, definition = active
            self._world.folders.write(instance, definition.manifest, files)
            self._keeper_slot.give_active(router)

    def _keep_what_runs(self, router: RouterConfig) -> None:
        """Watch what the store calls active if it runs: it is never started beside itself."""
        active = self._opening.active()
        if active and is_running(self._world.engine, active):
            self._keeper_slot.keep(active, self._definition_of(active.definition), router)
