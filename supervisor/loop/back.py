"""The way back: what undoes each step of a hand-over. Every step may be repeated safely."""

from __future__ import annotations

import logging

from supervisor.decisions.handover import has_traffic, leaves_gap
from supervisor.decisions.traffic import endpoints
from supervisor.loop.counting import last_look
from supervisor.loop.draining import finish
from supervisor.loop.gap import begin_gap, hold_port, settle
from supervisor.loop.instances import discard, is_running, revive, version_of, without_instance
from supervisor.loop.refreshing import refresh
from supervisor.loop.state_copy import carry_back, knows_alone, replay_back
from supervisor.loop.switchboard import Serving
from supervisor.loop.walk import Wait, Walk, forget_datagrams, tell_daemon
from supervisor.values.errors import EngineError, SupervisorError
from supervisor.values.handover import Kind, Mode
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.state import Instance

log = logging.getLogger(__name__)

GIVE_UP_SECONDS = 15.0  # an undo that cannot be completed must not block the service for ever


def switch_back(walk: Walk) -> Wait | None:
    former, service = walk.former, walk.handover.service
    serving = walk.world.switchboard.serving(service)
    if former is None:
        walk.world.switchboard.serve(service, Serving(None, serving.alive))
        return None
    is_dead = walk.handover.kind is Kind.START  # it was before the hand-over began
    if walk.handover.mode is Mode.OVERLAP and not is_dead:
        # A supervisor that came back put traffic where the store says. The candidate serves until the former can again.
        is_led_too_early = serving.active == former and not is_running(walk.world, former)
        if is_led_too_early or knows_alone(walk, former):
            walk.world.switchboard.serve(service, Serving(walk.candidate, serving.alive))
        former = refresh(walk, former, walk.former_definition or walk.definition, starts=True)
        waiting = _warm(walk, former)
        if waiting is not None:
            return waiting
        serving = walk.world.switchboard.serving(service)
    with walk.world.store.together():  # the store is first, as in every cut
        walk.world.store.move_active(service, former.generation, walk.candidate.generation)
        if walk.handover.kind.is_wish:
            walk.world.store.set_desired(service, version_of(former))
    walk.world.switchboard.serve(service, Serving(None if is_dead else former, serving.alive))
    if not is_dead:
        forget_datagrams(walk, walk.candidate)
        replay_back(walk, former)
    walk.world.switchboard.keep(service)
    log.info("cut back", extra={"service": service, "generation": former.generation})
    return None


def _warm(walk: Walk, former: Instance) -> Wait | None:
    """Make the former active fit to serve while the candidate, if it can, still does."""
    definition, now = walk.former_definition or walk.definition, walk.world.clock.monotonic()
    if walk.probe(former, definition):
        waiting = _revived(walk, former, definition, now)
        if waiting is not None:
            return waiting
    if carry_back(walk, former):
        walk.warming = now
        return Wait(0.02)
    return None


def _revived(walk: Walk, former: Instance, definition: ServiceDefinition, now: float) -> Wait | None:
    """One that answers is not even asked for: traffic goes back to it while the engine is away, too."""
    try:
        if not is_running(walk.world, former):
            revive(walk.world, former, definition, walk.router)
            walk.warming = walk.warming or now
    except EngineError as error:
        if walk.elapsed < GIVE_UP_SECONDS or not walk.probe(walk.candidate, walk.definition):
            raise  # nor is one that serves left for one that cannot be started
        log.error("former active cannot be started", extra={"service": former.service, "reason": str(error)})
        return None
    is_waited_for = walk.warming is not None and now - walk.warming <= definition.manifest.readiness.deadline
    return Wait(0.02) if is_waited_for else None


def revive_former(walk: Walk) -> Wait | None:
    """One that cannot be started is left to the worker, which starts a new generation when nothing serves."""
    former, definition = walk.former, walk.former_definition
    if former is None or definition is None or walk.handover.kind is Kind.START:
        return None
    hold_port(walk)
    former = refresh(walk, former, definition, starts=False)
    try:
        revive(walk.world, former, definition, walk.router)
    except EngineError as error:
        if walk.elapsed < GIVE_UP_SECONDS:
            raise
        log.error("former active cannot be started", extra={"service": former.service, "reason": str(error)})
    return None


def drain_candidate(walk: Walk) -> Wait | None:
    """Let a candidate that had traffic finish its connections. One that does not answer is not waited for."""
    if not has_traffic(walk.handover) or not is_running(walk.world, walk.candidate):
        return None
    if not walk.is_signalled and walk.probe(walk.candidate, walk.definition):
        return None
    return finish(walk, walk.candidate, walk.definition)


def remove_candidate(walk: Walk) -> Wait | None:
    if leaves_gap(walk.handover):
        begin_gap(walk)
    last_look(walk, walk.candidate, walk.definition)
    walk.world.engine.remove(walk.candidate.container_name)
    return None


def unstage(walk: Walk) -> Wait | None:
    waiting = settle(walk)
    if waiting is not None:
        return waiting
    service, candidate = walk.handover.service, walk.candidate
    serving = walk.world.switchboard.serving(service)
    active = None if serving.active == candidate else serving.active
    walk.world.switchboard.serve(service, Serving(active, without_instance(serving.alive, candidate)))
    walk.world.connections.delete(endpoints(candidate, None))
    discard(walk.world, candidate, walk.definition)
    return None


def unapply(walk: Walk) -> Wait | None:
    """A daemon that cannot even be told is left to liveness: the files are those it had."""
    walk.world.folders.write(walk.candidate, walk.definition.manifest, walk.former_files)
    try:
        tell_daemon(walk.world, walk.candidate, walk.definition)
    except SupervisorError as error:
        if walk.elapsed < GIVE_UP_SECONDS:
            raise
        log.error("daemon cannot be told", extra={"service": walk.handover.service, "reason": str(error)})
    return None
