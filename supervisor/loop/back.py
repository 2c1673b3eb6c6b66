"""The way back: what undoes each step of a hand-over. Every step may be repeated safely."""

from __future__ import annotations

import logging

from supervisor.decisions.handover import has_traffic
from supervisor.decisions.traffic import endpoints
from supervisor.loop.instances import discard, version_of, without_instance
from supervisor.loop.switchboard import Serving
from supervisor.loop.walk import Wait, Walk, forget_datagrams, tell_daemon
from supervisor.values.handover import Kind, Mode
from supervisor.values.state import Instance

log = logging.getLogger(__name__)


def switch_back(walk: Walk) -> Wait | None:
    former = walk.former
    serving = walk.world.switchboard.serving(walk.handover.service)
    if former is None or walk.handover.kind is Kind.START:
        walk.world.switchboard.serve(walk.handover.service, Serving(None, serving.alive))
        return None
    if walk.handover.mode is Mode.OVERLAP and _carry_state_back(walk, former):
        return Wait(0.02)
    walk.world.switchboard.serve(walk.handover.service, Serving(former, serving.alive))
    walk.world.store.move_active(walk.handover.service, former.generation, walk.candidate.generation)
    walk.world.store.set_desired(walk.handover.service, version_of(former))
    forget_datagrams(walk, walk.candidate)
    log.info("cut back", extra={"service": former.service, "generation": former.generation})
    return None


def _carry_state_back(walk: Walk, former: Instance) -> bool:
    """Give the former active what changed since the cut, while the candidate can still answer for it.

    True: it was started again and is not ready yet. A candidate that is broken is not waited for.
    """
    if not walk.copies_state or not has_traffic(walk.handover):
        return False
    if not walk.restarted_former:
        if walk.probe(walk.candidate, walk.definition):
            return False
        if walk.world.folders.state_digest(walk.candidate, walk.definition.manifest) == walk.synced:
            return False
        walk.world.engine.kill(former.container_name, "SIGKILL")
        walk.world.folders.copy_state(walk.candidate, former, walk.definition.manifest)
        walk.world.engine.start(former.container_name)
        walk.restarted_former = True
    definition = walk.former_definition or walk.definition
    return bool(walk.probe(former, definition)) and walk.elapsed < definition.manifest.readiness.deadline


def revive_former(walk: Walk) -> Wait | None:
    if walk.former is None or walk.handover.kind is Kind.START:
        return None
    walk.world.engine.start(walk.former.container_name)
    return None


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
    walk.world.folders.write(walk.candidate, walk.definition.manifest, walk.former_files)
    tell_daemon(walk)
    return None
