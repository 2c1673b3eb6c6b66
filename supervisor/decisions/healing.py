"""Decides how an active instance is healed that hangs, or that fails again and again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from supervisor.decisions.falling_back import TOO_OFTEN
from supervisor.values.manifest import Strategy

NEXT_FALL_BACK_SECONDS = 300.0


class Remedy(StrEnum):
    """A way to heal an active instance."""

    NOTHING = "nothing"
    KILL = "kill"  # and start it again in place: what it had in hand is lost
    REPLACE = "replace"  # by a fresh generation beside it: only what hangs is lost
    FALL_BACK = "fall-back"  # to the version that ran before, from one that ends or cannot be started


@dataclass(frozen=True, slots=True)
class Patient:
    """The facts about an active instance, and about versions that could take its place."""

    strategy: Strategy
    is_down: bool
    is_hung: bool
    failures: int  # how often it ended by itself, or could not be started, lately: this time included, hangs not
    was_replaced: bool = False  # a replacement of this very generation was tried, in vain
    has_former: bool = False  # another version was good before, and may be tried now
    has_room: bool = True  # for one more generation
    is_paused: bool = False  # the last replacement is not long ago


def remedy(patient: Patient) -> Remedy:
    """Return the remedy for a patient that is down or hangs now; others need none.

    A patient that cannot be replaced is killed: doing nothing would be an outage too. What hangs keeps its version.
    """
    if not patient.is_down and not patient.is_hung:
        return Remedy.NOTHING
    may_open = patient.has_room and not patient.is_paused
    if not patient.is_hung:
        falls_back = patient.failures >= TOO_OFTEN and patient.has_former and may_open
        return Remedy.FALL_BACK if falls_back else Remedy.NOTHING  # which is started again after its pause
    if patient.strategy is not Strategy.OVERLAP or patient.was_replaced or not patient.has_room:
        return Remedy.KILL
    return Remedy.NOTHING if patient.is_paused else Remedy.REPLACE
