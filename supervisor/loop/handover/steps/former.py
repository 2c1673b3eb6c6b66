"""The former active: killed in a takeover and started again on the way back, or retired when all is well."""

from __future__ import annotations

import logging

from supervisor.decisions.traffic import endpoints
from supervisor.loop.generations.instances import discard, is_running, revive, without_instance
from supervisor.loop.handover.counting import last_look
from supervisor.loop.handover.refresh import refresh
from supervisor.loop.handover.run import HandoverRun, Wait
from supervisor.loop.handover.takeover_gap import RETIRE_SECONDS, begin_gap, clear_leftovers, hold_port
from supervisor.loop.switchboard import Serving
from supervisor.values.errors import EngineError
from supervisor.values.handover import Kind

log = logging.getLogger(__name__)

GIVE_UP_SECONDS = 15.0  # an undo that cannot be completed must not block the service for ever


def kill_former(run: HandoverRun) -> None:
    """Begin the gap of a takeover and kill the former active: a graceful stop would take the data plane along."""
    begin_gap(run)
    if run.former and is_running(run.world.engine, run.former):
        run.world.engine.kill(run.former.container_name, "SIGKILL")


def revive_former(run: HandoverRun) -> None:
    """Start the former active again, with the newest configuration.

    One that cannot be started is left to the worker, which starts a new generation when nothing serves.
    """
    if run.former_side is None or run.handover.kind is Kind.START:
        return
    hold_port(run)
    former = refresh(run, run.former_side, starts=False)
    try:
        revive(run.world, former.instance, former.definition, former.router)
    except EngineError as error:
        if run.elapsed < GIVE_UP_SECONDS:
            raise
        log.error("former active cannot be started", extra={"service": former.instance.service, "reason": str(error)})


def retire(run: HandoverRun) -> Wait | None:
    """Remove the former active and everything that belongs to it alone; after this nothing can be undone."""
    if run.former_side is None:
        return None
    former = run.former_side.instance
    last_look(run, run.former_side)
    run.world.engine.remove(former.container_name)
    serving = run.world.switchboard.serving(former.service)  # the active may be newer than our candidate by now
    left = without_instance(serving.alive, former)
    run.world.switchboard.serve(former.service, Serving(serving.active, left))
    run.world.kernel.connections.delete(endpoints(former, None))
    waiting = clear_leftovers(run, RETIRE_SECONDS)
    if waiting is None:
        discard(run.world, former, run.former_side.definition)
    return waiting
