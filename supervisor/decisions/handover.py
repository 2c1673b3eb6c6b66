"""The hand-over machine: three tables of steps, and one rule for going through them forward or back.

A hand-over goes through its table forward. When a step fails before the commit point, it turns round and takes the undo
steps of everything it had begun, newest first. After the commit point (the soak is over) it only goes forward: what
is left is clearing away. A step that fails while undoing, or after the commit point, is tried again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import assert_never

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


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of a table: a step, and the step that undoes it. None: nothing has to be undone."""

    step: Step
    undo: Step | None = None


TABLES: Mapping[Mode, tuple[TableRow, ...]] = MappingProxyType(
    {
        Mode.OVERLAP: (
            TableRow(Step.STAGE, undo=Step.UNSTAGE),
            TableRow(Step.CHECK),
            TableRow(Step.START, undo=Step.REMOVE_CANDIDATE),
            TableRow(Step.READY),
            TableRow(Step.SYNC, undo=Step.DRAIN_CANDIDATE),
            TableRow(Step.CUT_OVER, undo=Step.SWITCH_BACK),
            TableRow(Step.VERIFY),
            TableRow(Step.SOAK),
            TableRow(Step.DRAIN),
            TableRow(Step.RETIRE),
        ),
        Mode.TAKEOVER: (
            TableRow(Step.STAGE, undo=Step.UNSTAGE),
            TableRow(Step.CHECK),
            TableRow(Step.CREATE, undo=Step.REMOVE_CANDIDATE),
            TableRow(Step.KILL_FORMER, undo=Step.REVIVE_FORMER),
            TableRow(Step.START, undo=Step.REMOVE_CANDIDATE),
            TableRow(Step.CUT_OVER, undo=Step.SWITCH_BACK),
            TableRow(Step.VERIFY),
            TableRow(Step.SOAK),
            TableRow(Step.RETIRE),
        ),
        Mode.RELOAD: (
            TableRow(Step.CHECK),
            TableRow(Step.APPLY, undo=Step.UNAPPLY),
            TableRow(Step.VERIFY),
        ),
    }
)

_PIVOT = frozenset({Step.CUT_OVER, Step.APPLY})

INTERRUPTED = "the supervisor ended meanwhile"


class UnexpectedEventError(AssertionError):
    """The loop reported an event that cannot happen to a hand-over where it stands."""

    def __init__(self, handover: Handover, event: Event) -> None:
        super().__init__(f"hand-over {handover.id} at {current(handover)} ({handover.direction}) cannot take {event}")


def step_index(mode: Mode, step: Step) -> int:
    """Return the index of the row of `step` in the table of `mode`."""
    return next(i for i, row in enumerate(TABLES[mode]) if row.step is step)


def _commit_index(mode: Mode) -> int:
    """Return the first row after the commit point: from there a hand-over only goes forward."""
    table = TABLES[mode]
    last = Step.VERIFY if mode is Mode.RELOAD else Step.SOAK
    return next(i for i, row in enumerate(table) if row.step is last) + 1


def _pivot_index(mode: Mode) -> int:
    return next(i for i, row in enumerate(TABLES[mode]) if row.step in _PIVOT)


def is_committed(handover: Handover) -> bool:
    """True if the hand-over only goes forward: the former active is no longer there to go back to."""
    return handover.direction is Direction.FORWARD and handover.index >= _commit_index(handover.mode)


def verdict(handover: Handover) -> Outcome:
    """Return the outcome as soon as it is decided, even if clearing is left; RUNNING before.

    Decided is what is committed, and what has given the former active its traffic back, or never took it.
    """
    if handover.outcome is not Outcome.RUNNING:
        return handover.outcome
    if is_committed(handover):
        return Outcome.SUCCEEDED
    is_back = handover.direction is Direction.UNDO and handover.index < _pivot_index(handover.mode)
    if not is_back or handover.mode is not Mode.OVERLAP:  # in a takeover the former active has to be started again
        return Outcome.RUNNING
    return Outcome.REVERTED if has_traffic(handover) else Outcome.FAILED


def has_traffic(handover: Handover) -> bool:
    """True if the candidate may have been given traffic."""
    return max(handover.index, handover.reached) >= _pivot_index(handover.mode)


_ACTIVE_SERVES = frozenset({Step.STAGE, Step.CHECK, Step.CREATE, Step.SOAK, Step.RETIRE, Step.UNSTAGE})


