"""Hands a configuration over while another hand-over of the service soaks, and joins the two.

See `decisions/overtaking.py` for what becomes of both. The journal gets that as one change, so that a supervisor which
comes back finds either two open hand-overs, the newer one of which has not proved itself yet, or one that soaks.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from supervisor.decisions.handover import current
from supervisor.decisions.overtaking import is_about_version, is_soaking, overtaken
from supervisor.loop.handover.run import HandoverRun
from supervisor.values.router import RouterConfig

log = logging.getLogger(__name__)


def pass_on(soaking: HandoverRun, newer: HandoverRun) -> None:
    """Record what becomes of both once the newer candidate has proved itself; nothing happens when that is recorded.

    Raises StateError: nothing has changed.
    """
    if not is_soaking(soaking.handover):
        return
    world, now = newer.world, newer.world.clock.now()
    former, after = overtaken(soaking.handover, newer.handover)
    is_over = former.index != soaking.handover.index
    with world.store.together():
        if is_over:
            world.store.record(former, current(former), now)
        else:
            world.store.amend(former)
            world.store.record(after, current(after), now)
    soaking.take(former)
    if not is_over:
        soaking.give_candidate(newer.router, newer.candidate)
        newer.take(after)
    facts = {"service": former.service, "generation": newer.candidate.generation}
    log.info("soak ends early" if is_over else "soak goes on with another configuration", extra=facts)


def note_configuration(soaking: HandoverRun, router: RouterConfig) -> None:
    """Record that the candidate of a version that soaks was given another configuration in place."""
    if not is_about_version(soaking.handover) or not is_soaking(soaking.handover):
        return
    if not soaking.handover.is_reconfigured:
        soaking.amend(replace(soaking.handover, is_reconfigured=True))
    soaking.give_candidate(router)
