"""A service's worker: the thread on which everything that changes the service happens, in order.

Others put requests into its inbox. A slow or hung action of one service never delays another.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

from supervisor.decisions.configured import Configured
from supervisor.decisions.status import ServiceSnapshot
from supervisor.loop.care.healing import Healer
from supervisor.loop.care.undertakings import UndertakingWatch
from supervisor.loop.generations.allocation import Allocator
from supervisor.loop.generations.definitions import Definitions
from supervisor.loop.handover.cleanup import Cleanup
from supervisor.loop.handover.foreground import Foreground
from supervisor.loop.handover.opening import Opening
from supervisor.loop.handover.run import Listener
from supervisor.loop.service.adoption import adopt_and_carry_on
from supervisor.loop.service.duties import Duty, do_due, due_in
from supervisor.loop.service.execution import Execution
from supervisor.loop.service.inbox import Inbox
from supervisor.loop.service.isolation import Isolation
from supervisor.loop.service.keeper_slot import KeeperSlot
from supervisor.loop.service.parts import Agenda, ServiceParts
from supervisor.loop.service.reconciling import Reconciling
from supervisor.loop.service.requests import Requests
from supervisor.loop.service.retry_policy import RetryPolicy
from supervisor.loop.service.snapshot import snapshot_of
from supervisor.loop.service.tending import Tending
from supervisor.loop.service.thread import ServiceThread
from supervisor.loop.world import World
from supervisor.values.handover import NO_WAIVER, Kind, Waiver
from supervisor.values.names import ServiceName
from supervisor.values.release import Version
from supervisor.values.router import RouterConfig
from supervisor.values.status import EventRecord

T = TypeVar("T")


class Worker(ServiceThread):
    """The worker of one service.

    Public methods but `publish` may be called from any thread; `snapshot` is all that others read of the service.
    """

    def __init__(
        self,
        name: ServiceName,
        world: World,
        allocator: Allocator,
        digest: Callable[[bytes], str],
        router: RouterConfig | None,
        inbox: Inbox | None = None,
    ) -> None:
        inbox = inbox or Inbox(name)
        isolation = Isolation(name, world.clock, world.engine, world.shared.damage_reports, self._degrade)
        self._undertaking_watch = UndertakingWatch(
            world, name, lambda take: inbox.put(lambda: isolation.guard("upkeep", take))
        )
        definition_of = Definitions(world.store, world.origin.read_definition, name)
        parts = ServiceParts(
            service=name,
            world=world,
            agenda=Agenda(router),
            inbox=inbox,
            isolation=isolation,
            retry_policy=RetryPolicy(name, world.store, world.clock, world.shared.damage_reports),
            definition_of=definition_of,
            opening=Opening(world, name, allocator, definition_of),
            keeper_slot=KeeperSlot(world, isolation, digest, self._on_exit, self._undertaking_watch.look_after),
            under_way=Foreground(),
            cleanup=Cleanup(world.clock),
            healer=Healer(world, name),
        )
        super().__init__(parts)
        reconciling, execution = Reconciling(parts), Execution(parts, self.publish)
        self._tending = Tending(parts, reconciling)
        self._requests = Requests(parts, execution, reconciling)
        self._adoption = (Duty("adopt", lambda: 0.0, lambda: adopt_and_carry_on(parts)),)
        self._duties = (
            Duty("renew", lambda: parts.retry_policy.retry_at, self._renew),
            Duty("hand-over", execution.due, execution.carry_on),
            Duty("clear", self._clearing_due, parts.cleanup.carry_on),
            Duty("keeper", self._tending.due, self._tending.turn, rides_along=True),
            Duty("upkeep", self._undertakings_due, self._tend_undertakings, rides_along=True),
            Duty("reconcile", reconciling.due, reconciling.turn),
        )
        self._configured = Configured()
        self.snapshot = ServiceSnapshot(name, router)  # replaced whole

    # ------------------------------------------------------------ from other threads

    def configure(self, router: RouterConfig, number: int = 0) -> None:
        """Give the worker the router's new configuration; `snapshot.configured` shows what becomes of it."""
        self.parts.inbox.put(lambda: self._requests.configure(router, number))

    def begin(self, kind: Kind, version: Version | None, waiver: Waiver = NO_WAIVER) -> Listener:
        """Begin a hand-over to `version` (None: that which runs). The listener gets each step and a final Progress.

        Raises RequestError or BusyError: it is refused, and nothing has changed.
        """
        return self._ask(lambda: self._requests.begin(kind, version, waiver))

    def revert(self) -> Listener | None:
        """Return to the former active while it is still warm; None: no hand-over is under way. Raises BusyError."""
        return self._ask(self._requests.revert)

    def confirm(self) -> None:
        """End the soak now. Raises RequestError: nothing soaks."""
        self._ask(self._requests.confirm)

    def stop_service(self) -> None:
        """Take every container of the service along, and end the thread; state and records stay."""
        self._ask(self._requests.stop_service)

    def _ask(self, question: Callable[[], T]) -> T:
        def answer() -> T:
            try:
                return question()
            finally:
                self.publish()  # before the answer: who has it sees what it changed

        return self.parts.inbox.ask(answer)

    # ------------------------------------------------------------ the thread

    @property
    def _due(self) -> tuple[Duty, ...]:
        """The duties of a turn: nothing is done for a service before what runs of it is adopted."""
        return self._duties if self.parts.agenda.is_adopted else self._adoption

    def _due_in(self) -> float:
        return due_in(self._due, self.parts.isolation, self.parts.world.clock)

    def _turn(self) -> None:
        do_due(self._due, self.parts.isolation, self.parts.world.clock)

    def _note_configured(self) -> None:
        """Record whether the router's configuration serves; what was refused for want of space, say, may later."""
        parts, router = self.parts, self.parts.agenda.router
        if router is None or not parts.agenda.is_adopted:
            return
        refusal, serves = parts.isolation.refusal("reconcile"), False
        if not parts.agenda.is_dirty and (parts.under_way.run is None or parts.under_way.soaks):
            serves = parts.keeper_slot.serves(router)
            refusal = refusal or ("" if serves else parts.retry_policy.refusal_of(router))
        former = self._configured
        self._configured = former.after(parts.agenda.number, serves=serves, refusal=refusal)
        if self._configured.recovers(former):
            parts.isolation.guard("event", self._log_recovery)

    def _log_recovery(self) -> None:
        """Record that a configuration serves which was refused, for want of space say."""
        world, text = self.parts.world, "what was refused serves now"
        world.store.log_event(EventRecord(world.clock.now(), self.name, "configuration live", text))

    def publish(self) -> None:
        """Replace the snapshot. On the worker's thread."""
        self.snapshot = snapshot_of(self.parts, self._undertaking_watch.courses, self._configured)

    def _let_go(self) -> None:
        self.parts.keeper_slot.let_go()

    def _degrade(self, reason: str) -> None:
        """Record why a duty failed, and compare again soon."""
        self.parts.retry_policy.degrade(reason)
        self.parts.agenda.is_dirty = True

    def _on_exit(self) -> None:
        """Look at what serves: its process has ended. From the thread that watches processes."""
        self.parts.inbox.put(self._tending.look)

    # ------------------------------------------------------------ duties of one line

    def _renew(self) -> None:
        self.parts.agenda.is_dirty = self.parts.retry_policy.renew() or self.parts.agenda.is_dirty

    def _clearing_due(self) -> float:
        return math.inf if self.parts.under_way.is_configuring else self.parts.cleanup.due

    def _undertakings_due(self) -> float:
        keeper = self.parts.keeper_slot.keeper
        if keeper is None or self.parts.under_way.leaves_active_alone:
            return math.inf
        return self.parts.world.clock.monotonic() + self._undertaking_watch.due_in(keeper)

    def _tend_undertakings(self) -> None:
        self._undertaking_watch.turn(self.parts.keeper_slot.keeper)
