"""Lets an instance that lost its traffic finish the connections it has, as long as its manifest allows."""

from __future__ import annotations

import logging

from supervisor.loop.generations.instances import is_running
from supervisor.loop.handover.counting import follow, look_on
from supervisor.loop.handover.run import HandoverRun, Wait
from supervisor.values.errors import NetworkError
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.state import Instance

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
FIRST_POLL_SECONDS = 0.05  # most have finished at once, and a change of configuration may want their room
DISMISSED_POLL_SECONDS = 0.1


def finish(run: HandoverRun, instance: Instance, definition: ServiceDefinition) -> Wait | None:
    """Ask it once to refuse new work; wait until none of its connections is left, or for the deadline.

    Who still has some then is asked to end, which is how its protocol closes them, and has its stop time for that.
    """
    manifest, name = definition.manifest, instance.container_name
    signal, limit = manifest.drain.signal, run.drain_seconds(definition)
    if signal and not run.is_signalled:
        follow(run, instance, definition)
        run.world.engine.kill(name, signal)
        run.is_signalled = True
    run.drain_deadline = run.world.clock.now() - run.elapsed + limit
    run.held = _count(run, instance)
    look_on(run, instance, definition, is_last=not run.held)
    if not run.held:
        return None
    run.world.switchboard.keep(instance.service)
    if run.elapsed <= limit and not run.is_hurried:
        return Wait(min(POLL_SECONDS, max(FIRST_POLL_SECONDS, run.elapsed / 2)))
    is_dismissed, run.is_dismissed = run.is_dismissed, True
    if not is_dismissed:
        run.world.engine.kill(name, manifest.stop.signal)
    has_had_time = run.elapsed > limit + manifest.stop.timeout or (run.is_hurried and is_dismissed)
    is_over = has_had_time or not is_running(run.world.engine, instance)
    return None if is_over else Wait(DISMISSED_POLL_SECONDS)


def _count(run: HandoverRun, instance: Instance) -> int:
    """What cannot be counted may be there; the deadline holds all the same."""
    try:
        held = len(run.world.kernel.connections.unfinished(instance))
    except NetworkError as error:
        if not run.is_uncounted:
            log.warning("connections not counted", extra={"service": instance.service, "reason": str(error)})
        run.is_uncounted = True
        return max(1, run.held)
    run.is_uncounted = False
    return held
