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
from supervisor.loop.generations.allocation import with_frontends
from supervisor.loop.generations.instances import begin, is_active, is_running, refuses, restore, with_instance
from supervisor.loop.handover.run import HandoverRun, tell_daemon
from supervisor.loop.switchboard import Serving
from supervisor.values.errors import EngineError, RenderError, SupervisorError
from supervisor.values.manifest import OnChange, ServiceDefinition
from supervisor.values.release import InstanceState
from supervisor.values.state import Instance, RenderedFile

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.5
ENGINE_SECONDS = 10.0  # for an engine that is away, while the candidate serves


def refresh(run: HandoverRun, former: Instance, definition: ServiceDefinition, *, starts: bool) -> Instance:
    """Return the former active with the newest configuration; with `starts` it runs again.

    May be repeated: what is written already is not written again, and one that was killed is left to be started.
    """
    handover = run.handover
    if not handover.is_reconfigured or not is_about_version(handover) or run.is_refreshed:
        return former
    if not run.world.folders.written(former):
        return former  # a boot took its files away: it gets new ones before it is started
    try:
        fresh = with_frontends(run.world.renderer, definition, run.router, former)
        files = run.world.renderer.files(definition, run.router, fresh)
    except RenderError as error:
        if run.elapsed < PATIENCE_SECONDS:
            raise  # it is tried again, while the candidate serves
        return _left(run, former, str(error))
    asked = _asked(run, former, definition, files)
    if fresh.frontends == former.frontends and OnChange.INSTANCE not in asked:
        run.world.folders.write(former, definition.manifest, files)
        run.is_refreshed = True
        _tell(run, former, definition)
        return former
    try:
        restore(run.world, former, definition, run.router)
        reason = refuses(run.world, former, definition, files)
    except EngineError as error:  # without it nobody is given another configuration; traffic moves all the same
        if run.elapsed < (ENGINE_SECONDS if _serves(run) else PATIENCE_SECONDS):
            raise
        reason = str(error)
    if reason:
        return _left(run, former, reason)
    _give(run, former, fresh, definition, files, starts=starts)
    return fresh


def _serves(run: HandoverRun) -> bool:
    """True if clients lose nothing while the former active is waited for."""
    return not run.probe(run.candidate, run.definition, run.definition.manifest.liveness)


def _tell(run: HandoverRun, former: Instance, definition: ServiceDefinition) -> None:
    """Even if nothing was written: a supervisor may have ended between that and this."""
    if definition.manifest.reload and is_running(run.world.engine, former):
        try:
            tell_daemon(run.world.engine, former, definition)
        except SupervisorError as error:
            log.error("former active not configured", extra={"service": former.service, "reason": str(error)})


def _asked(
    run: HandoverRun, former: Instance, definition: ServiceDefinition, files: tuple[RenderedFile, ...]
) -> set[OnChange]:
    """Contents stand for their digests: both sides are at hand."""
    written = {one.path: one.content.decode("latin-1") for one in run.world.folders.read(former, definition.manifest)}
    wanted = {one.path: one.content.decode("latin-1") for one in files}
    sources = run.world.folders.sources(former)
    return {change.asks for change in changes(definition.manifest, files, written, wanted, sources)}


def _give(
    run: HandoverRun,
    before: Instance,
    fresh: Instance,
    definition: ServiceDefinition,
    files: tuple[RenderedFile, ...],
    *,
    starts: bool,
) -> None:
    """Killed first: a supervisor that ends in between is followed by one that finds it down, and starts it."""
    world, service = run.world, fresh.service
    state = InstanceState.ACTIVE if is_active(world.store, fresh) else InstanceState.FORMER
    serving = world.switchboard.serving(service)
    active = fresh if serving.active == before else serving.active
    world.switchboard.serve(service, Serving(active, with_instance(serving.alive, fresh)))
    if is_running(world.engine, fresh):
        world.engine.kill(fresh.container_name, "SIGKILL")
    world.store.save_instance(fresh, state)
    world.folders.write(fresh, definition.manifest, files)
    run.former, run.is_refreshed = fresh, True
    log.info("former active configured", extra={"service": service, "generation": fresh.generation})
    if starts:
        begin(world, fresh, definition)
        run.warming = world.clock.monotonic()


def _left(run: HandoverRun, former: Instance, reason: str) -> Instance:
    """Return it as it is; it is asked as its own configuration words it, if that is still known."""
    run.is_refreshed = True
    run.router = run.former_router or run.router
    log.error("former active not configured", extra={"service": former.service, "reason": reason})
    return former
