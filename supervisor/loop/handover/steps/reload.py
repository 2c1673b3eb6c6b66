"""A reload: the daemon that runs is given other files and reads them, or those that were there before."""

from __future__ import annotations

import logging

from supervisor.loop.generations.instances import reload_daemon
from supervisor.loop.handover.run import HandoverRun, ReloadFiles
from supervisor.loop.handover.steps.former import GIVE_UP_SECONDS
from supervisor.values.errors import SupervisorError

log = logging.getLogger(__name__)


def apply(run: HandoverRun) -> None:
    """Write the new files and let the daemon read them."""
    files = _files(run)
    run.world.folders.write(run.candidate, run.definition.manifest, files.wanted)
    reload_daemon(run.world.engine, run.candidate, run.definition)


def unapply(run: HandoverRun) -> None:
    """Write the former files and let the daemon read them. One that refuses them is left to liveness."""
    files = _files(run)
    run.world.folders.write(run.candidate, run.definition.manifest, files.before)
    try:
        reload_daemon(run.world.engine, run.candidate, run.definition)
    except SupervisorError as error:
        if run.elapsed < GIVE_UP_SECONDS:
            raise
        log.error("daemon cannot be told", extra={"service": run.handover.service, "reason": str(error)})


def _files(run: HandoverRun) -> ReloadFiles:
    assert run.context.reload is not None  # which a hand-over of this mode always has
    return run.context.reload
