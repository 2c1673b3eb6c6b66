"""Looks after the instance that serves: its process, its probes, its soak, and the cure when it is ill."""

from __future__ import annotations

import math

from supervisor.loop.care.soak import SoakWatch
from supervisor.loop.handover.opening import Order
from supervisor.loop.service.parts import ServiceParts
from supervisor.loop.service.reconciling import Reconciling
from supervisor.values.handover import Kind


class Tending:
    """Looks after what serves, on the worker's thread."""

    def __init__(self, parts: ServiceParts, reconciling: Reconciling) -> None:
        self._clock, self._agenda, self._inbox, self._isolation = (
            parts.world.clock,
            parts.agenda,
            parts.inbox,
            parts.isolation,
        )
        self._keeper_slot, self._under_way, self._cleanup = parts.keeper_slot, parts.under_way, parts.cleanup
        self._retry_policy, self._healer, self._reconciling = parts.retry_policy, parts.healer, reconciling
        self._soak_watch = SoakWatch(parts.world)

    def due(self) -> float:
        """Return when what serves is to be looked at; infinity: nothing serves, or a hand-over deals with it."""
        keeper = self._keeper_slot.keeper
        if keeper is None or self._under_way.leaves_active_alone:
            return math.inf
        return self._clock.monotonic() + min(keeper.due_in(), self._soak_watch.due_in(self._under_way.run))

    def turn(self) -> None:
        """Look at what serves as far as that is due; judge its soak; heal or replace it."""
        keeper = self._keeper_slot.keeper
        if keeper is None:
            return
        try:
            keeper.turn()
        finally:  # an engine that is away is no reason to stay with a candidate that has ended
            is_judged = not keeper.is_hung or self._inbox.is_empty  # else: the report of its end comes first
            if is_judged and self._soak_watch.turn(self._under_way.run, keeper, self._agenda.router):
                self._agenda.not_before = 0.0
        self._heal()
        self._replace_what_is_gone()

    def look(self) -> None:
        """Look at once: what serves has ended, or may have. A hand-over that is under way goes on after that."""
        if self._keeper_slot.keeper:
            self._keeper_slot.keeper.exited()
            if not self._under_way.leaves_active_alone:
                self._isolation.guard("keeper", self.turn)

    def _heal(self) -> None:
        keeper = self._keeper_slot.keeper
        if keeper is None or self._under_way.run is not None or self._agenda.router is None:
            return
        if not self._inbox.is_empty:
            return  # what does not answer may have ended meanwhile: the report of that comes first
        cure = self._healer.cure(keeper, is_crowded=self._cleanup.crowds(Kind.HEAL))
        if cure:  # the configuration that it has is good; the router's may have been refused
            given = self._keeper_slot.given(keeper.instance.generation) if cure.kind is Kind.HEAL else None
            self._reconciling.open(Order(cure.kind, cure.version), [], given)

    def _replace_what_is_gone(self) -> None:
        """Let a new generation take the place of a container that somebody removed: it cannot be started again."""
        keeper = self._keeper_slot.keeper
        if keeper and keeper.is_gone and self._under_way.run is None:
            self._keeper_slot.let_go()
            self._retry_policy.forgive()  # whatever was refused: now nothing serves
            self._agenda.is_dirty = True
