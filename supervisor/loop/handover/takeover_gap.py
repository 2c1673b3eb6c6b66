"""The gap of a takeover: no daemon runs, and the kernel carries the traffic alone.

What it needs meanwhile is in the manifest (`takeover`). A port is held from just before a daemon is killed until
another one answers. State that a killed daemon leaves in the kernel is recorded before, and deleted once it has been
replaced. A failure here costs packets at most, so it is logged, and the takeover goes on.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from supervisor.decisions.associations import stale
from supervisor.loop.handover.run import HandoverRun, Wait
from supervisor.values.errors import SupervisorError
from supervisor.values.handover import Kind

log = logging.getLogger(__name__)

SETTLE_SECONDS = 5.0  # on the way back nothing soaks, and the operator waits
RETIRE_SECONDS = 30.0  # after the soak nobody does
LOOK_SECONDS = 0.5


def begin_gap(run: HandoverRun) -> None:
    """Prepare the kernel for the kill of a daemon. May be repeated as long as no other was started since."""
    if run.former is None or run.handover.kind is Kind.START:
        return
    if any(side.definition.manifest.takeover.clears_leftovers for side in run.sides):
        _record_leftovers(run)
    hold_port(run)


def hold_port(run: HandoverRun) -> None:
    """Hold the port of the gap, if there is one. A supervisor that came back has lost its socket: it opens another."""
    port: int | None = None
    try:
        port = _port(run)
        inside = None if port is None else run.world.kernel.gap_sockets.hold(port)
        if port is not None and inside is not None:
            run.world.switchboard.hold_port(port, inside)
            run.across.held_port = port
    except SupervisorError as error:
        log.warning("port not held", extra={"service": run.handover.service, "port": port, "reason": str(error)})
        if port is not None:
            run.world.kernel.gap_sockets.release(port)


def end_gap(run: HandoverRun) -> None:
    """Leave the port to the daemon that answers now. The rule goes before the socket.

    Raises NetworkError: the port is still held, and this may be repeated.
    """
    port = run.across.held_port
    if port is not None:
        run.world.switchboard.release_port(port)
        run.world.kernel.gap_sockets.release(port)
        run.across.held_port = None


def settle(run: HandoverRun) -> Wait | None:
    """Wait, on the way back, until the former active answers and has replaced what was left; for a bounded time."""
    former = run.former_side
    if former is None:
        return None
    is_waited_for = run.elapsed < former.definition.manifest.readiness.deadline
    if run.across.held_port is not None and is_waited_for and run.probe(former):
        return Wait(0.05)
    end_gap(run)
    return clear_leftovers(run, SETTLE_SECONDS)


def clear_leftovers(run: HandoverRun, seconds: float) -> Wait | None:
    """Delete state that killed daemons left, as the daemon that runs now replaces it; wait so long for all of it."""
    return None if _clear(run) or run.elapsed > seconds else Wait(LOOK_SECONDS)


def _port(run: HandoverRun) -> int | None:
    """Return the port that either release wants to be held: an older one may not know this word yet."""
    for side in run.sides:
        manifest = side.definition.manifest
        if manifest.takeover.gap_port is not None:
            return run.world.renderer.gap_port(manifest, side.router, side.instance)
    return None


def _clear(run: HandoverRun) -> bool:
    """Delete recorded state that has been replaced since. True: none of it is left, or that cannot be seen."""
    recorded = run.handover.associations
    if not recorded:
        return True
    associations = run.world.kernel.associations
    try:
        present = associations.present()
        gone = stale(recorded, present)
        associations.delete(gone)
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


def _record_leftovers(run: HandoverRun) -> None:
    """Record in the journal the state in the kernel, before the daemon that knows of it is gone."""
    try:
        present = run.world.kernel.associations.present()
    except SupervisorError as error:
        log.warning("associations not recorded", extra={"service": run.handover.service, "reason": str(error)})
        return
    recorded = tuple(dict.fromkeys((*run.handover.associations, *present)))
    if recorded != run.handover.associations:
        run.amend(replace(run.handover, associations=recorded))
