"""Hand-overs of one service that are decided: what drains, what is retired, and what failed and is to be removed."""

from __future__ import annotations

import logging
import math
import queue

from supervisor.decisions.handover import verdict
from supervisor.loop.walk import Listener, Walk
from supervisor.loop.walking import carry_on
from supervisor.ports import Clock
from supervisor.values.handover import Kind, Outcome
from supervisor.values.status import EventRecord, Progress

log = logging.getLogger(__name__)

MOST_ALIVE = 3  # generations of one service
ROOM_SECONDS = 2.0  # a generation that is told to end at once has had its time then
GRACE_SECONDS = 0.15  # in which most of what is open without being used ends by itself
ROOM_POLL_SECONDS = 0.03


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

    def crowds(self, kind: Kind, soaking: int = 0) -> bool:
        """True if one more is too many, beside these, the active and the former ones of `soaking` hand-overs.

        Where nothing runs, the active is dead.
        """
        beside = 0 if kind is Kind.START else 1
        return len(self.walks) + beside + soaking + 1 > MOST_ALIVE

    def make_room(self, soaking: int) -> bool:
        """End drains, that of the fewest connections first, until a configuration has room. False: there is none."""
        began = self._clock.monotonic()
        while self.crowds(Kind.CONFIGURE, soaking) and self._clock.monotonic() < began + ROOM_SECONDS:
            self._due = dict.fromkeys(self._due, 0.0)
            self.carry_on()  # first: what drains may have finished by now
            if not self.crowds(Kind.CONFIGURE, soaking):
                break
            if self._clock.monotonic() >= began + GRACE_SECONDS and not any(walk.is_hurried for walk in self.walks):
                _hurry(min(self.walks, key=lambda walk: walk.held))
            self._clock.sleep(ROOM_POLL_SECONDS)
        return not self.crowds(Kind.CONFIGURE, soaking)

    @property
    def held(self) -> str:
        """Which generations are not gone yet, in words."""
        held = ", ".join(str(walk.leaving.generation) for walk in self.walks if walk.leaving)
        return f"generations {held} still drain or cannot be removed; at most {MOST_ALIVE} may be alive"

    def back_already(self, service: str) -> Listener | None:
        """Answer whoever wants back what was reverted a moment ago, and only clears up: that is what is meant."""
        back_on = self.returned_to()
        if back_on is None:
            return None
        listener: Listener = queue.SimpleQueue()
        text = f"{service} is back on {back_on} already"
        listener.put(Progress(service, "nothing", text, fraction=1.0, is_final=True))
        return listener

    def returned_to(self) -> str | None:
        """The version that a hand-over which was reverted a moment ago, and only clears up, went back to."""
        reverted = (walk.former for walk in self.walks if verdict(walk.handover) is Outcome.REVERTED)
        return next((former.version for former in reverted if former), None)


def _hurry(walk: Walk) -> None:
    """Let a drain end early, and record the connections that are lost."""
    walk.is_hurried = True
    if walk.held and walk.leaving:
        text = f"generation {walk.leaving.generation} gave way to a new configuration with {walk.held} connections"
        log.warning("drain ends early", extra={"service": walk.handover.service, "connections": walk.held})
        walk.world.store.log_event(EventRecord(walk.world.clock.now(), walk.handover.service, "drain ended", text))
