"""Reads what daemons count, for the ledger. Best effort: what cannot be read stops no hand-over, and is logged."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from supervisor.loop.generations.instances import target_of
from supervisor.loop.handover.run import HandoverRun
from supervisor.loop.world import World
from supervisor.ports.probes import Session
from supervisor.values.errors import SupervisorError
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance

log = logging.getLogger(__name__)


def look(world: World, instance: Instance, definition: ServiceDefinition, router: RouterConfig) -> None:
    """Note what an instance has counted so far."""
    counters = definition.manifest.counters
    if counters is None:
        return
    target = target_of(world.folders, instance, definition)

    def read() -> str:
        sources = world.renderer.probes((counters.source,), router, instance)
        return "".join(world.prober.read(source, target) for source in sources)

    _note(world, instance, definition, read)


def last_look(run: HandoverRun, instance: Instance | None, definition: ServiceDefinition | None) -> None:
    """Note what an instance has counted, before it is removed; the others too, to know what rows there still are."""
    if instance is None or definition is None or definition.manifest.counters is None:
        return
    look_on(run, instance, definition, is_last=True)
    for other in (run.candidate, instance):
        look(run.world, other, run.definition if other == run.candidate else definition, run.router)
    with suppress(SupervisorError):
        run.world.shared.ledger.save(run.world.store, instance.service)


def follow(run: HandoverRun, instance: Instance, definition: ServiceDefinition) -> None:
    """Before an instance is asked to finish: open the session by which it still answers then."""
    counters, world = definition.manifest.counters, run.world
    if counters is None or not counters.session:
        return
    try:
        for source in world.renderer.probes((counters.source,), run.router, instance):
            target = target_of(world.folders, instance, definition)
            run.session = world.prober.session(source, counters.session, counters.prompt, target)
            look_on(run, instance, definition)
    except SupervisorError as error:
        log.warning("counters not followed", extra={"service": instance.service, "reason": str(error)})


def look_on(run: HandoverRun, instance: Instance, definition: ServiceDefinition, *, is_last: bool = False) -> None:
    """Note what an instance that finishes has counted by now; with `is_last` its session is closed."""
    session = run.session
    if not isinstance(session, Session):
        return
    _note(run.world, instance, definition, session.read)
    if is_last:
        session.close()
        run.session = None


def begin_anew(world: World, instance: Instance, definition: ServiceDefinition) -> None:
    """The daemon of an instance is started again: it counts from zero."""
    if definition.manifest.counters:
        with suppress(SupervisorError):
            world.shared.ledger.restarted(world.store, instance.service, instance.generation)


def _note(world: World, instance: Instance, definition: ServiceDefinition, read: Callable[[], str]) -> None:
    counters = definition.manifest.counters
    if counters is None:
        return
    try:
        now = world.clock.monotonic()
        world.shared.ledger.note(world.store, instance.service, counters, instance.generation, read(), now)
    except (SupervisorError, ValueError) as error:
        log.debug("counters not read", extra={"service": instance.service, "reason": str(error)})
