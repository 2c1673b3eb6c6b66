"""Carries a hand-over on: the machine says what is next, the journal hears it first, then the step is done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType

from supervisor.decisions.handover import advance, current
from supervisor.loop.fault_points import Moment
from supervisor.loop.handover import forward, undo
from supervisor.loop.handover.readiness import ready
from supervisor.loop.handover.run import HandoverRun, Wait
from supervisor.loop.handover.state_transfer import catch_up
from supervisor.values.errors import EngineError, EngineUnavailableError, NoSpaceError, SupervisorError
from supervisor.values.handover import Event, Mode, Outcome, RevertAsked, Step, StepDone, StepFailed
from supervisor.values.status import Progress

log = logging.getLogger(__name__)

ENGINE_SECONDS = 20.0  # how long a step waits for an engine that went away
RETRY_SECONDS = 1.0  # after a failed undo or clearing step

STEPS: Mapping[Step, Callable[[HandoverRun], Wait | None]] = MappingProxyType(
    {
        Step.STAGE: forward.stage,
        Step.CHECK: forward.check,
        Step.CREATE: forward.create,
        Step.START: forward.start,
        Step.READY: ready,
        Step.SYNC: catch_up,
        Step.KILL_FORMER: forward.kill_former,
        Step.CUT_OVER: forward.cut_over,
        Step.VERIFY: forward.verify,
        Step.SOAK: forward.soak,
        Step.DRAIN: forward.drain,
        Step.RETIRE: forward.retire,
        Step.APPLY: forward.apply,
        Step.SWITCH_BACK: undo.switch_back,
        Step.REVIVE_FORMER: undo.revive_former,
        Step.DRAIN_CANDIDATE: undo.drain_candidate,
        Step.REMOVE_CANDIDATE: undo.remove_candidate,
        Step.UNSTAGE: undo.unstage,
        Step.UNAPPLY: undo.unapply,
    }
)


def carry_on(run: HandoverRun) -> Wait | None:
    """Do the current step once; return how long to wait before the next call, None to go on at once."""
    step = run.step
    if step is None:
        return None
    is_new = run.step_began is None
    if is_new:
        run.step_began = run.world.clock.monotonic()
        _tell(run, step)
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
        _take(run, StepDone())
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
    """Turn round: the former active is wanted back."""
    log.warning("reverting", extra={"service": run.handover.service, "step": run.step, "reason": reason})
    _take(run, RevertAsked(reason))


def _fail(run: HandoverRun, step: Step, reason: str) -> Wait | None:
    before = run.handover
    log.warning("step failed", extra={"service": before.service, "step": step, "reason": reason})
    _take(run, StepFailed(reason))
    return Wait(RETRY_SECONDS) if run.handover == before else None


def _revive_engine(run: HandoverRun, step: Step, error: EngineUnavailableError) -> Wait | None:
    """An engine that went away is started again and the step repeated; containers did not notice."""
    elapsed = run.elapsed
    try:
        run.world.engine.start_service()
    except SupervisorError as failure:
        log.warning("engine not back", extra={"service": run.handover.service, "reason": str(failure)})
    else:
        log.warning("engine back", extra={"service": run.handover.service, "reason": str(error)})
    return _fail(run, step, str(error)) if elapsed > ENGINE_SECONDS else Wait(RETRY_SECONDS / 4)


def _take(run: HandoverRun, event: Event) -> None:
    after = advance(run.handover, event)
    if after == run.handover:
        return
    if after.mode is Mode.RELOAD and after.outcome is not Outcome.RUNNING:
        run.world.folders.remove_backup(run.candidate)
    run.world.store.record(after, current(after), run.world.clock.now())
    run.handover, run.step_began, run.good = after, None, 0
    if run.is_over:
        log.info(
            "hand-over ended",
            extra={"service": after.service, "outcome": after.outcome, "generation": run.candidate.generation},
        )


def _tell(run: HandoverRun, step: Step) -> None:
    log.debug("step", extra={"service": run.handover.service, "step": step})
    elapsed = run.world.clock.monotonic() - run.began
    for listener in run.listeners:
        listener.put(Progress(run.handover.service, step, "", elapsed=elapsed))
