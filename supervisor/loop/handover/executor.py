"""Carries a hand-over on: the next step comes from `decisions/handover.py`, is recorded, and then carried out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType

from supervisor.decisions.handover import advance, current
from supervisor.loop.fault_points import Moment
from supervisor.loop.handover.announcement import report_step
from supervisor.loop.handover.readiness import ready
from supervisor.loop.handover.run import HandoverRun, Wait
from supervisor.loop.handover.state_transfer import catch_up
from supervisor.loop.handover.steps import candidate, cut_over, drain, former, reload, staging
from supervisor.values.errors import EngineError, EngineUnavailableError, NoSpaceError, SupervisorError
from supervisor.values.handover import Event, Mode, Outcome, RevertAsked, Step, StepDone, StepFailed

log = logging.getLogger(__name__)

ENGINE_SECONDS = 20.0  # how long a step waits for an engine that went away
RETRY_SECONDS = 1.0  # after a failed undo or clearing step

STEPS: Mapping[Step, Callable[[HandoverRun], Wait | None]] = MappingProxyType(
    {
        # Each step is followed by the one that undoes it, if any: see the tables of `decisions/handover.py`.
        Step.STAGE: staging.stage,
        Step.UNSTAGE: staging.unstage,
        Step.CHECK: staging.check,
        Step.CREATE: candidate.create,
        Step.START: candidate.start,
        Step.REMOVE_CANDIDATE: candidate.remove_candidate,
        Step.READY: ready,
        Step.SYNC: catch_up,
        Step.DRAIN_CANDIDATE: drain.drain_candidate,
        Step.KILL_FORMER: former.kill_former,
        Step.REVIVE_FORMER: former.revive_former,
        Step.CUT_OVER: cut_over.cut_over,
        Step.SWITCH_BACK: cut_over.switch_back,
        Step.VERIFY: cut_over.verify,
        Step.SOAK: cut_over.soak,
        Step.DRAIN: drain.drain,
        Step.RETIRE: former.retire,
        Step.APPLY: reload.apply,
        Step.UNAPPLY: reload.unapply,
    }
)


def carry_on(run: HandoverRun) -> Wait | None:
    """Carry out the current step once; return how long to wait before the next call, None to go on at once.

    A step that fails turns the hand-over round, or is tried again if it undoes or clears away.
    Raises StateError: when the journal could not record what follows; the step is then carried out again.
    """
    step = run.step
    if step is None:
        return None
    is_new = run.memory.began is None
    if is_new:
        run.memory.began = run.world.clock.monotonic()
        log.debug("step", extra={"service": run.handover.service, "step": step})
        report_step(run, step)
    try:
        wait = _do(run, step, is_new=is_new)
    except EngineUnavailableError as error:
        return _revive_engine(run, step, error)
    except EngineError as error:
        run.world.shared.damage_reports.note(str(error))
        return _fail(run, step, str(error))
    except SupervisorError as error:
        run.wants_space = isinstance(error, NoSpaceError)
        return _fail(run, step, str(error))
    except Exception as error:
        log.exception("unexpected failure", extra={"service": run.handover.service, "step": step})
        return _fail(run, step, f"cannot {step} {run.candidate.container_name}: {error!r}")
    if wait is None:
        _advance(run, StepDone())
    return wait


def _do(run: HandoverRun, step: Step, *, is_new: bool) -> Wait | None:
    points, service = run.world.seams.fault_points, run.handover.service
    if is_new:
        points.reach(service, step, Moment.BEFORE)
    wait = STEPS[step](run)
    if wait is None:
        points.reach(service, step, Moment.AFTER)
    return wait


def revert(run: HandoverRun, reason: str) -> None:
    """Turn the hand-over round: it goes back to the former active. `reason` is recorded.

    Raises StateError: nothing has changed. Not for a hand-over that is committed or goes back already.
    """
    log.warning("reverting", extra={"service": run.handover.service, "step": run.step, "reason": reason})
    _advance(run, RevertAsked(reason))


def _fail(run: HandoverRun, step: Step, reason: str) -> Wait | None:
    before = run.handover
    log.warning("step failed", extra={"service": before.service, "step": step, "reason": reason})
    _advance(run, StepFailed(reason))
    return Wait(RETRY_SECONDS) if run.handover == before else None


def _revive_engine(run: HandoverRun, step: Step, error: EngineUnavailableError) -> Wait | None:
    """Start an engine that went away and let the step be repeated; containers ran on meanwhile."""
    elapsed = run.elapsed
    try:
        run.world.engine.start_service()
    except SupervisorError as failure:
        log.warning("engine not back", extra={"service": run.handover.service, "reason": str(failure)})
    else:
        log.warning("engine back", extra={"service": run.handover.service, "reason": str(error)})
    return _fail(run, step, str(error)) if elapsed > ENGINE_SECONDS else Wait(RETRY_SECONDS / 4)


def _advance(run: HandoverRun, event: Event) -> None:
    """Record where the hand-over stands after `event`, and go on from there."""
    after = advance(run.handover, event)
    if after == run.handover:
        return
    if after.mode is Mode.RELOAD and after.outcome is not Outcome.RUNNING:
        run.world.folders.remove_backup(run.candidate)
    run.world.store.record(after, current(after), run.world.clock.now())
    run.take(after)
    if run.is_over:
        log.info(
            "hand-over ended",
            extra={"service": after.service, "outcome": after.outcome, "generation": after.candidate},
        )
