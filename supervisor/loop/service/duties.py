"""Duties: the parts of a worker's turn, each with the time when it is due."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from supervisor.loop.service.isolation import Isolation
from supervisor.ports.system import Clock

IDLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Duty:
    """A part of a worker's turn. A duty that fails is not tried for a moment; the others are."""

    name: str  # in logs
    due: Callable[[], float]  # when to act, in monotonic seconds; the past: now; infinity: there is nothing to do
    act: Callable[[], None]
    rides_along: bool = False  # it acts in every turn unless there is nothing to do: other duties change what it sees


def due_in(duties: Sequence[Duty], isolation: Isolation, clock: Clock) -> float:
    """Return the seconds until the first duty is due: 0 if one is already, `IDLE_SECONDS` at most."""
    now = clock.monotonic()
    due = min((max(duty.due(), isolation.until(duty.name)) for duty in duties), default=math.inf)
    return min(max(0.0, due - now), IDLE_SECONDS)


def do_due(duties: Sequence[Duty], isolation: Isolation, clock: Clock) -> None:
    """Do what is due, in order: whether a duty is due may depend on those before it."""
    for duty in duties:
        due = duty.due()
        if due <= clock.monotonic() or (duty.rides_along and due < math.inf):
            isolation.guard(duty.name, duty.act)
