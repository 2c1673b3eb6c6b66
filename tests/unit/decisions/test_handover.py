"""The hand-over machine, by tables, and cut after every step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from supervisor.decisions.handover import (
    INTERRUPTED,
    TABLES,
    UnexpectedEventError,
    advance,
    current,
    interrupted,
    is_committed,
    resume,
    verdict,
)
from supervisor.values.handover import (
    Direction,
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

FAILED = StepFailed("it broke")


def fresh(mode: Mode) -> Handover:
    return Handover(1, ServiceName("x"), Kind.SWAP, mode, former=1, candidate=2)


def at(mode: Mode, step: Step) -> Handover:
    index = next(i for i, phase in enumerate(TABLES[mode]) if phase.step is step)
    return replace(fresh(mode), index=index)


def walked(handover: Handover, fail_at: Step | None = None) -> tuple[list[Step], Handover]:
    """Walk to the end; the first time `fail_at` comes, it fails."""
    steps = []
    while (step := current(handover)) is not None:
        steps.append(step)
        failed = step is fail_at and handover.direction is Direction.FORWARD
        handover = advance(handover, FAILED if failed else StepDone())
    return steps, handover


@pytest.mark.parametrize("mode", list(Mode))
def test_without_failure_every_step_is_taken_once_in_order(mode: Mode) -> None:
    steps, end = walked(fresh(mode))
    assert steps == [phase.step for phase in TABLES[mode]]
    assert end.outcome is Outcome.SUCCEEDED


BACK = (Step.SWITCH_BACK, Step.DRAIN_CANDIDATE, Step.REMOVE_CANDIDATE)


@pytest.mark.parametrize(
    ("mode", "fails", "undone", "outcome"),
    [
        (Mode.OVERLAP, Step.STAGE, [Step.UNSTAGE], Outcome.FAILED),
        (Mode.OVERLAP, Step.CHECK, [Step.UNSTAGE], Outcome.FAILED),
        (Mode.OVERLAP, Step.START, [Step.REMOVE_CANDIDATE, Step.UNSTAGE], Outcome.FAILED),
        (Mode.OVERLAP, Step.READY, [Step.REMOVE_CANDIDATE, Step.UNSTAGE], Outcome.FAILED),
        (Mode.OVERLAP, Step.SYNC, [Step.DRAIN_CANDIDATE, Step.REMOVE_CANDIDATE, Step.UNSTAGE], Outcome.FAILED),
        (Mode.OVERLAP, Step.CUT_OVER, [*BACK, Step.UNSTAGE], Outcome.REVERTED),
        (Mode.OVERLAP, Step.VERIFY, [*BACK, Step.UNSTAGE], Outcome.REVERTED),
        (Mode.OVERLAP, Step.SOAK, [*BACK, Step.UNSTAGE], Outcome.REVERTED),
        (
            Mode.TAKEOVER,
            Step.KILL_FORMER,
            [Step.REVIVE_FORMER, Step.REMOVE_CANDIDATE, Step.UNSTAGE],
            Outcome.FAILED,
        ),
        (
            Mode.TAKEOVER,
            Step.VERIFY,
            [Step.SWITCH_BACK, Step.REMOVE_CANDIDATE, Step.REVIVE_FORMER, Step.REMOVE_CANDIDATE, Step.UNSTAGE],
            Outcome.REVERTED,
        ),
        (Mode.RELOAD, Step.CHECK, [], Outcome.FAILED),
        (Mode.RELOAD, Step.VERIFY, [Step.UNAPPLY], Outcome.REVERTED),
    ],
)
def test_a_failure_undoes_what_was_begun_newest_first(
    mode: Mode, fails: Step, undone: list[Step], outcome: Outcome
) -> None:
    steps, end = walked(fresh(mode), fail_at=fails)
    assert steps[steps.index(fails) + 1 :] == undone
    assert (end.outcome, end.reason) == (outcome, "it broke")


@pytest.mark.parametrize("mode", [Mode.OVERLAP, Mode.TAKEOVER])
def test_the_former_is_killed_or_retired_only_where_the_way_back_knows_it(mode: Mode) -> None:
    for phase in TABLES[mode]:
        if is_committed(at(mode, phase.step)):
            continue
        steps, _ = walked(fresh(mode), fail_at=phase.step)
        assert Step.RETIRE not in steps
        assert (Step.KILL_FORMER in steps) == (Step.REVIVE_FORMER in steps)


@pytest.mark.parametrize("step", [Step.DRAIN, Step.RETIRE])
def test_after_the_soak_a_failure_is_tried_again(step: Step) -> None:
    handover = at(Mode.OVERLAP, step)
    assert is_committed(handover)
    assert advance(handover, FAILED) == handover


def test_a_failure_on_the_way_back_is_tried_again() -> None:
    handover = advance(at(Mode.OVERLAP, Step.SOAK), FAILED)
    assert current(handover) is Step.SWITCH_BACK
    assert advance(handover, FAILED) == handover


@pytest.mark.parametrize("step", [Step.VERIFY, Step.SOAK, Step.READY])
def test_an_operator_may_turn_it_round_before_the_commit_point(step: Step) -> None:
    assert advance(at(Mode.OVERLAP, step), RevertAsked("operator")).direction is Direction.UNDO


def test_nothing_is_reverted_after_the_commit_point() -> None:
    with pytest.raises(UnexpectedEventError):
        advance(at(Mode.OVERLAP, Step.DRAIN), RevertAsked("too late"))


@pytest.mark.parametrize("mode", [Mode.OVERLAP, Mode.TAKEOVER])
def test_coming_back_undoes_until_the_cut_and_finishes_after_it(mode: Mode) -> None:
    table = [phase.step for phase in TABLES[mode]]
    for index, step in enumerate(table):
        resumed = resume(replace(fresh(mode), index=index))
        is_past = index > table.index(Step.CUT_OVER)
        assert resumed.direction is (Direction.FORWARD if is_past else Direction.UNDO), step
        _, end = walked(resumed)
        assert end.outcome is not Outcome.RUNNING


@pytest.mark.parametrize(
    ("handover", "outcome", "reason"),
    [
        pytest.param(at(Mode.OVERLAP, Step.READY), Outcome.FAILED, INTERRUPTED, id="no traffic yet"),
        pytest.param(at(Mode.OVERLAP, Step.SOAK), Outcome.REVERTED, INTERRUPTED, id="it soaked"),
        pytest.param(at(Mode.OVERLAP, Step.DRAIN), Outcome.SUCCEEDED, "", id="only clearing was left"),
        pytest.param(at(Mode.RELOAD, Step.CHECK), Outcome.FAILED, INTERRUPTED, id="nothing was written"),
        pytest.param(at(Mode.RELOAD, Step.APPLY), Outcome.REVERTED, INTERRUPTED, id="perhaps half was written"),
        pytest.param(
            replace(advance(at(Mode.OVERLAP, Step.SOAK), FAILED), index=0),
            Outcome.REVERTED,
            "it broke",
            id="undone but for the record, and it had traffic",
        ),
        pytest.param(
            replace(advance(at(Mode.OVERLAP, Step.READY), FAILED), index=0),
            Outcome.FAILED,
            "it broke",
            id="undone but for the record, and it had none",
        ),
    ],
)
def test_one_that_cannot_be_carried_on_tells_how_it_ended(handover: Handover, outcome: Outcome, reason: str) -> None:
    ended = interrupted(handover)
    assert (ended.outcome, ended.reason) == (outcome, reason)


@pytest.mark.parametrize("mode", list(Mode))
def test_cut_anywhere_and_resumed_any_number_of_times_it_always_ends(mode: Mode) -> None:
    for phase in TABLES[mode]:
        handover, steps = fresh(mode), 0
        while current(handover) is not None:
            handover = resume(handover) if handover.index >= TABLES[mode].index(phase) else handover
            handover = advance(handover, StepDone())
            steps += 1
            assert steps < 40


@pytest.mark.parametrize(
    ("mode", "fails", "decided_at", "outcome"),
    [
        (Mode.OVERLAP, Step.STAGE, Step.UNSTAGE, Outcome.FAILED),
        (Mode.OVERLAP, Step.READY, Step.REMOVE_CANDIDATE, Outcome.FAILED),
        (Mode.OVERLAP, Step.SYNC, Step.DRAIN_CANDIDATE, Outcome.FAILED),
        (Mode.OVERLAP, Step.CUT_OVER, Step.DRAIN_CANDIDATE, Outcome.REVERTED),
        (Mode.OVERLAP, Step.SOAK, Step.DRAIN_CANDIDATE, Outcome.REVERTED),
        (Mode.TAKEOVER, Step.CREATE, None, Outcome.FAILED),
        (Mode.TAKEOVER, Step.SOAK, None, Outcome.REVERTED),
        (Mode.RELOAD, Step.VERIFY, None, Outcome.REVERTED),
    ],
)
def test_the_way_back_is_decided_once_the_former_has_its_traffic(
    mode: Mode, fails: Step, decided_at: Step | None, outcome: Outcome
) -> None:
    """From that step on only clearing is left; None: nothing is decided before the end."""
    handover = advance(at(mode, fails), FAILED)
    undone: list[Step] = []
    while (step := current(handover)) is not None and verdict(handover) is Outcome.RUNNING:
        undone.append(step)
        handover = advance(handover, StepDone())
    assert (verdict(handover), current(handover)) == (outcome, decided_at)
    assert walked(handover)[1].outcome is outcome
