"""Fault points: the places of a hand-over where a test may kill the supervisor, or make a step fail or hang.

Each step has two. `before`: the journal has heard of the step, nothing of it is done. `after`: it is done, and the
journal has not heard of what follows. The daemon's own do nothing; others are handed to `assemble`, by tests only.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from supervisor.values.handover import Step
from supervisor.values.names import ServiceName


class Moment(StrEnum):
    BEFORE = "before"
    AFTER = "after"


class FaultPoints(Protocol):
    def reach(self, service: ServiceName, step: Step, moment: Moment) -> None:
        """A hand-over of `service` is at that point. May raise: the step then fails."""
        ...


class NoFaults:
    """Satisfies `FaultPoints`."""

    def reach(self, service: ServiceName, step: Step, moment: Moment) -> None:
        pass


NO_FAULTS = NoFaults()
