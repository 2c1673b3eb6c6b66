"""The hand-over machine under random events: whatever happens in whatever order, its promises hold.

A model walks beside it and knows only what the steps mean: who has traffic, what exists. FAULTS=all takes many more
steps than the default.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from supervisor.decisions.handover import (
    INTERRUPTED,
    TABLES,
    UnexpectedEventError,
    advance,
    current,
    has_traffic,
    is_committed,
    is_interrupted,
    resume,
    verdict,
)
from supervisor.values.handover import (
    Direction,
    Event,
    Handover,
    Kind,
    Mode,
    Outcome,
    RevertAsked,
    Step,
    StepDone,
    StepFailed,
)
from supervisor.values.names import ServiceName

MOST_FAILURES = 12  # in one hand-over; without a bound nothing has to end

FORMER, CANDIDATE = "former", "candidate"
MAKES = {Step.STAGE: "folders", Step.CREATE: "container", Step.START: "container"}
REMOVES = {Step.UNSTAGE: "folders", Step.REMOVE_CANDIDATE: "container"}


class HandoverMachine(RuleBasedStateMachine):
    """Steps are done, half done and failed, reverted, and cut off by deaths of the supervisor."""

    def __init__(self) -> None:
        super().__init__()
        self.handover: Handover
        self.recorded: Handover  # what the journal says
        self.made: set[str] = set()
        self.traffic = self.running = FORMER
        self.former_runs = self.former_exists = True
        self.former_files = True
        self.failures = 0
        self.steps: list[Step] = []

    @initialize(mode=st.sampled_from(list(Mode)), kind=st.sampled_from(list(Kind)), ahead=st.integers(0, 9))
    def begin(self, mode: Mode, kind: Kind, ahead: int) -> None:
        """Some steps ahead: what is interesting happens in the middle."""
        self.handover = self.recorded = Handover(1, ServiceName("x"), kind, mode, former=1, candidate=2)
        self.go_on(ahead)

    @property
    def is_running(self) -> bool:
        return self.handover.outcome is Outcome.RUNNING

    # ------------------------------------------------------------ what steps do

    def do(self, step: Step) -> None:
        """Every step may be repeated; half of one counts as all of it, for what it may leave behind."""
        self.steps.append(step)
        match step:
            case Step.STAGE | Step.CREATE | Step.START:
                self.made.add(MAKES[step])
            case Step.UNSTAGE | Step.REMOVE_CANDIDATE:
                self.made.discard(REMOVES[step])
            case Step.KILL_FORMER:
                self.former_runs = False
            case Step.REVIVE_FORMER:
                self.former_runs = True
            case Step.CUT_OVER:
                self.traffic = CANDIDATE
            case Step.SWITCH_BACK:
                self.traffic = FORMER
            case Step.APPLY:
                self.former_files = False
            case Step.UNAPPLY:
                self.former_files = True
            case Step.RETIRE:
                self.former_runs = self.former_exists = False

    def happen(self, event: Event) -> None:
        before = self.handover
        self.handover = self.recorded = advance(before, event)
        if before.direction is Direction.UNDO:
            assert self.handover.direction is Direction.UNDO
            assert (self.handover.reason, self.handover.reached) == (before.reason, before.reached)
        if verdict(before) is not Outcome.RUNNING:
            assert verdict(self.handover) is verdict(before)
        if is_committed(before):
            assert self.handover.direction is Direction.FORWARD
            assert self.handover.index >= before.index

    # ------------------------------------------------------------ what may happen

    @precondition(lambda self: self.is_running)
    @rule(times=st.integers(1, 4))
    def steps_are_done(self, times: int) -> None:
        self.go_on(times)

    def go_on(self, times: int) -> None:
        for _ in range(times):
            step = current(self.handover)
            if step is None:
                return
            self.do(step)
            self.happen(StepDone())
            self.check()

    def check(self) -> None:
        self.somebody_can_serve()
        self.the_former_is_there_until_the_soak_is_over()
        self.where_it_stands_is_in_its_table()
        self.the_end_is_clean()
        self.steps_are_in_order()

    @precondition(lambda self: self.is_running and self.failures < MOST_FAILURES)
    @rule(is_half_done=st.booleans(), reason=st.text(max_size=5))
    def step_fails(self, is_half_done: bool, reason: str) -> None:
        step, before = current(self.handover), self.handover
        assert step is not None
        if is_half_done:
            self.do(step)
        self.failures += 1
        self.happen(StepFailed(reason))
        if before.direction is Direction.UNDO or is_committed(before):
            assert self.handover == before  # tried again

    @precondition(lambda self: self.is_running)
    @rule()
    def somebody_wants_it_back(self) -> None:
        before = self.handover
        try:
            after = advance(before, RevertAsked("asked"))
        except UnexpectedEventError:
            assert is_committed(before) or before.direction is Direction.UNDO
            return
        assert after.direction is Direction.UNDO or after.outcome is not Outcome.RUNNING
        self.handover = self.recorded = after

    @precondition(lambda self: self.is_running and self.failures < MOST_FAILURES)
    @rule(is_half_done=st.booleans(), runs=st.sampled_from([True, True, False]))
    def supervisor_dies(self, is_half_done: bool, runs: bool) -> None:
        """At the cut the store says whether it happened; the step may have been done without being recorded as such."""
        step = current(self.recorded)
        assert step is not None
        if is_half_done:
            self.do(step)
        self.failures += 1
        is_cut = self.traffic == CANDIDATE
        before, self.handover = self.recorded, resume(self.recorded, is_cut=is_cut, is_running=runs)
        self.recorded = self.handover
        if self.is_running:
            assert resume(self.handover, is_cut=is_cut, is_running=runs) == self.handover  # dying again changes nothing
        if before.direction is Direction.FORWARD and before.mode is not Mode.RELOAD and not is_committed(before):
            is_kept = runs and (step in (Step.VERIFY, Step.SOAK) or (step is Step.CUT_OVER and is_cut))
            assert (self.handover == before) == is_kept
        else:
            assert self.handover == before
        if self.handover != before:
            assert is_interrupted(self.handover)
            assert self.handover.reason == INTERRUPTED

    @precondition(lambda self: not self.is_running)
    @rule(event=st.sampled_from([StepDone(), StepFailed("late"), RevertAsked("late")]))
    def nothing_happens_to_what_has_ended(self, event: Event) -> None:
        try:
            advance(self.handover, event)
        except UnexpectedEventError:
            return
        raise AssertionError("it took an event after its end")

    # ------------------------------------------------------------ what holds

    @invariant()
    def somebody_can_serve(self) -> None:
        """Whoever has traffic exists; a gap is only in a takeover, and never without something that ends it."""
        if self.traffic == CANDIDATE and self.handover.mode is not Mode.RELOAD:
            step = current(self.handover)
            is_gap = self.handover.mode is Mode.TAKEOVER and self.handover.direction is Direction.UNDO
            assert "container" in self.made or is_gap or step is Step.SWITCH_BACK
        if self.traffic == FORMER:
            assert self.former_exists
            assert self.former_runs or self.handover.mode is Mode.TAKEOVER

    @invariant()
    def the_former_is_there_until_the_soak_is_over(self) -> None:
        if not self.former_exists:
            assert Step.SOAK in self.steps
            assert self.traffic == CANDIDATE

    @invariant()
    def where_it_stands_is_in_its_table(self) -> None:
        table = TABLES[self.handover.mode]
        assert 0 <= self.handover.index < len(table)
        assert (current(self.handover) is None) == (not self.is_running)
        if self.handover.direction is Direction.UNDO and self.is_running:
            assert self.handover.index <= self.handover.reached

    @invariant()
    def the_end_is_clean(self) -> None:
        outcome = self.handover.outcome
        if outcome is Outcome.SUCCEEDED:
            assert self.handover.mode is Mode.RELOAD or (self.traffic == CANDIDATE and not self.former_exists)
            assert not self.former_files or self.handover.mode is not Mode.RELOAD
        if outcome in (Outcome.FAILED, Outcome.REVERTED):
            assert (self.traffic, self.made) == (FORMER, set())
            assert self.former_runs
            assert self.former_files
            assert (outcome is Outcome.REVERTED) == has_traffic(self.handover)

    @invariant()
    def what_is_decided_takes_nothing_from_clients(self) -> None:
        """Only clearing is left then: another hand-over may begin beside it."""
        if self.is_running and verdict(self.handover) is not Outcome.RUNNING:
            is_back = self.handover.direction is Direction.UNDO
            assert self.traffic == (FORMER if is_back else CANDIDATE) or self.handover.mode is Mode.RELOAD
            assert self.former_runs or not is_back

    @invariant()
    def steps_are_in_order(self) -> None:
        """Nothing is taken away before it is known not to be needed."""
        if Step.RETIRE in self.steps or Step.DRAIN in self.steps:
            assert Step.SOAK in self.steps
        if Step.CUT_OVER in self.steps and self.handover.mode is Mode.OVERLAP:
            assert Step.READY in self.steps

    def teardown(self) -> None:
        """Left alone it ends, in no more steps than its table has."""
        if not hasattr(self, "handover"):
            return
        self.go_on(len(TABLES[self.handover.mode]) + 1)
        assert not self.is_running
        self.the_end_is_clean()


ALL_FAULTS = os.environ.get("FAULTS") == "all"

TestHandoverMachine = HandoverMachine.TestCase
TestHandoverMachine.settings = settings(
    max_examples=1500 if ALL_FAULTS else 150,
    stateful_step_count=40 if ALL_FAULTS else 15,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
