"""The way back: what undoes each step of a hand-over. Every step may be repeated safely."""

from __future__ import annotations

import logging

from supervisor.decisions.handover import has_traffic
from supervisor.decisions.traffic import endpoints
from supervisor.loop.instances import discard, is_running, revive, version_of, without_instance
from supervisor.loop.state_copy import carry_back
from supervisor.loop.switchboard import Serving
from supervisor.loop.walk import DRAIN_POLL_SECONDS, Wait, Walk, forget_datagrams, tell_daemon
from supervisor.values.errors import EngineError, SupervisorError
from supervisor.values.handover import Kind, Mode
from supervisor.values.manifest import Protocol
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
        waiting = _warm(walk, former)
        if waiting is not None:
            return waiting
    walk.world.switchboard.serve(service, Serving(None if is_dead else former, serving.alive))
    walk.world.store.move_active(service, former.generation, walk.candidate.generation)
    if not is_dead:
        walk.world.store.set_desired(service, version_of(former))
        forget_datagrams(walk, walk.candidate)
    log.info("cut back", extra={"service": service, "generation": former.generation})
    return None


def _warm(walk: Walk, former: Instance) -> Wait | None:
    """Make the former active fit to serve while the candidate, if it can, still does."""
    definition = walk.former_definition or walk.definition
    was_down = not is_running(walk.world, former)
    if was_down:
        revive(walk.world, former, definition, walk.router)
    if not carry_back(walk, former) and not was_down and not walk.is_carried_back:
        return None
    is_ready = not walk.probe(former, definition)
    return None if is_ready or walk.elapsed > definition.manifest.readiness.deadline else Wait(0.02)


def revive_former(walk: Walk) -> Wait | None:
    """One that cannot be started is left to the worker, which starts a new generation when nothing serves."""
    former, definition = walk.former, walk.former_definition
    if former is None or definition is None or walk.handover.kind is Kind.START:
        return None
    try:
        revive(walk.world, former, definition, walk.router)
    except EngineError as error:
        if walk.elapsed < GIVE_UP_SECONDS:
            raise
        log.error("former active cannot be started", extra={"service": former.service, "reason": str(error)})
    return None


def drain_candidate(walk: Walk) -> Wait | None:
    """Let a candidate that had traffic finish its connections. One that does not answer is not waited for."""
    drain, limit = walk.definition.manifest.drain, walk.drain_seconds(walk.definition)
    if not has_traffic(walk.handover) or not is_running(walk.world, walk.candidate) or walk.elapsed > limit:
        return None
    if not walk.is_signalled:
        if walk.probe(walk.candidate, walk.definition):
            return None
        if drain.signal:
            walk.world.engine.kill(walk.candidate.container_name, drain.signal)
            walk.is_signalled = True
    held = walk.world.connections.count(endpoints(walk.candidate, Protocol.TCP))
    return Wait(DRAIN_POLL_SECONDS) if held else None


def remove_candidate(walk: Walk) -> Wait | None:
    walk.world.engine.remove(walk.candidate.container_name)
    return None


def unstage(walk: Walk) -> Wait | None:
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
        tell_daemon(walk)
    except SupervisorError as error:
        if walk.elapsed < GIVE_UP_SECONDS:
            raise
        log.error("daemon cannot be told", extra={"service": walk.handover.service, "reason": str(error)})
    return None
