"""Reads the counters of daemons for the ledger. Best effort: a failure is logged and stops no hand-over."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from supervisor.loop.generations.instances import target_of
from supervisor.loop.handover.run import HandoverRun, Side
from supervisor.loop.world import World
from supervisor.ports.probes import Session
from supervisor.values.errors import SupervisorError
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance

log = logging.getLogger(__name__)


def look(world: World, instance: Instance, definition: ServiceDefinition, router: RouterConfig) -> None:
    """Read the counters of an instance and note them in the ledger."""
    counters = definition.manifest.counters
    if counters is None:
        return
    target = target_of(world.folders, instance, definition)

    def read() -> str:
        sources = world.renderer.probes(definition.manifest, (counters.source,), router, instance)
        return "".join(world.prober.read(source, target) for source in sources)

    _note(world, instance, definition, read)


def last_look(run: HandoverRun, side: Side) -> None:
    """Read the counters of an instance before it is removed; the candidate's too, to know which rows exist."""
    if side.definition.manifest.counters is None:
        return
    look_on(run, side, is_last=True)
    for other in (run.candidate_side, side):
        look(run.world, other.instance, other.definition, other.router)
    with suppress(SupervisorError):
        run.world.shared.ledger.save(run.world.store, side.instance.service)


def begin_session(run: HandoverRun, side: Side) -> None:
    """Open the session by which an instance still answers once it was asked to finish."""
    instance, counters, world = side.instance, side.definition.manifest.counters, run.world
    if counters is None or not counters.session:
        return
    try:
        for source in world.renderer.probes(side.definition.manifest, (counters.source,), side.router, instance):
            target = target_of(world.folders, instance, side.definition)
            run.across.session = world.prober.session(source, counters.session, counters.prompt, target)
            look_on(run, side)
    except SupervisorError as error:
        log.warning("counters not followed", extra={"service": instance.service, "reason": str(error)})


def look_on(run: HandoverRun, side: Side, *, is_last: bool = False) -> None:
    """Read the counters of an instance that finishes; with `is_last` its session is closed."""
    session = run.across.session
    if not isinstance(session, Session):
        return
    _note(run.world, side.instance, side.definition, session.read)
    if is_last:
        session.close()
        run.across.session = None


def begin_anew(world: World, instance: Instance, definition: ServiceDefinition) -> None:
    """Note in the ledger that the daemon of an instance is started again, and counts from zero."""
    if definition.manifest.counters:
        with suppress(SupervisorError):
            world.shared.ledger.note_restart(world.store, instance.service, instance.generation)


def _note(world: World, instance: Instance, definition: ServiceDefinition, read: Callable[[], str]) -> None:
    counters = definition.manifest.counters
    if counters is None:
        return
    try:
        now = world.clock.monotonic()
        world.shared.ledger.note_table(world.store, instance.service, counters, instance.generation, read(), now)
    except (SupervisorError, ValueError) as error:
        log.debug("counters not read", extra={"service": instance.service, "reason": str(error)})
