"""Heals the active instance of one service: one that hangs is replaced, one that ends too often gives way.

The place of what hangs is taken by a fresh generation of the same version, that of what ends by the version before.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass

from supervisor.decisions import backoff
from supervisor.decisions.falling_back import TOO_OFTEN, Choices, objection
from supervisor.decisions.handover import is_interrupted
from supervisor.decisions.healing import NEXT_FALL_BACK_SECONDS, Patient, Remedy, remedy
from supervisor.loop.care.keeper import Keeper
from supervisor.loop.generations.ceiling import refuse_over_ceiling
from supervisor.loop.generations.definitions import Definitions
from supervisor.loop.generations.doubts import doubt_about_version
from supervisor.loop.generations.instances import version_of
from supervisor.loop.handover.run import HandoverRun
from supervisor.loop.world import World
from supervisor.values.errors import SupervisorError
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
        self._definition_of = Definitions(world.store, world.origin.read_definition, service)
        self._hung = backoff.Backoff()  # hangs, for the pauses between replacements
        self._unstarted = backoff.Backoff()  # starts from nothing that failed; the keeper counts ends
        self._version: Version | None = None  # that failed so
        self._replaced = 0  # the generation whose replacement was tried last
        self._fell_back = self._objected = -NEXT_FALL_BACK_SECONDS

    def cure(self, keeper: Keeper, *, is_crowded: bool) -> Cure | None:
        """Do what can be done in place, or return the hand-over that is needed; None: none is.

        `is_crowded`: there is no room for one more generation. Raises EngineError: when what hangs was not killed.
        Raises StateError: when the event could not be recorded; it is tried again.
        """
        now = self._clock.monotonic()
        self._count_for(version_of(keeper.instance))
        self._hung = backoff.observe(self._hung, keeper.is_ready, now)
        if not keeper.is_down and not keeper.is_hung:
            return None
        failures = keeper.restarting.failures + backoff.recent_failures(self._unstarted, now)
        former = self._former(version_of(keeper.instance), failures, now) if keeper.is_down else None
        patient = Patient(
            keeper.definition.manifest.strategy,
            is_down=keeper.is_down,
            is_hung=keeper.is_hung,
            failures=failures,
            was_replaced=self._replaced == keeper.instance.generation,
            has_former=former is not None,
            has_room=not is_crowded,
            is_paused=not (backoff.may_start(self._hung, now) and backoff.may_start(self._unstarted, now)),
        )
        match remedy(patient):
            case Remedy.KILL:
                keeper.end_hung()
            case Remedy.REPLACE:
                self._hung = backoff.fail(self._hung, now, random.random())  # noqa: S311  (jitter, not a secret)
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
        former = self._former(wanted, backoff.recent_failures(self._unstarted, now), now)
        if former is None:
            return wanted
        self._fall_back(wanted, now)
        return former

    def undone(self, run: HandoverRun) -> None:
        """Count a start that failed, as an end is counted; other hand-overs that were undone change nothing."""
        if run.handover.kind is Kind.START and not is_interrupted(run.handover):
            self._count_for(version_of(run.candidate))
            self._unstarted = backoff.fail(self._unstarted, self._clock.monotonic(), random.random())  # noqa: S311

    def _count_for(self, version: Version) -> None:
        """Begin to count anew if another version than before is concerned."""
        if self._version is None or not version.is_same_as(self._version):
            self._version, self._hung, self._unstarted = version, backoff.Backoff(), backoff.Backoff()

    def _former(self, version: Version, failures: int, now: float) -> Version | None:
        """Return the version that was good before, if it may take the place of this one, which failed too often."""
        store, service = self._store, self._service
        if failures < TOO_OFTEN or now < self._fell_back + NEXT_FALL_BACK_SECONDS:
            return None
        former = store.previous(service)
        if former is None or former.is_same_as(version):
            return None
        choices = Choices(store.confirmed(service), store.pinned(service))
        reason = objection(version, choices) or doubt_about_version(self._world, former) or self._refusal(former)
        if reason and now >= self._objected + NEXT_FALL_BACK_SECONDS:
            self._record(
                "no fall-back", f"{version.version} failed {TOO_OFTEN} times in 10 minutes and stays: {reason}"
            )
            self._objected = now
        return None if reason else former

    def _refusal(self, version: Version) -> str:
        """Return why nothing new may be made of a version; empty: it may."""
        try:
            refuse_over_ceiling(self._world.settings.ceiling, self._definition_of(version.definition).manifest)
        except SupervisorError as error:
            return str(error)
        return ""

    def _fall_back(self, failed: Version, now: float) -> None:
        self._fell_back = now
        self._record("falls back", f"{failed.version} failed {TOO_OFTEN} times in 10 minutes")

    def _record(self, name: str, message: str) -> None:
        log.warning(name, extra={"service": self._service, "reason": message})
        self._store.log_event(EventRecord(self._clock.now(), self._service, name, message))
