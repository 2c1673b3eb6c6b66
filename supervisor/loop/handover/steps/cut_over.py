"""The cut-over: traffic moves to the candidate, which proves itself there, or back to the former active.

The store is always first, then the kernel: a supervisor that ends in between is followed by one that makes the kernel
do what the store says.
"""

from __future__ import annotations

import logging

from supervisor.decisions.traffic import endpoints
from supervisor.loop.generations.instances import is_active, is_running, revive, version_of, with_instance
from supervisor.loop.handover.announcement import log_event
from supervisor.loop.handover.readiness import verified
from supervisor.loop.handover.refresh import Warming, refresh
from supervisor.loop.handover.run import HandoverRun, Side, Wait
from supervisor.loop.handover.state_transfer import carry_back, cut_again, knows_alone, replay, replay_back
from supervisor.loop.handover.steps.former import GIVE_UP_SECONDS
from supervisor.loop.handover.takeover_gap import end_gap
from supervisor.loop.switchboard import Serving
from supervisor.values.errors import EngineError, NetworkError, SupervisorError
from supervisor.values.handover import Kind, Mode
from supervisor.values.manifest import Protocol
from supervisor.values.state import Instance

log = logging.getLogger(__name__)

END_GAP_SECONDS = 5.0
SOAK_POLL_SECONDS = 2.0  # how often the connections of the former active are listed in a soak
CONFIGURE_SOAK_SECONDS = 5.0  # the version has proved itself, and the next change of configuration waits behind this


def cut_over(run: HandoverRun) -> None:
    """Lead new work to the candidate; connections that the former active has stay with it."""
    service = run.handover.service
    _give_traffic(run)
    if run.former:
        _forget_datagrams(run, run.former)
        replay(run, run.former, run.candidate_side)  # at once: what it gave away is not given again
    run.world.switchboard.pin_connections(service)  # what the former opened while traffic moved, too
    log.info(
        "cut-over",
        extra={"service": service, "generation": run.candidate.generation, "version": run.candidate.version},
    )


def switch_back(run: HandoverRun) -> Wait | None:
    """Lead new work to the former active again, once it is fit to serve: it may have ended, or learnt too little."""
    former, service = run.former_side, run.handover.service
    serving = run.world.switchboard.serving(service)
    if former is None:
        run.world.switchboard.serve(service, Serving(None, serving.alive))
        return None
    is_dead = run.handover.kind is Kind.START  # it was before the hand-over began
    if run.handover.mode is Mode.OVERLAP and not is_dead:
        # A supervisor that came back put traffic where the store says. The candidate serves until the former can again.
        is_led_too_early = serving.active == former.instance and not is_running(run.world.engine, former.instance)
        if is_led_too_early or knows_alone(run, former.instance):
            run.world.switchboard.serve(service, Serving(run.candidate, serving.alive))
        former = refresh(run, former, starts=True)
        waiting = _warm(run, former)
        if waiting is not None:
            return waiting
        serving = run.world.switchboard.serving(service)
    instance = former.instance
    with run.world.store.together():
        run.world.store.move_active(service, instance.generation, run.candidate.generation)
        if run.handover.kind.is_asked_for:
            run.world.store.set_desired(service, version_of(instance))
    run.world.switchboard.serve(service, Serving(None if is_dead else instance, serving.alive))
    if not is_dead:
        _forget_datagrams(run, run.candidate)
        replay_back(run, former)
    run.world.switchboard.pin_connections(service)
    log.info("cut back", extra={"service": service, "generation": instance.generation})
    return None


def verify(run: HandoverRun) -> Wait | None:
    """Let the candidate prove itself where clients reach it, and end the gap of a takeover."""
    if cut_again(run):
        return Wait(0.0)
    waiting = _proved(run)
    if waiting is None and run.handover.mode is not Mode.RELOAD:
        _give_traffic(run)  # a supervisor that came back may find it with the former active
        if run.former:
            replay(run, run.former, run.candidate_side)  # what it was in the middle of at the cut
        return _gap_ended(run)
    return waiting


def soak(run: HandoverRun) -> Wait | None:
    """Let the candidate serve under watch for a time; the watch itself is `care/soak.py`."""
    if run.former is None or run.is_confirmed or run.handover.kind.is_repair or run.handover.waiver.soak:
        return None
    settings = run.world.settings
    seconds = run.definition.manifest.soak if settings.soak is None else settings.soak
    if run.handover.kind is Kind.CONFIGURE:
        seconds = min(seconds, CONFIGURE_SOAK_SECONDS)
    left = seconds - run.elapsed
    if left <= 0:
        return None
    run.world.switchboard.pin_connections(run.handover.service)
    return Wait(min(left, SOAK_POLL_SECONDS))


def _give_traffic(run: HandoverRun) -> None:
    """Record the candidate as active and lead new work to it; nothing happens when that is so already.

    What the former active has learnt meanwhile is found by comparing state after the cut.
    """
    service, candidate, former = run.handover.service, run.candidate, run.former
    if not is_active(run.world.store, candidate):
        with run.world.store.together():
            run.world.store.move_active(service, candidate.generation, former.generation if former else None)
            if run.handover.kind.is_asked_for:
                run.world.store.set_desired(service, version_of(candidate))
    serving = run.world.switchboard.serving(service)
    if serving.active != candidate:
        run.world.switchboard.serve(service, Serving(candidate, with_instance(serving.alive, candidate)))


def _forget_datagrams(run: HandoverRun, instance: Instance) -> None:
    """Delete tracked datagram flows (translated ones, and the router's own): they would stay with the instance."""
    run.world.kernel.connections.delete(endpoints(instance, Protocol.UDP))


def _proved(run: HandoverRun) -> Wait | None:
    """Return None when the candidate holds on the clients' path; if judgement is waived it only has to run."""
    try:
        return verified(run)
    except SupervisorError as error:
        if not run.handover.waiver.judgement or not is_running(run.world.engine, run.candidate):
            raise
        log.warning("verification waived", extra={"service": run.handover.service, "reason": str(error)})
        log_event(run, "waived", f"{error}; it stays all the same, as was asked")
        return None


def _gap_ended(run: HandoverRun) -> Wait | None:
    """End the gap of a takeover. One that is good is not undone because the kernel refused one change of its table."""
    try:
        end_gap(run)
    except NetworkError:
        if run.elapsed > END_GAP_SECONDS:
            raise
        return Wait(0.1)
    return None


def _warm(run: HandoverRun, former: Side) -> Wait | None:
    """Make the former active fit to serve while the candidate, if it can, still does."""
    now = run.world.clock.monotonic()
    if run.probe(former):
        waiting = _revived(run, former, now)
        if waiting is not None:
            return waiting
    if carry_back(run, former):
        run.memory.of(Warming).since = now
        return Wait(0.02)
    return None


def _revived(run: HandoverRun, former: Side, now: float) -> Wait | None:
    """Start the former active if it does not run, and wait until it is ready, for its readiness deadline at most.

    One that answers does not get here: traffic goes back to it while the engine is away, too.
    """
    warming = run.memory.of(Warming)
    try:
        if not is_running(run.world.engine, former.instance):
            revive(run.world, former.instance, former.definition, former.router)
            warming.since = warming.since or now
    except EngineError as error:
        if run.elapsed < GIVE_UP_SECONDS or not run.probe(run.candidate_side):
            raise  # nor is one that serves left for one that cannot be started
        log.error("former active cannot be started", extra={"service": former.instance.service, "reason": str(error)})
        return None
    is_waited_for = warming.since is not None and now - warming.since <= former.definition.manifest.readiness.deadline
    return Wait(0.02) if is_waited_for else None
