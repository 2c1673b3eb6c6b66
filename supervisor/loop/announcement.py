"""Tells how a hand-over ended: the audit log, and everybody who waits for it."""

from __future__ import annotations

from collections.abc import Callable

from supervisor.decisions.handover import is_interrupted, verdict
from supervisor.loop.walk import Walk
from supervisor.values.handover import Outcome
from supervisor.values.status import EventRecord, Progress


def announce(walk: Walk) -> None:
    """From here a hand-over is decided: it ended, or only clearing is left."""
    handover, world = walk.handover, walk.world
    done = verdict(handover)
    is_good = done is Outcome.SUCCEEDED
    waived = f" without {' and '.join(handover.waiver.words)}" if handover.waiver.words else ""
    text = f"{handover.kind} to {walk.candidate.version} {done}{waived}"
    because = f": {handover.reason}" if handover.reason else ""
    world.store.log_event(EventRecord(world.clock.now(), handover.service, done, text + because))
    elapsed = world.clock.monotonic() - walk.began
    error = None if is_good else handover.reason
    for listener in walk.listeners:
        listener.put(Progress(handover.service, done, text, 1.0, elapsed, is_final=True, error=error))


def note(walk: Walk, name: str, message: str) -> None:
    """Write what happened in the middle of a hand-over into the audit log."""
    walk.world.store.log_event(EventRecord(walk.world.clock.now(), walk.handover.service, name, message))


def announce_waiver(walk: Walk) -> None:
    """Show what a hand-over goes without, before it begins."""
    for listener in walk.listeners:
        listener.put(Progress(walk.handover.service, "waived", str(walk.handover.waiver)))


def catch_up(walk: Walk, remember_former: Callable[[Walk], None]) -> None:
    """Do what was not done when a hand-over was decided: the supervisor ended in between, perhaps."""
    done = verdict(walk.handover)
    if done is Outcome.SUCCEEDED:
        remember_former(walk)
    elif done is Outcome.FAILED and is_interrupted(walk.handover):
        announce(walk)
