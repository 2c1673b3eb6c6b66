"""Fault points: the places of a hand-over where a test may kill the supervisor, or make a step fail or hang.

Each step has two. `before`: the step is recorded in the journal, nothing of it is done. `after`: it is done, and what
follows is not recorded. The daemon's own do nothing; others are handed to `assemble`, by tests only.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from supervisor.values.handover import Step
from supervisor.values.names import ServiceName


class Moment(StrEnum):
    """The place of a point in its step."""

    BEFORE = "before"
    AFTER = "after"


class FaultPoints(Protocol):
    """The points, as the executor reaches them."""

    def reach(self, service: ServiceName, step: Step, moment: Moment) -> None:
        """Note that a hand-over of `service` is at that point. May raise any error: the step then fails."""
        ...


class NoFaults:
    """Fault points at which nothing happens: those of the daemon."""

    def reach(self, service: ServiceName, step: Step, moment: Moment) -> None:
        pass


NO_FAULTS = NoFaults()
