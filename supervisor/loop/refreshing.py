"""Before a former version gets its traffic back: it gets the configuration that changed while the other one soaked.

What it takes in place it gets in place. Otherwise it is killed, since it has no traffic, and started again with the new
files: connections that it still has from before the cut-over end then. Traffic never goes back to members, guests or
rules that were removed meanwhile. A configuration that its own check refuses it does not get: it serves what it had,
and that is logged.
"""

from __future__ import annotations

import logging

from supervisor.decisions.overtaking import is_about_version
from supervisor.decisions.plan import changes
from supervisor.loop.allocation import with_frontends
from supervisor.loop.instances import begin, is_active, is_running, refuses, restore, with_instance
from supervisor.loop.switchboard import Serving
from supervisor.loop.walk import Walk, tell_daemon
from supervisor.values.errors import EngineError, RenderError, SupervisorError
from supervisor.values.manifest import OnChange, ServiceDefinition
from supervisor.values.release import InstanceState
from supervisor.values.state import Instance, RenderedFile

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.5
ENGINE_SECONDS = 10.0  # for an engine that is away, while the candidate serves


def refresh(walk: Walk, former: Instance, definition: ServiceDefinition, *, starts: bool) -> Instance:
    """Return the former active with the newest configuration; with `starts` it runs again.

    May be repeated: what is written already is not written again, and one that was killed is left to be started.
    """
    handover = walk.handover
    if not handover.is_reconfigured or not is_about_version(handover) or walk.is_refreshed:
        return former
    if not walk.world.folders.written(former):
        return former  # a boot took its files away: it gets new ones before it is started
    try:
        fresh = with_frontends(walk.world, definition, walk.router, former)
        files = walk.world.renderer.files(definition, walk.router, fresh)
    except RenderError as error:
        if walk.elapsed < PATIENCE_SECONDS:
            raise  # it is tried again, while the candidate serves
        return _left(walk, former, str(error))
    asked = _asked(walk, former, definition, files)
    if fresh.frontends == former.frontends and OnChange.INSTANCE not in asked:
        walk.world.folders.write(former, definition.manifest, files)
        walk.is_refreshed = True
        _tell(walk, former, definition)
        return former
    try:
        restore(walk.world, former, definition, walk.router)
        reason = refuses(walk.world, former, definition, files)
    except EngineError as error:  # without it nobody is given another configuration; traffic moves all the same
        if walk.elapsed < (ENGINE_SECONDS if _serves(walk) else PATIENCE_SECONDS):
            raise
        reason = str(error)
    if reason:
        return _left(walk, former, reason)
    _give(walk, former, fresh, definition, files, starts=starts)
    return fresh


def _serves(walk: Walk) -> bool:
    """True if clients lose nothing while the former active is waited for."""
    return not walk.probe(walk.candidate, walk.definition, walk.definition.manifest.liveness)


def _tell(walk: Walk, former: Instance, definition: ServiceDefinition) -> None:
    """Even if nothing was written: a supervisor may have ended between that and this."""
    if definition.manifest.reload and is_running(walk.world, former):
        try:
            tell_daemon(walk.world, former, definition)
        except SupervisorError as error:
            log.error("former active not configured", extra={"service": former.service, "reason": str(error)})


def _asked(
    walk: Walk, former: Instance, definition: ServiceDefinition, files: tuple[RenderedFile, ...]
) -> set[OnChange]:
    """Contents stand for their digests: both sides are at hand."""
    written = {one.path: one.content.decode("latin-1") for one in walk.world.folders.read(former, definition.manifest)}
    wanted = {one.path: one.content.decode("latin-1") for one in files}
    sources = walk.world.folders.sources(former)
    return {change.asks for change in changes(definition.manifest, files, written, wanted, sources)}


def _give(
    walk: Walk,
    before: Instance,
    fresh: Instance,
    definition: ServiceDefinition,
    files: tuple[RenderedFile, ...],
    *,
    starts: bool,
) -> None:
    """Killed first: a supervisor that ends in between is followed by one that finds it down, and starts it."""
    world, service = walk.world, fresh.service
    state = InstanceState.ACTIVE if is_active(world, fresh) else InstanceState.FORMER
    serving = world.switchboard.serving(service)
    active = fresh if serving.active == before else serving.active
    world.switchboard.serve(service, Serving(active, with_instance(serving.alive, fresh)))
    if is_running(world, fresh):
        world.engine.kill(fresh.container_name, "SIGKILL")
    world.store.save_instance(fresh, state)
    world.folders.write(fresh, definition.manifest, files)
    walk.former, walk.is_refreshed = fresh, True
    log.info("former active configured", extra={"service": service, "generation": fresh.generation})
    if starts:
        begin(world, fresh, definition)
        walk.warming = world.clock.monotonic()


def _left(walk: Walk, former: Instance, reason: str) -> Instance:
    """Return it as it is; it is asked as its own configuration words it, if that is still known."""
    walk.is_refreshed = True
    walk.router = walk.former_router or walk.router
    log.error("former active not configured", extra={"service": former.service, "reason": reason})
    return former
