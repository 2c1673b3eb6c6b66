"""Hand-overs of one service that are decided: what drains, what is retired, and what failed and is to be removed."""

from __future__ import annotations

import math

from supervisor.decisions.handover import verdict
from supervisor.loop.walk import Listener, Walk
from supervisor.loop.walking import carry_on
from supervisor.ports import Clock
from supervisor.values.handover import Kind, Outcome
from supervisor.values.status import Progress

MOST_ALIVE = 3  # generations of one service


class Clearing:
    """Lives on the worker's thread; `walks` is read by others and replaced whole."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[int, float] = {}
        self.walks: tuple[Walk, ...] = ()

    @property
    def due(self) -> float:
        """When there is something to do (monotonic); infinity when there is nothing."""
        return min(self._due.values(), default=math.inf)

    def add(self, walk: Walk) -> None:
        self.walks = (*self.walks, walk)
        self._due[walk.handover.id] = 0.0

    def carry_on(self) -> None:
        """One step of each that is due."""
        now = self._clock.monotonic()
        for walk in self.walks:
            if now < self._due[walk.handover.id]:
                continue
            wait = carry_on(walk)
            if walk.is_over:
                self.walks = tuple(other for other in self.walks if other is not walk)
                del self._due[walk.handover.id]
            else:
                self._due[walk.handover.id] = now + (wait.seconds if wait else 0.0)

    def crowds(self, kind: Kind) -> bool:
        """Would one more be too many, beside these and the active? Where nothing runs, the active is dead."""
        beside = 0 if kind is Kind.START else 1
        return len(self.walks) + beside + 1 > MOST_ALIVE

    @property
    def held(self) -> str:
        """Which generations are not gone yet, in words."""
        held = ", ".join(str(walk.leaving.generation) for walk in self.walks if walk.leaving)
        return f"generations {held} still drain or cannot be removed; at most {MOST_ALIVE} may be alive"

    def is_back(self, service: str, listener: Listener) -> bool:
        """What was reverted a moment ago and only clears up is what is meant, not the version before that."""
        if back_on := self.returned_to():
            text = f"{service} is back on {back_on} already"
            listener.put(Progress(service, "nothing", text, fraction=1.0, is_final=True))
        return back_on is not None

    def returned_to(self) -> str | None:
        """The version that a hand-over which was reverted a moment ago, and only clears up, went back to."""
        reverted = (walk.former for walk in self.walks if verdict(walk.handover) is Outcome.REVERTED)
        return next((former.version for former in reverted if former), None)
