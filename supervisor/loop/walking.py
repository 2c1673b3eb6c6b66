"""Carries a hand-over on: the machine says what is next, the journal hears it first, then the step is done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType

from supervisor.decisions.handover import advance, current
from supervisor.loop import back, forward
from supervisor.loop.fault_points import Moment
from supervisor.loop.readiness import ready
from supervisor.loop.state_copy import catch_up
from supervisor.loop.walk import Wait, Walk
from supervisor.values.errors import EngineError, EngineUnavailableError, NoSpaceError, SupervisorError
from supervisor.values.handover import Event, Mode, Outcome, RevertAsked, Step, StepDone, StepFailed
from supervisor.values.status import Progress

log = logging.getLogger(__name__)

ENGINE_SECONDS = 20.0  # how long a step waits for an engine that went away
RETRY_SECONDS = 1.0  # after a failed undo or clearing step

STEPS: Mapping[Step, Callable[[Walk], Wait | None]] = MappingProxyType(
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
        Step.SWITCH_BACK: back.switch_back,
        Step.REVIVE_FORMER: back.revive_former,
        Step.DRAIN_CANDIDATE: back.drain_candidate,
        Step.REMOVE_CANDIDATE: back.remove_candidate,
        Step.UNSTAGE: back.unstage,
        Step.UNAPPLY: back.unapply,
    }
)


def carry_on(walk: Walk) -> Wait | None:
    """Do the current step once; return how long to wait before the next call, None to go on at once."""
    step = walk.step
    if step is None:
        return None
    is_new = walk.step_began is None
    if is_new:
        walk.step_began = walk.world.clock.monotonic()
        _tell(walk, step)
    try:
        wait = _do(walk, step, is_new=is_new)
    except EngineUnavailableError as error:
        return _revive_engine(walk, step, error)
    except EngineError as error:
        walk.world.doubts.note(str(error))
        return _fail(walk, step, str(error))
    except SupervisorError as error:
        walk.wants_space = isinstance(error, NoSpaceError)
        return _fail(walk, step, str(error))
    except Exception as error:
        log.exception("unexpected failure", extra={"service": walk.handover.service, "step": step})
        return _fail(walk, step, f"cannot {step} {walk.candidate.container_name}: {error!r}")
    if wait is None:
        _take(walk, StepDone())
    return wait


def _do(walk: Walk, step: Step, *, is_new: bool) -> Wait | None:
    points, service = walk.world.fault_points, walk.handover.service
    if is_new:
        points.reach(service, step, Moment.BEFORE)
    wait = STEPS[step](walk)
    if wait is None:
        points.reach(service, step, Moment.AFTER)
    return wait


def revert(walk: Walk, reason: str) -> None:
    """Turn round: the former active is wanted back."""
    log.warning("reverting", extra={"service": walk.handover.service, "step": walk.step, "reason": reason})
    _take(walk, RevertAsked(reason))


def _fail(walk: Walk, step: Step, reason: str) -> Wait | None:
    before = walk.handover
    log.warning("step failed", extra={"service": before.service, "step": step, "reason": reason})
    _take(walk, StepFailed(reason))
    return Wait(RETRY_SECONDS) if walk.handover == before else None


def _revive_engine(walk: Walk, step: Step, error: EngineUnavailableError) -> Wait | None:
    """An engine that went away is started again and the step repeated; containers did not notice."""
    elapsed = walk.elapsed
    try:
        walk.world.engine.start_service()
    except SupervisorError as failure:
        log.warning("engine not back", extra={"service": walk.handover.service, "reason": str(failure)})
    else:
        log.warning("engine back", extra={"service": walk.handover.service, "reason": str(error)})
    return _fail(walk, step, str(error)) if elapsed > ENGINE_SECONDS else Wait(RETRY_SECONDS / 4)


def _take(walk: Walk, event: Event) -> None:
    after = advance(walk.handover, event)
    if after == walk.handover:
        return
    if after.mode is Mode.RELOAD and after.outcome is not Outcome.RUNNING:
        walk.world.folders.forget_kept(walk.candidate)
    walk.world.store.record(after, current(after), walk.world.clock.now())
    walk.handover, walk.step_began, walk.good = after, None, 0
    if walk.is_over:
        log.info(
            "hand-over ended",
            extra={"service": after.service, "outcome": after.outcome, "generation": walk.candidate.generation},
        )


def _tell(walk: Walk, step: Step) -> None:
    log.debug("step", extra={"service": walk.handover.service, "step": step})
    elapsed = walk.world.clock.monotonic() - walk.began
    for listener in walk.listeners:
        listener.put(Progress(walk.handover.service, step, "", elapsed=elapsed))
