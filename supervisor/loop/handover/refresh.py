"""Gives a former version the configuration that changed in the soak, before it gets its traffic back.

A configuration that can be changed in place is. Otherwise the daemon is killed, since it has no traffic, and started
again with the new files: connections that it still has from before the cut-over end then. Traffic never goes back to
members, guests or rules that were removed meanwhile. A configuration that its own check refuses is not given to it: it
serves what it had, and that is logged.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from supervisor.decisions.overtaking import is_about_version
from supervisor.decisions.plan import changes
from supervisor.loop.generations.allocation import with_frontends
from supervisor.loop.generations.instances import (
    begin,
    is_active,
    is_running,
    refuses,
    reload_daemon,
    restore,
    with_instance,
)
from supervisor.loop.handover.run import HandoverRun, Side
from supervisor.loop.switchboard import Serving
from supervisor.values.errors import EngineError, RenderError, SupervisorError
from supervisor.values.manifest import OnChange
from supervisor.values.release import InstanceState
from supervisor.values.state import RenderedFile

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.5
ENGINE_SECONDS = 10.0  # for an engine that is away, while the candidate serves


@dataclass(slots=True)
class Warming:
    """The memory of SWITCH_BACK: when the former active, which is not ready yet, was started again (monotonic)."""

    since: float | None = None


def refresh(run: HandoverRun, former: Side, *, starts: bool) -> Side:
    """Return the former active with the newest configuration; with `starts` it runs again.

    May be repeated: what is written already is not written again, and one that was killed is left to be started.
    Raises RenderError or EngineError: to be tried again, for a bounded time.
    """
    handover, world, instance, definition = run.handover, run.world, former.instance, former.definition
    if not handover.is_reconfigured or not is_about_version(handover) or run.is_refreshed:
        return former
    if not world.folders.written(instance):  # a boot took its files away: it gets new ones before it is started
        return _with_newest(run, former)
    try:
        fresh = with_frontends(world.renderer, definition, run.router, instance)
        files = world.renderer.files(definition, run.router, fresh)
    except RenderError as error:
        if run.elapsed < PATIENCE_SECONDS:
            raise  # it is tried again, while the candidate serves
        return _left(run, former, str(error))
    if fresh.frontends == instance.frontends and OnChange.INSTANCE not in _asked(run, former, files):
        world.folders.write(instance, definition.manifest, files)
        run.is_refreshed = True
        _reload(run, former)
        return _with_newest(run, former)
    try:
        restore(world, instance, definition, run.router)
        reason = refuses(world, instance, definition, files)
    except EngineError as error:  # without it nobody is given another configuration; traffic moves all the same
        if run.elapsed < (ENGINE_SECONDS if _is_served(run) else PATIENCE_SECONDS):
            raise
        reason = str(error)
    if reason:
        return _left(run, former, reason)
    return _give(run, former, replace(former, instance=fresh, router=run.router), files, starts=starts)


def _with_newest(run: HandoverRun, former: Side) -> Side:
    run.former_side = fresh = replace(former, router=run.router)
    return fresh


def _is_served(run: HandoverRun) -> bool:
    """True if clients lose nothing while the former active is waited for."""
    return not run.probe(run.candidate_side, run.definition.manifest.liveness)


def _reload(run: HandoverRun, former: Side) -> None:
    """Let the daemon read its files, even if none was written: a supervisor may have ended in between."""
    instance, definition = former.instance, former.definition
    if definition.manifest.reload and is_running(run.world.engine, instance):
        try:
            reload_daemon(run.world.engine, instance, definition)
        except SupervisorError as error:
            log.error("former active not configured", extra={"service": instance.service, "reason": str(error)})


def _asked(run: HandoverRun, former: Side, files: tuple[RenderedFile, ...]) -> set[OnChange]:
    """Return what the changed files ask for. Contents stand for their digests: both sides are at hand."""
    manifest, folders = former.definition.manifest, run.world.folders
    written = {file.path: file.content.decode("latin-1") for file in folders.read(former.instance, manifest)}
    wanted = {file.path: file.content.decode("latin-1") for file in files}
    return {change.asks for change in changes(manifest, files, written, wanted, folders.sources(former.instance))}


def _give(run: HandoverRun, before: Side, fresh: Side, files: tuple[RenderedFile, ...], *, starts: bool) -> Side:
    """Kill the former active, record and write what it is to have, and start it again.

    Killed first: a supervisor that ends in between is followed by one that finds it down, and starts it.
    """
    world, instance, service = run.world, fresh.instance, fresh.instance.service
    state = InstanceState.ACTIVE if is_active(world.store, instance) else InstanceState.FORMER
    serving = world.switchboard.serving(service)
    active = instance if serving.active == before.instance else serving.active
    world.switchboard.serve(service, Serving(active, with_instance(serving.alive, instance)))
    if is_running(world.engine, instance):
        world.engine.kill(instance.container_name, "SIGKILL")
    world.store.save_instance(instance, state)
    world.folders.write(instance, fresh.definition.manifest, files)
    run.former_side, run.is_refreshed = fresh, True
    log.info("former active configured", extra={"service": service, "generation": instance.generation})
    if starts:
        begin(world, instance, fresh.definition)
        run.memory.of(Warming).since = world.clock.monotonic()
    return fresh


def _left(run: HandoverRun, former: Side, reason: str) -> Side:
    """Leave the former active as it is: its probes go on with its own configuration, if that is still known."""
    run.is_refreshed = True
    log.error("former active not configured", extra={"service": former.instance.service, "reason": reason})
    return former
