"""The gap of a takeover: no daemon runs, the kernel carries the traffic, and what it needs meanwhile is done here.

Encapsulated ESP needs a socket: one is held from just before a daemon is killed until another answers. A daemon that
is killed leaves its security associations in the kernel: they are recorded before, and deleted once they have been
replaced. What fails here costs packets at most, so it is logged, and the takeover goes on.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from supervisor.decisions.associations import stale
from supervisor.loop.walk import Wait, Walk
from supervisor.values.errors import SupervisorError
from supervisor.values.handover import Kind
from supervisor.values.manifest import Takeover

log = logging.getLogger(__name__)

SETTLE_SECONDS = 5.0  # on the way back nothing soaks, and the operator waits
RETIRE_SECONDS = 30.0  # after the soak nobody does
LOOK_SECONDS = 0.5


def begin_gap(walk: Walk) -> None:
    """A daemon is about to be killed. May be repeated as long as no other was started since."""
    if walk.former is None or walk.handover.kind is Kind.START:
        return
    if _takeover(walk).clears_associations:
        _record(walk)
    hold_port(walk)


def hold_port(walk: Walk) -> None:
    """Take in what is encapsulated. A supervisor that came back has lost its socket: it opens another."""
    port = _takeover(walk).encapsulation
    if port is None or walk.router.vpn.userspace_data_plane:  # such a daemon takes the kernel's part, with its socket
        return
    try:
        inside = walk.world.encapsulation.hold(port)
        if inside is not None:
            walk.world.switchboard.hold(port, inside)
            walk.is_port_held = True
    except SupervisorError as error:
        log.warning("port not held", extra={"service": walk.handover.service, "port": port, "reason": str(error)})
        walk.world.encapsulation.release(port)


def end_gap(walk: Walk) -> None:
    """A daemon answers: what arrives is for it. The rule goes before the socket."""
    port = _takeover(walk).encapsulation
    if port is not None and walk.is_port_held:
        walk.world.switchboard.release(port)
        walk.world.encapsulation.release(port)
        walk.is_port_held = False


def settle(walk: Walk) -> Wait | None:
    """On the way back: wait until the former answers and has replaced what was left. Not for ever."""
    former, definition = walk.former, walk.former_definition
    if former is None or definition is None:
        return None
    is_waited_for = walk.elapsed < definition.manifest.readiness.deadline
    if walk.is_port_held and is_waited_for and walk.probe(former, definition):
        return Wait(0.05)
    end_gap(walk)
    return clear_associations(walk, SETTLE_SECONDS)


def clear_associations(walk: Walk, seconds: float) -> Wait | None:
    """Wait so long for the daemon that runs now to replace all that the killed ones left."""
    return None if _clear(walk) or walk.elapsed > seconds else Wait(LOOK_SECONDS)


def _clear(walk: Walk) -> bool:
    """Delete what was recorded and has been replaced since; is none of it left?"""
    recorded = walk.handover.associations
    if not recorded:
        return True
    try:
        present = walk.world.associations.present()
        gone = stale(recorded, present)
        walk.world.associations.delete(gone)
    except SupervisorError as error:
        log.warning("associations not cleared", extra={"service": walk.handover.service, "reason": str(error)})
        return True
    left = set(recorded).intersection(present).difference(gone)
    if gone:
        log.info(
            "associations cleared",
            extra={"service": walk.handover.service, "deleted": len(gone), "left": len(left)},
        )
    return not left


def _record(walk: Walk) -> None:
    """The journal hears it before the daemon that knows them is gone."""
    try:
        present = walk.world.associations.present()
    except SupervisorError as error:
        log.warning("associations not recorded", extra={"service": walk.handover.service, "reason": str(error)})
        return
    recorded = tuple(dict.fromkeys((*walk.handover.associations, *present)))
    if recorded != walk.handover.associations:
        noted = replace(walk.handover, associations=recorded)
        walk.world.store.amend(noted)
        walk.handover = noted


def _takeover(walk: Walk) -> Takeover:
    """What either release says: an older one may not know these words yet."""
    own = walk.definition.manifest.takeover
    former = walk.former_definition.manifest.takeover if walk.former_definition else own
    return Takeover(own.encapsulation or former.encapsulation, own.clears_associations or former.clears_associations)
