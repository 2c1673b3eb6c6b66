"""The gap of a takeover: no daemon runs, the kernel carries the traffic, and what it needs meanwhile is done here.

Encapsulated ESP needs a socket: one is held from just before a daemon is killed until another answers. A daemon that
is killed leaves its security associations in the kernel: they are recorded before, and deleted once they have been
replaced. What fails here costs packets at most, so it is logged, and the takeover goes on.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from supervisor.decisions.associations import stale
from supervisor.loop.handover.run import HandoverRun, Wait
from supervisor.values.errors import SupervisorError
from supervisor.values.handover import Kind
from supervisor.values.manifest import Takeover

log = logging.getLogger(__name__)

SETTLE_SECONDS = 5.0  # on the way back nothing soaks, and the operator waits
RETIRE_SECONDS = 30.0  # after the soak nobody does
LOOK_SECONDS = 0.5


def begin_gap(run: HandoverRun) -> None:
    """A daemon is about to be killed. May be repeated as long as no other was started since."""
    if run.former is None or run.handover.kind is Kind.START:
        return
    if _takeover(run).clears_associations:
        _record(run)
    hold_port(run)


def hold_port(run: HandoverRun) -> None:
    """Take in what is encapsulated. A supervisor that came back has lost its socket: it opens another."""
    port = _takeover(run).encapsulation
    if port is None or run.router.vpn.userspace_data_plane:  # such a daemon takes the kernel's part, with its socket
        return
    try:
        inside = run.world.kernel.gap_sockets.hold(port)
        if inside is not None:
            run.world.switchboard.hold(port, inside)
            run.across.held_port = port
    except SupervisorError as error:
        log.warning("port not held", extra={"service": run.handover.service, "port": port, "reason": str(error)})
        run.world.kernel.gap_sockets.release(port)


def end_gap(run: HandoverRun) -> None:
    """A daemon answers: what arrives is for it. The rule goes before the socket."""
    port = run.across.held_port
    if port is not None:
        run.world.switchboard.release(port)
        run.world.kernel.gap_sockets.release(port)
        run.across.held_port = None


def settle(run: HandoverRun) -> Wait | None:
    """On the way back: wait until the former answers and has replaced what was left. Not for ever."""
    former = run.former_side
    if former is None:
        return None
    is_waited_for = run.elapsed < former.definition.manifest.readiness.deadline
    if run.across.held_port is not None and is_waited_for and run.probe(former):
        return Wait(0.05)
    end_gap(run)
    return clear_leftovers(run, SETTLE_SECONDS)


def clear_leftovers(run: HandoverRun, seconds: float) -> Wait | None:
    """Wait so long for the daemon that runs now to replace all that the killed ones left."""
    return None if _clear(run) or run.elapsed > seconds else Wait(LOOK_SECONDS)


def _clear(run: HandoverRun) -> bool:
    """Delete what was recorded and has been replaced since; is none of it left?"""
    recorded = run.handover.associations
    if not recorded:
        return True
    try:
        present = run.world.kernel.associations.present()
        gone = stale(recorded, present)
        run.world.kernel.associations.delete(gone)
    except SupervisorError as error:
        log.warning("associations not cleared", extra={"service": run.handover.service, "reason": str(error)})
        return True
    left = set(recorded).intersection(present).difference(gone)
    if gone:
        log.info(
            "associations cleared",
            extra={"service": run.handover.service, "deleted": len(gone), "left": len(left)},
        )
    return not left


def _record(run: HandoverRun) -> None:
    """The journal hears it before the daemon that knows them is gone."""
    try:
        present = run.world.kernel.associations.present()
    except SupervisorError as error:
        log.warning("associations not recorded", extra={"service": run.handover.service, "reason": str(error)})
        return
    recorded = tuple(dict.fromkeys((*run.handover.associations, *present)))
    if recorded != run.handover.associations:
        run.amend(replace(run.handover, associations=recorded))


def _takeover(run: HandoverRun) -> Takeover:
    """What either release says: an older one may not know these words yet."""
    own = run.definition.manifest.takeover
    former = run.former_definition.manifest.takeover if run.former_definition else own
    return Takeover(own.encapsulation or former.encapsulation, own.clears_associations or former.clears_associations)
