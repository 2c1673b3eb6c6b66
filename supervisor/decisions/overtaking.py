"""Decides how a hand-over that soaks and a newer one go on: a new configuration does not wait for a soak.

The newer hand-over runs beside the one that soaks until its candidate has traffic and has proved itself. If it fails
before that, the soak goes on unchanged. Otherwise one of two things happens:

- The soak was for a version (a swap, say). It goes on, for the newer candidate, which is of the same version; the newer
  hand-over has nothing left but to clear away the instance with the former configuration. If the version fails, the
  former version is still the one to return to: it gets the newest configuration before it gets traffic.
- The soak was for a configuration, or for a fresh instance of the same version. It is over: the newer candidate soaks.
"""

from __future__ import annotations

from dataclasses import replace

from supervisor.decisions.handover import advance, current
from supervisor.values.handover import Direction, Handover, Kind, Mode, Step, StepDone
from supervisor.values.state import Instance

_ABOUT_VERSIONS = frozenset({Kind.SWAP, Kind.UPGRADE, Kind.ROLLBACK, Kind.RETRY, Kind.MIGRATE})


def is_soaking(handover: Handover) -> bool:
    """True if its candidate serves under watch."""
    return handover.direction is Direction.FORWARD and current(handover) is Step.SOAK


def is_about_version(handover: Handover) -> bool:
    """True if what soaks is a version: the soak outlives a change of configuration."""
    return handover.kind in _ABOUT_VERSIONS


def is_passed_on(soaking: Handover, candidate: Instance) -> bool:
    """True if the soak goes on for a later candidate, with another configuration, in place of its first one.

    Each candidate is made to take over from one generation, which is recorded with it: a later one from the first
    candidate, not from the former active of the hand-over that soaks.
    """
    made_for = candidate.former
    return soaking.is_reconfigured and made_for is not None and made_for != soaking.former


def may_overtake(soaking: Handover, mode: Mode) -> bool:
    """True if a configuration may be handed over in `mode` beside a hand-over that soaks.

    Two takeovers at once would leave two daemons that were killed, of which only one can be revived.
    """
    return is_soaking(soaking) and mode is not Mode.TAKEOVER


def overtaken(soaking: Handover, newer: Handover) -> tuple[Handover, Handover]:
    """Return both hand-overs as they go on once the candidate of the newer one has proved itself."""
    if not is_about_version(soaking):
        return advance(soaking, StepDone()), newer
    return replace(soaking, candidate=newer.candidate, is_reconfigured=True), advance(newer, StepDone())
