"""The drain: the instance that lost its traffic finishes the connections it has, as long as its manifest allows."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from supervisor.decisions.handover import has_traffic
from supervisor.loop.generations.instances import is_running
from supervisor.loop.handover.counting import begin_session, look_on
from supervisor.loop.handover.run import HandoverRun, Side, Wait
from supervisor.values.errors import NetworkError
from supervisor.values.handover import Kind
from supervisor.values.state import Instance

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
FIRST_POLL_SECONDS = 0.05  # most have finished at once, and a change of configuration may want their room
DISMISSED_POLL_SECONDS = 0.1


@dataclass(slots=True)
class DrainNotes:
    """The memory of a drain."""

    is_signalled: bool = False  # it was asked to refuse new work
    is_dismissed: bool = False  # and, at the deadline, to end
    is_uncounted: bool = False  # its connections could not be counted at the last call


def drain(run: HandoverRun) -> Wait | None:
    """Let the former active finish its connections."""
    former = run.former_side
    if former is None or not is_running(run.world.engine, former.instance):
        return None
    if run.handover.kind is Kind.HEAL and run.probe(former):
        return None  # what hangs finishes nothing; what was only slow does
    return _finish(run, former)


def drain_candidate(run: HandoverRun) -> Wait | None:
    """Let a candidate that had traffic finish its connections. One that does not answer is not waited for."""
    if not has_traffic(run.handover) or not is_running(run.world.engine, run.candidate):
        return None
    if not run.memory.of(DrainNotes).is_signalled and run.probe(run.candidate_side):
        return None
    return _finish(run, run.candidate_side)


def _finish(run: HandoverRun, side: Side) -> Wait | None:
    """Ask the daemon once to refuse new work; wait until none of its connections is left, or for the deadline.

    A daemon that still has some then is asked to end, which closes them in the way of its protocol, and has its stop
    time for that.
    """
    instance, manifest = side.instance, side.definition.manifest
    notes, limit = run.memory.of(DrainNotes), _limit(run, side)
    if manifest.drain.signal and not notes.is_signalled:
        begin_session(run, side)
        run.world.engine.kill(instance.container_name, manifest.drain.signal)
        notes.is_signalled = True
    draining = run.draining
    draining.deadline = run.world.clock.now() - run.elapsed + limit
    draining.connections = _count(run, instance)
    look_on(run, side, is_last=not draining.connections)
    if not draining.connections:
        return None
    run.world.switchboard.pin_connections(instance.service)
    if run.elapsed <= limit and not draining.is_hurried:
        return Wait(min(POLL_SECONDS, max(FIRST_POLL_SECONDS, run.elapsed / 2)))
    was_dismissed, notes.is_dismissed = notes.is_dismissed, True
    if not was_dismissed:
        run.world.engine.kill(instance.container_name, manifest.stop.signal)
    has_had_time = run.elapsed > limit + manifest.stop.timeout or (draining.is_hurried and was_dismissed)
    is_over = has_had_time or not is_running(run.world.engine, instance)
    return None if is_over else Wait(DISMISSED_POLL_SECONDS)


def _limit(run: HandoverRun, side: Side) -> float:
    """Return how many seconds an instance may take to finish its connections."""
    own, bound = side.definition.manifest.drain.deadline, run.world.settings.drain
    return own if bound is None else min(own, bound)


def _count(run: HandoverRun, instance: Instance) -> int:
    """Return the number of unfinished connections; at least one when they cannot be counted: the deadline ends that."""
    notes = run.memory.of(DrainNotes)
    try:
        connections = len(run.world.kernel.connections.unfinished(instance))
    except NetworkError as error:
        if not notes.is_uncounted:
            log.warning("connections not counted", extra={"service": instance.service, "reason": str(error)})
        notes.is_uncounted = True
        return max(1, run.draining.connections)
    notes.is_uncounted = False
    return connections
