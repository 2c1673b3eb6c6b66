"""Heals the active instance of one service: one that hangs is replaced, one that fails too often gives way.

Its place is taken by a fresh generation of the same version, or by the version before.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass

from supervisor.decisions import backoff
from supervisor.decisions.handover import is_interrupted
from supervisor.decisions.healing import NEXT_FALL_BACK_SECONDS, TOO_OFTEN, Patient, Remedy, remedy
from supervisor.loop.care.keeper import Keeper
from supervisor.loop.generations.doubts import doubt_about_version
from supervisor.loop.generations.instances import version_of
from supervisor.loop.handover.run import HandoverRun
from supervisor.loop.world import World
from supervisor.values.handover import Kind
from supervisor.values.names import ServiceName
from supervisor.values.release import Version
from supervisor.values.status import EventRecord

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cure:
    """A hand-over that heals."""

    kind: Kind
    version: Version


class Healer:
    """Chooses the hand-over that heals the active instance of one service.

    Lives on the worker's thread; it is asked whenever no hand-over is under way.
    """

    def __init__(self, world: World, service: ServiceName) -> None:
        self._world, self._store, self._clock, self._service = world, world.store, world.clock, service
        self._failed = backoff.Backoff()  # hangs, and starts from nothing; the keeper counts ends
        self._version: Version | None = None  # that failed so
        self._replaced = 0  # the generation whose replacement was tried last
        self._fell_back = -NEXT_FALL_BACK_SECONDS

    def cure(self, keeper: Keeper, *, is_crowded: bool) -> Cure | None:
        """Do what can be done in place, or return the hand-over that is needed; None: none is.

        `is_crowded`: there is no room for one more generation. Raises EngineError: when what hangs was not killed.
        Raises StateError: when the event could not be recorded; it is tried again.
        """
        now = self._clock.monotonic()
        self._count_for(version_of(keeper.instance))
        self._failed = backoff.observe(self._failed, keeper.is_ready, now)
        if not keeper.is_down and not keeper.is_hung:
            return None
        former = self._former(version_of(keeper.instance), now)
        patient = Patient(
            keeper.definition.manifest.strategy,
            is_down=keeper.is_down,
            is_hung=keeper.is_hung,
            failures=keeper.restarting.failures + backoff.recent_failures(self._failed, now) + keeper.is_hung,
            was_replaced=self._replaced == keeper.instance.generation,
            has_former=former is not None,
            has_room=not is_crowded,
            is_paused=not backoff.may_start(self._failed, now),
        )
        match remedy(patient):
            case Remedy.KILL:
                keeper.end_hung()
            case Remedy.REPLACE:
                self._failed = backoff.fail(self._failed, now, random.random())  # noqa: S311  (jitter, not a secret)
                self._replaced = keeper.instance.generation
                self._record("hung", f"{keeper.instance.container_name} does not answer: {keeper.liveness.message}")
                return Cure(Kind.HEAL, version_of(keeper.instance))
            case Remedy.FALL_BACK if former:
                self._fall_back(version_of(keeper.instance), now)
                return Cure(Kind.FALL_BACK, former)
            case _:
                pass
        return None

    def version_to_start(self, wanted: Version) -> Version:
        """Return what is started when nothing runs: the version before, if the wanted one failed too often."""
        now = self._clock.monotonic()
        self._count_for(wanted)
        former = self._former(wanted, now)
        if former is None or backoff.recent_failures(self._failed, now) < TOO_OFTEN:
            return wanted
        self._fall_back(wanted, now)
        return former

    def undone(self, run: HandoverRun) -> None:
        """Count a start that failed, as an end is counted; other hand-overs that were undone change nothing."""
        if run.handover.kind is Kind.START and not is_interrupted(run.handover):
            self._count_for(version_of(run.candidate))
            self._failed = backoff.fail(self._failed, self._clock.monotonic(), random.random())  # noqa: S311

    def _count_for(self, version: Version) -> None:
        """Begin to count anew if another version than before is concerned."""
        if self._version is None or not version.is_same_as(self._version):
            self._version, self._failed = version, backoff.Backoff()

    def _former(self, version: Version, now: float) -> Version | None:
        """Return the version that was good before, if it is another one and may be tried now."""
        former = self._store.previous(self._service)
        if former is None or former.is_same_as(version) or now < self._fell_back + NEXT_FALL_BACK_SECONDS:
            return None
        return None if doubt_about_version(self._world, former) else former

    def _fall_back(self, failed: Version, now: float) -> None:
        self._fell_back = now
        self._record("falls back", f"{failed.version} failed {TOO_OFTEN} times in 10 minutes")

    def _record(self, name: str, message: str) -> None:
        log.warning(name, extra={"service": self._service, "reason": message})
        self._store.log_event(EventRecord(self._clock.now(), self._service, name, message))
