"""The candidate's container: created, started, and removed again. In a takeover it is created before the gap."""

from __future__ import annotations

from supervisor.decisions.handover import leaves_gap
from supervisor.loop.generations.instances import begin, ensure_created, with_instance
from supervisor.loop.handover.counting import last_look
from supervisor.loop.handover.run import HandoverRun
from supervisor.loop.handover.takeover_gap import begin_gap
from supervisor.loop.switchboard import Serving


def create(run: HandoverRun) -> None:
    """Create the candidate's container, and do not start it."""
    ensure_created(run.world, run.candidate, run.definition)


def start(run: HandoverRun) -> None:
    """Let the candidate's answers out, although no new work goes to it yet, and start its container.

    The table is first: what a daemon asks of others as soon as it runs may need it.
    """
    serving = run.world.switchboard.serving(run.handover.service)
    if run.candidate not in serving.alive:
        alive = with_instance(serving.alive, run.candidate)
        run.world.switchboard.serve(run.handover.service, Serving(serving.active, alive))
    begin(run.world, run.candidate, run.definition)


def remove_candidate(run: HandoverRun) -> None:
    """Remove the candidate's container; if nothing runs then, the gap of the takeover begins again."""
    if leaves_gap(run.handover):
        begin_gap(run)
    last_look(run, run.candidate_side)
    run.world.engine.remove(run.candidate.container_name)
