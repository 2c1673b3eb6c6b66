"""Carries on the hand-overs of one service that are under way, and draws the consequences when they are decided."""

from __future__ import annotations

import math
from collections.abc import Callable

from supervisor.decisions.handover import verdict
from supervisor.loop.handover.announcement import answer, record_outcome
from supervisor.loop.handover.executor import carry_on
from supervisor.loop.handover.run import HandoverRun, Wait
from supervisor.loop.service.parts import ServiceParts
from supervisor.values.handover import Kind, Outcome, Step
from supervisor.values.router import RouterConfig


class Execution:
    """Carries on and settles the hand-overs of one service.

    Lives on the worker's thread. `publish` takes the snapshot that others read, before anybody is answered.
    """

    def __init__(self, parts: ServiceParts, publish: Callable[[], None]) -> None:
        self._service, self._world, self._publish = parts.service, parts.world, publish
        self._agenda, self._inbox = parts.agenda, parts.inbox
        self._retry_policy, self._healer, self._opening = parts.retry_policy, parts.healer, parts.opening
        self._keeper_slot, self._under_way, self._cleanup = parts.keeper_slot, parts.under_way, parts.cleanup
        self._counted: int | None = None  # the hand-over whose consequences were drawn last

    def due(self) -> float:
        """Return when the hand-over in the foreground is to be carried on; infinity: there is none."""
        return self._agenda.not_before if self._under_way.run else math.inf

    def carry_on(self) -> None:
        """Do steps until a step has to wait, something else is more urgent, or the hand-over is decided."""
        run = self._under_way.run
        if run is None:
            return
        wait: Wait | None = None
        while wait is None and not run.is_over and not run.is_background:
            self._pass_on()  # once more if the store refused, or another supervisor did not come so far
            if run.is_background:
                break
            before = run.step
            self._publish()
            wait = carry_on(run)
            self._move_keeper(run, is_proved=before is Step.VERIFY and run.step is Step.SOAK)
            self._pass_on()
            if self._agenda.is_stopping or (wait is None and run.step and self._has_to_look_up):
                return  # to the same hand-over, in a moment
        if wait is not None and not run.is_background:
            self._agenda.not_before = self._world.clock.monotonic() + wait.seconds
            return
        self.conclude(run)
        self._agenda.not_before = 0.0

    def conclude(self, run: HandoverRun) -> None:
        """Settle the hand-over in the foreground, which is decided; let go of it and answer those who wait for it.

        Raises StateError: it is not let go, and all of this may be repeated.
        """
        self._settle(run)
        self._under_way.end()
        self._close(run)

    def _pass_on(self) -> None:
        """Settle the hand-over that soaks if a configuration beside it has proved itself and ended its soak."""
        if decided := self._under_way.pass_on():
            self._settle(decided)
            self._under_way.overtaken = None
            self._close(decided)

    @property
    def _has_to_look_up(self) -> bool:
        """True if a request waits, or what serves has to be looked at, before the next step."""
        keeper = self._keeper_slot.keeper
        is_due = keeper is not None and not self._under_way.leaves_active_alone and keeper.due_in() == 0
        return is_due or not self._inbox.is_empty

    def _move_keeper(self, run: HandoverRun, *, is_proved: bool) -> None:
        """Put the keeper on the instance that has traffic. `is_proved`: a single odd answer is not held against it."""
        active, keeper = self._world.switchboard.serving(self._service).active, self._keeper_slot.keeper
        is_dead = run.handover.kind is Kind.START and active == run.former  # there is nothing to start again
        if active is None or is_dead:
            self._keeper_slot.let_go()
        elif is_proved or keeper is None or keeper.instance.generation != active.generation:
            is_candidate = active.generation == run.candidate.generation
            definition = run.definition if is_candidate else run.former_definition
            if definition is not None:  # which a former instance always has
                router = self._agenda.router or RouterConfig()
                self._keeper_slot.keep(active, definition, router, is_proved=is_proved)

    def _settle(self, run: HandoverRun) -> None:
        """Draw the consequences of a hand-over that is decided, and record its outcome. May be repeated."""
        if self._counted != run.handover.id:
            self._draw_consequences(run)
            self._counted = run.handover.id
        record_outcome(run)

    def _draw_consequences(self, run: HandoverRun) -> None:
        if verdict(run.handover) is not Outcome.SUCCEEDED:
            keeper = self._keeper_slot.keeper
            self._retry_policy.undone(run, serves=keeper is not None and not keeper.is_down)
            self._healer.undone(run)  # last: it counts, and the other may raise
        elif run.handover.kind is Kind.FALL_BACK:
            self._retry_policy.fell_back(run)
        else:
            self._retry_policy.succeeded(run)
            self._opening.remember_former(run)
            self._keeper_slot.give(run.candidate.generation, run.router)

    def _close(self, run: HandoverRun) -> None:
        """Answer those who wait for a hand-over that is settled and let go: what they ask next shows its outcome."""
        if run.is_background:
            self._cleanup.add(run)
        self._agenda.is_dirty = True
        self._publish()
        answer(run)
