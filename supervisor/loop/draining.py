"""Lets an instance that lost its traffic finish what it has in hand, as long as its manifest allows."""

from __future__ import annotations

from supervisor.decisions.traffic import endpoints
from supervisor.loop.walk import Wait, Walk
from supervisor.values.manifest import Protocol, ServiceDefinition
from supervisor.values.state import Instance

POLL_SECONDS = 0.5


def finish(walk: Walk, instance: Instance, definition: ServiceDefinition) -> Wait | None:
    """Ask it once to refuse new work; wait until connection tracking shows none of its connections, or the deadline."""
    signal, limit = definition.manifest.drain.signal, walk.drain_seconds(definition)
    if signal and not walk.is_signalled:
        walk.world.engine.kill(instance.container_name, signal)
        walk.is_signalled = True
    walk.drain_deadline = walk.world.clock.now() - walk.elapsed + limit
    walk.held = walk.world.connections.count(endpoints(instance, Protocol.TCP))
    return Wait(POLL_SECONDS) if walk.held and walk.elapsed <= limit else None
