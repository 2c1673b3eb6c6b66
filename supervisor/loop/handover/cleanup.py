"""Carries on the decided hand-overs of one service: instances drain, are retired, or failed and are removed."""

from __future__ import annotations

import logging
import math
import queue

from supervisor.decisions.handover import verdict
from supervisor.loop.handover.executor import carry_on
from supervisor.loop.handover.run import HandoverRun, Listener
from supervisor.ports.system import Clock
from supervisor.values.handover import Kind, Outcome
from supervisor.values.status import EventRecord, Progress

log = logging.getLogger(__name__)

MOST_ALIVE = 3  # generations of one service
ROOM_SECONDS = 2.0  # a generation that was asked to end at once has had its time then
GRACE_SECONDS = 0.15  # in which most of what is open without being used ends by itself
ROOM_POLL_SECONDS = 0.03


class Cleanup:
    """The decided hand-overs, on the worker's thread; `runs` is read by other threads and replaced whole."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[int, float] = {}
        self.runs: tuple[HandoverRun, ...] = ()

    @property
    def due(self) -> float:
        """Return when the next step is due (monotonic); infinity: there is none."""
        return min(self._due.values(), default=math.inf)

    def add(self, run: HandoverRun) -> None:
        """Take a hand-over that is decided; it is due at once."""
        self.runs = (*self.runs, run)
        self._due[run.handover.id] = 0.0

    def carry_on(self) -> None:
        """Carry out one step of each hand-over that is due."""
        now = self._clock.monotonic()
        for run in self.runs:
            if now < self._due[run.handover.id]:
                continue
            wait = carry_on(run)
            if run.is_over:
                self.runs = tuple(other for other in self.runs if other is not run)
                del self._due[run.handover.id]
            else:
                self._due[run.handover.id] = now + (wait.seconds if wait else 0.0)

    def crowds(self, kind: Kind, soaking: int = 0) -> bool:
        """True if one more generation is too many beside these, the active and the former ones of `soaking` hand-overs.

        At a start nothing runs, so there is no active one to count.
        """
        beside = 0 if kind is Kind.START else 1
        return len(self.runs) + beside + soaking + 1 > MOST_ALIVE

    def make_room(self, soaking: int) -> bool:
        """End drains, that of the fewest connections first, until a configuration has room. False: it has none.

        Blocks for `ROOM_SECONDS` at most.
        """
        began = self._clock.monotonic()
        while self.crowds(Kind.CONFIGURE, soaking) and self._clock.monotonic() < began + ROOM_SECONDS:
            self._due = dict.fromkeys(self._due, 0.0)
            self.carry_on()  # first: what drains may have finished by now
            if not self.crowds(Kind.CONFIGURE, soaking):
                break
            is_hurrying = any(run.draining.is_hurried for run in self.runs)
            if self._clock.monotonic() >= began + GRACE_SECONDS and not is_hurrying:
                _hurry(min(self.runs, key=lambda run: run.draining.connections))
            self._clock.sleep(ROOM_POLL_SECONDS)
        return not self.crowds(Kind.CONFIGURE, soaking)

    @property
    def crowd(self) -> str:
        """The generations that are not gone yet, as the reason of a refusal."""
        numbers = ", ".join(str(run.leaving.generation) for run in self.runs if run.leaving)
        return f"generations {numbers} still drain or cannot be removed; at most {MOST_ALIVE} may be alive"

    def back_already(self, service: str) -> Listener | None:
        """Return the answer for an operator who asks for the way back when it has just been gone; None: it was not."""
        back_on = self.returned_to()
        if back_on is None:
            return None
        listener: Listener = queue.SimpleQueue()
        text = f"{service} is back on {back_on} already"
        listener.put(Progress(service, "nothing", text, fraction=1.0, is_final=True))
        return listener

    def returned_to(self) -> str | None:
        """Return the version that a reverted hand-over, which only clears up, went back to; None: there is none."""
        reverted = (run.former for run in self.runs if verdict(run.handover) is Outcome.REVERTED)
        return next((former.version for former in reverted if former), None)


def _hurry(run: HandoverRun) -> None:
    """Let a drain end early, and record the connections that are lost."""
    run.draining.is_hurried = True
    connections = run.draining.connections
    if connections and run.leaving:
        text = f"generation {run.leaving.generation} gave way to a new configuration with {connections} connections"
        log.warning("drain ends early", extra={"service": run.handover.service, "connections": connections})
        run.world.store.log_event(EventRecord(run.world.clock.now(), run.handover.service, "drain ended", text))