def leaves_active_alone(handover: Handover) -> bool:
    """True if the active instance must be left alone: it is down on purpose, or known to hang and being replaced."""
    step = current(handover)
    if handover.kind is Kind.HEAL and (step is Step.CUT_OVER or not has_traffic(handover)):
        return True  # to ask it once more would cost the time-outs of its probes
    if handover.mode is Mode.RELOAD:  # it reads its configuration, which the probes do not know yet
        return step in (Step.APPLY, Step.VERIFY, Step.UNAPPLY)
    return handover.mode is Mode.TAKEOVER and step is not None and step not in _ACTIVE_SERVES


def leaves_gap(handover: Handover) -> bool:
    """True if nothing runs once the candidate is removed: a takeover whose former active was killed goes back."""
    return handover.mode is Mode.TAKEOVER and handover.index > step_index(Mode.TAKEOVER, Step.KILL_FORMER)


def current(handover: Handover) -> Step | None:
    """Return the step that is to be carried out now; None when the hand-over has ended."""
    if handover.outcome is not Outcome.RUNNING:
        return None
    row = TABLES[handover.mode][handover.index]
    return row.step if handover.direction is Direction.FORWARD else row.undo


def advance(handover: Handover, event: Event) -> Handover:
    """Return where the hand-over stands after `event`. The caller records it before acting on `current`.

    Raises UnexpectedEventError: when it has ended, or cannot go back any more.
    """
    if handover.outcome is not Outcome.RUNNING:
        raise UnexpectedEventError(handover, event)
    match event:
        case StepDone():
            return _next(handover)
        case StepFailed(reason=reason):
            if handover.direction is Direction.UNDO or is_committed(handover):
                return handover
            return _turn_round(handover, reason)
        case RevertAsked(reason=reason):
            if handover.direction is Direction.UNDO or is_committed(handover):
                raise UnexpectedEventError(handover, event)
            return _turn_round(handover, reason)
        case _:
            assert_never(event)


def resume(handover: Handover, *, is_cut: bool = False, is_running: bool = True) -> Handover:
    """Return where a supervisor that comes back goes on: past the cut-over forward, before it back.

    At the cut-over it depends on whether the candidate was recorded as the active one (`is_cut`). A candidate that does
    not run any more (`is_running`), after a loss of power say, has not proved itself. A reload is carried on: writing
    the same files and letting the daemon read them again does no harm.
    """
    if handover.outcome is not Outcome.RUNNING or handover.direction is Direction.UNDO:
        return handover
    if handover.mode is Mode.RELOAD or is_committed(handover):
        return handover
    pivot = _pivot_index(handover.mode)
    if is_running and (handover.index > pivot or (handover.index == pivot and is_cut)):
        return handover
    return _turn_round(handover, INTERRUPTED)


def interrupted(handover: Handover) -> Handover:
    """Return a hand-over of which nothing is left to carry on, as ended. The reason why it was undone stays."""
    if is_committed(handover):
        return replace(handover, outcome=Outcome.SUCCEEDED)
    outcome = Outcome.REVERTED if has_traffic(handover) else Outcome.FAILED
    return replace(handover, outcome=outcome, reason=handover.reason or INTERRUPTED)


def is_interrupted(handover: Handover) -> bool:
    """True if it was undone only because the supervisor ended: nothing speaks against trying it again."""
    return handover.reason == INTERRUPTED


def _next(handover: Handover) -> Handover:
    if handover.direction is Direction.UNDO:
        return _back_from(handover, handover.index - 1)
    if handover.index + 1 < len(TABLES[handover.mode]):
        return replace(handover, index=handover.index + 1)
    return replace(handover, outcome=Outcome.SUCCEEDED)


def _turn_round(handover: Handover, reason: str) -> Handover:
    turned = replace(handover, direction=Direction.UNDO, reached=handover.index, reason=reason)
    return _back_from(turned, handover.index)


def _back_from(handover: Handover, index: int) -> Handover:
    """Return the hand-over at the newest row from `index` down that has an undo step, or ended."""
    table = TABLES[handover.mode]
    for place in range(index, -1, -1):
        if table[place].undo is not None:
            return replace(handover, index=place)
    had_traffic = handover.reached >= _pivot_index(handover.mode)
    return replace(handover, index=0, outcome=Outcome.REVERTED if had_traffic else Outcome.FAILED)
