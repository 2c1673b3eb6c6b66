"""Lets an instance that lost its traffic finish the connections it has, as long as its manifest allows."""

from __future__ import annotations

import logging

from supervisor.loop.counting import follow, look_on
from supervisor.loop.instances import is_running
from supervisor.loop.walk import Wait, Walk
from supervisor.values.errors import NetworkError
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.state import Instance

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
FIRST_POLL_SECONDS = 0.05  # most have finished at once, and a change of configuration may want their room
DISMISSED_POLL_SECONDS = 0.1


def finish(walk: Walk, instance: Instance, definition: ServiceDefinition) -> Wait | None:
    """Ask it once to refuse new work; wait until none of its connections is left, or for the deadline.

    Who still has some then is asked to end, which is how its protocol closes them, and has its stop time for that.
    """
    manifest, name = definition.manifest, instance.container_name
    signal, limit = manifest.drain.signal, walk.drain_seconds(definition)
    if signal and not walk.is_signalled:
        follow(walk, instance, definition)
        walk.world.engine.kill(name, signal)
        walk.is_signalled = True
    walk.drain_deadline = walk.world.clock.now() - walk.elapsed + limit
    walk.held = _count(walk, instance)
    look_on(walk, instance, definition, is_last=not walk.held)
    if not walk.held:
        return None
    walk.world.switchboard.keep(instance.service)
    if walk.elapsed <= limit and not walk.is_hurried:
        return Wait(min(POLL_SECONDS, max(FIRST_POLL_SECONDS, walk.elapsed / 2)))
    is_dismissed, walk.is_dismissed = walk.is_dismissed, True
    if not is_dismissed:
        walk.world.engine.kill(name, manifest.stop.signal)
    has_had_time = walk.elapsed > limit + manifest.stop.timeout or (walk.is_hurried and is_dismissed)
    is_over = has_had_time or not is_running(walk.world, instance)
    return None if is_over else Wait(DISMISSED_POLL_SECONDS)


def _count(walk: Walk, instance: Instance) -> int:
    """What cannot be counted may be there; the deadline holds all the same."""
    try:
        held = len(walk.world.connections.unfinished(instance))
    except NetworkError as error:
        if not walk.is_uncounted:
            log.warning("connections not counted", extra={"service": instance.service, "reason": str(error)})
        walk.is_uncounted = True
        return max(1, walk.held)
    walk.is_uncounted = False
    return held
