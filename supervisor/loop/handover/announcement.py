"""Tells how a hand-over ended: the audit log, and everybody who waits for it."""

from __future__ import annotations

from collections.abc import Callable

from supervisor.decisions.handover import is_interrupted, verdict
from supervisor.loop.handover.run import HandoverRun
from supervisor.values.handover import Outcome
from supervisor.values.status import EventRecord, Progress


def record_outcome(run: HandoverRun) -> None:
    """Record in the audit log how a hand-over was decided: it ended, or only clearing is left."""
    handover, world = run.handover, run.world
    because = f": {handover.reason}" if handover.reason else ""
    world.store.log_event(
        EventRecord(world.clock.now(), handover.service, verdict(handover), _outcome_of(run) + because)
    )


def answer(run: HandoverRun) -> None:
    """Give everybody who waits for a hand-over that is decided its outcome."""
    handover, done = run.handover, verdict(run.handover)
    elapsed = run.world.clock.monotonic() - run.began
    error = None if done is Outcome.SUCCEEDED else handover.reason
    for listener in run.listeners:
        listener.put(Progress(handover.service, done, _outcome_of(run), 1.0, elapsed, is_final=True, error=error))


def _outcome_of(run: HandoverRun) -> str:
    words = run.handover.waiver.words
    waived = f" without {' and '.join(words)}" if words else ""
    return f"{run.handover.kind} to {run.candidate.version} {verdict(run.handover)}{waived}"


def note(run: HandoverRun, name: str, message: str) -> None:
    """Write what happened in the middle of a hand-over into the audit log."""
    run.world.store.log_event(EventRecord(run.world.clock.now(), run.handover.service, name, message))


def announce_waiver(run: HandoverRun) -> None:
    """Show what a hand-over goes without, before it begins."""
    for listener in run.listeners:
        listener.put(Progress(run.handover.service, "waived", str(run.handover.waiver)))


def catch_up(run: HandoverRun, remember_former: Callable[[HandoverRun], None]) -> None:
    """Do what was not done when a hand-over was decided: the supervisor ended in between, perhaps."""
    done = verdict(run.handover)
    if done is Outcome.SUCCEEDED:
        remember_former(run)
    elif done is Outcome.FAILED and is_interrupted(run.handover):
        record_outcome(run)
