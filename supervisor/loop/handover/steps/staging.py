"""Staging: the candidate's folders, configuration, copied state and namespace, and their removal."""

from __future__ import annotations

from supervisor.decisions.traffic import endpoints
from supervisor.loop.generations.instances import discard, refuses, without_instance
from supervisor.loop.handover.readiness import check_wording
from supervisor.loop.handover.run import HandoverRun, Wait
from supervisor.loop.handover.state_transfer import first_copy
from supervisor.loop.handover.takeover_gap import settle
from supervisor.loop.switchboard import Serving
from supervisor.values.errors import CheckFailedError


def stage(run: HandoverRun) -> None:
    """Write everything that the candidate reads, copy the former active's state, and make its namespace."""
    folders, candidate, manifest = run.world.folders, run.candidate, run.definition.manifest
    folders.prepare(candidate, manifest)
    folders.write(candidate, manifest, run.world.renderer.files(run.definition, run.router, candidate))
    if candidate.link:
        run.world.kernel.links.ensure(candidate.link)
    first_copy(run)


def unstage(run: HandoverRun) -> Wait | None:
    """Remove everything that belongs to the candidate alone; in a takeover, wait first for the former active."""
    waiting = settle(run)
    if waiting is not None:
        return waiting
    service, candidate = run.handover.service, run.candidate
    serving = run.world.switchboard.serving(service)
    active = None if serving.active == candidate else serving.active
    run.world.switchboard.serve(service, Serving(active, without_instance(serving.alive, candidate)))
    run.world.kernel.connections.delete(endpoints(candidate, None))
    discard(run.world, candidate, run.definition)
    return None


def check(run: HandoverRun) -> None:
    """Let the candidate's image check the configuration (in a reload: the one to come). Nothing has to be undone."""
    check_wording(run)
    files = run.context.reload.wanted if run.context.reload else None
    if reason := refuses(run.world, run.candidate, run.definition, files):
        raise CheckFailedError(run.candidate.service, run.candidate.version, reason)
