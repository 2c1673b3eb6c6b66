"""Lets an instance that lost its traffic finish what it has in hand, as long as its manifest allows."""

from __future__ import annotations

from supervisor.loop.instances import is_running
from supervisor.loop.walk import Wait, Walk
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.state import Instance

POLL_SECONDS = 0.5
DISMISSED_POLL_SECONDS = 0.1


def finish(walk: Walk, instance: Instance, definition: ServiceDefinition) -> Wait | None:
    """Ask it once to refuse new work; wait until none of its connections is left, or for the deadline.

    Who still has some then is asked to end, which is how its protocol closes them, and has its stop time for that.
    """
    manifest, name = definition.manifest, instance.container_name
    signal, limit = manifest.drain.signal, walk.drain_seconds(definition)
    if signal and not walk.is_signalled:
        walk.world.engine.kill(name, signal)
        walk.is_signalled = True
    walk.drain_deadline = walk.world.clock.now() - walk.elapsed + limit
    walk.held = len(walk.world.connections.established(instance))
    if not walk.held:
        return None
    if walk.elapsed <= limit:
        return Wait(POLL_SECONDS)
    if not walk.is_dismissed:
        walk.world.engine.kill(name, manifest.stop.signal)
        walk.is_dismissed = True
    is_over = walk.elapsed > limit + manifest.stop.timeout or not is_running(walk.world, instance)
    return None if is_over else Wait(DISMISSED_POLL_SECONDS)
