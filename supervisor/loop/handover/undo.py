"""The way back: what undoes each step of a hand-over. Every step may be repeated safely."""

from __future__ import annotations

import logging

from supervisor.decisions.handover import has_traffic, leaves_gap
from supervisor.decisions.traffic import endpoints
from supervisor.loop.generations.instances import discard, is_running, revive, version_of, without_instance
from supervisor.loop.handover.counting import last_look
from supervisor.loop.handover.drain import finish
from supervisor.loop.handover.refresh import refresh
from supervisor.loop.handover.run import HandoverRun, Wait, forget_datagrams, tell_daemon
from supervisor.loop.handover.state_transfer import carry_back, knows_alone, replay_back
from supervisor.loop.handover.takeover_gap import begin_gap, hold_port, settle
from supervisor.loop.switchboard import Serving
from supervisor.values.errors import EngineError, SupervisorError
from supervisor.values.handover import Kind, Mode
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.state import Instance

log = logging.getLogger(__name__)

GIVE_UP_SECONDS = 15.0  # an undo that cannot be completed must not block the service for ever


def switch_back(run: HandoverRun) -> Wait | None:
    former, service = run.former, run.handover.service
    serving = run.world.switchboard.serving(service)
    if former is None:
        run.world.switchboard.serve(service, Serving(None, serving.alive))
        return None
    is_dead = run.handover.kind is Kind.START  # it was before the hand-over began
    if run.handover.mode is Mode.OVERLAP and not is_dead:
        if knows_alone(run, former):  # it serves until that is carried back
            run.world.switchboard.serve(service, Serving(run.candidate, serving.alive))
        former = refresh(run, former, run.former_definition or run.definition, starts=True)
        waiting = _warm(run, former)
        if waiting is not None:
            return waiting
        serving = run.world.switchboard.serving(service)
    with run.world.store.together():  # the store is first, as in every cut
        run.world.store.move_active(service, former.generation, run.candidate.generation)
        if run.handover.kind.is_wish:
            run.world.store.set_desired(service, version_of(former))
    run.world.switchboard.serve(service, Serving(None if is_dead else former, serving.alive))
    if not is_dead:
        forget_datagrams(run, run.candidate)
        replay_back(run, former)
    run.world.switchboard.keep(service)
    log.info("cut back", extra={"service": service, "generation": former.generation})
    return None


def _warm(run: HandoverRun, former: Instance) -> Wait | None:
    """Make the former active fit to serve while the candidate, if it can, still does."""
    definition, now = run.former_definition or run.definition, run.world.clock.monotonic()
    if run.probe(former, definition):
        waiting = _revived(run, former, definition, now)
        if waiting is not None:
            return waiting
    if carry_back(run, former):
        run.warming = now
        return Wait(0.02)
    return None


def _revived(run: HandoverRun, former: Instance, definition: ServiceDefinition, now: float) -> Wait | None:
    """One that answers is not even asked for: traffic goes back to it while the engine is away, too."""
    try:
        if not is_running(run.world.engine, former):
            revive(run.world, former, definition, run.router)
            run.warming = run.warming or now
    except EngineError as error:
        if run.elapsed < GIVE_UP_SECONDS or not run.probe(run.candidate, run.definition):
            raise  # nor is one that serves left for one that cannot be started
        log.error("former active cannot be started", extra={"service": former.service, "reason": str(error)})
        return None
    is_waited_for = run.warming is not None and now - run.warming <= definition.manifest.readiness.deadline
    return Wait(0.02) if is_waited_for else None


def revive_former(run: HandoverRun) -> Wait | None:
    """One that cannot be started is left to the worker, which starts a new generation when nothing serves."""
    former, definition = run.former, run.former_definition
    if former is None or definition is None or run.handover.kind is Kind.START:
        return None
    hold_port(run)
    former = refresh(run, former, definition, starts=False)
    try:
        revive(run.world, former, definition, run.router)
    except EngineError as error:
        if run.elapsed < GIVE_UP_SECONDS:
            raise
        log.error("former active cannot be started", extra={"service": former.service, "reason": str(error)})
    return None


def drain_candidate(run: HandoverRun) -> Wait | None:
    """Let a candidate that had traffic finish its connections. One that does not answer is not waited for."""
    if not has_traffic(run.handover) or not is_running(run.world.engine, run.candidate):
        return None
    if not run.is_signalled and run.probe(run.candidate, run.definition):
        return None
    return finish(run, run.candidate, run.definition)


def remove_candidate(run: HandoverRun) -> Wait | None:
    if leaves_gap(run.handover):
        begin_gap(run)
    last_look(run, run.candidate, run.definition)
    run.world.engine.remove(run.candidate.container_name)
    return None


def unstage(run: HandoverRun) -> Wait | None:
    waiting = settle(run)
    if waiting is not None:
        return waiting
    service, candidate = run.handover.service, run.candidate
    serving = run.world.switchboard.serving(service)
    active = None if serving.active == candidate else serving.active
    run.world.switchboard.serve(service, Serving(active, without_instance(serving.alive, candidate)))
    run.world.kernel.connections.delete(endpoints(candidate, None))
    discard(run.world, candidate, run.definition)
    return None


def unapply(run: HandoverRun) -> Wait | None:
    """A daemon that cannot even be told is left to liveness: the files are those it had."""
    run.world.folders.write(run.candidate, run.definition.manifest, run.former_files)
    try:
        tell_daemon(run.world.engine, run.candidate, run.definition)
    except SupervisorError as error:
        if run.elapsed < GIVE_UP_SECONDS:
            raise
        log.error("daemon cannot be told", extra={"service": run.handover.service, "reason": str(error)})
    return None
