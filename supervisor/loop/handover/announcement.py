"""Records how a hand-over goes and ends: in the audit log, and for the listeners that wait for it."""

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
    """Give the listeners of a decided hand-over its outcome, as their last progress."""
    handover, done = run.handover, verdict(run.handover)
    elapsed = run.world.clock.monotonic() - run.context.began
    error = None if done is Outcome.SUCCEEDED else handover.reason
    for listener in run.listeners:
        listener.put(Progress(handover.service, done, _outcome_of(run), 1.0, elapsed, is_final=True, error=error))


def _outcome_of(run: HandoverRun) -> str:
    words = run.handover.waiver.words
    waived = f" without {' and '.join(words)}" if words else ""
    return f"{run.handover.kind} to {run.candidate.version} {verdict(run.handover)}{waived}"


def log_event(run: HandoverRun, name: str, message: str) -> None:
    """Record an event of a hand-over under way in the audit log."""
    run.world.store.log_event(EventRecord(run.world.clock.now(), run.handover.service, name, message))


def report_step(run: HandoverRun, step: str, message: str = "") -> None:
    """Give listeners the step that a hand-over is at; `message` is the reason to wait, empty: none."""
    elapsed = run.world.clock.monotonic() - run.context.began
    for listener in run.listeners:
        listener.put(Progress(run.handover.service, step, message, elapsed=elapsed))


def announce_waiver(run: HandoverRun) -> None:
    """Give listeners the safeguards that a hand-over goes without, before it begins."""
    for listener in run.listeners:
        listener.put(Progress(run.handover.service, "waived", str(run.handover.waiver)))


def repeat_records(run: HandoverRun, remember_former: Callable[[HandoverRun], None]) -> None:
    """Repeat what follows a decided hand-over: the supervisor may have ended before it did that. May be repeated."""
    done = verdict(run.handover)
    if done is Outcome.SUCCEEDED:
        remember_former(run)
    elif done is Outcome.FAILED and is_interrupted(run.handover):
        record_outcome(run)
