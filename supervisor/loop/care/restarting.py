"""Starts an active instance again that has ended: after a pause that grows, with its folders and its knowledge."""

from __future__ import annotations

import logging
import random
from contextlib import suppress

from supervisor.decisions import backoff
from supervisor.loop.generations.instances import begin, restore
from supervisor.loop.handover.counting import begin_anew
from supervisor.loop.handover.knowledge import teach_again
from supervisor.loop.world import World
from supervisor.values.errors import EngineUnavailableError, SupervisorError
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance

log = logging.getLogger(__name__)

MOST_FORGIVEN = 3  # ends, until it was well for a while


class Restarting:
    """Starts one active instance again after each end. Lives on the worker's thread."""

    def __init__(self, world: World, instance: Instance, definition: ServiceDefinition) -> None:
        self._world, self._instance, self._definition = world, instance, definition
        self._backoff = backoff.Backoff()
        self._by_itself = backoff.Backoff()  # the same without the ends of what hung
        self._forgiven = 0  # ends that its engine had brought about, since it was last well for a while
        self._is_restored: bool | None = None  # it has what its next start needs; None: that was not tried yet
        self._is_taught = True  # False: it was started again, and has found nothing out yet

    @property
    def failures(self) -> int:
        """The number of ends within the last ten minutes, without those of what hung and was killed."""
        return backoff.recent_failures(self._by_itself, self._world.clock.monotonic())

    def due_in(self) -> float:
        """Return the seconds until `turn` has something to do for an instance that is down."""
        if self._is_restored is None:
            return 0.0
        return max(0.0, self._backoff.until - self._world.clock.monotonic())

    def ended(self, why: str, *, was_ready: bool, was_hung: bool = False) -> None:
        """Count an end, unless the engine was away: then it ended with that, not by a fault of its own.

        `was_hung`: it was killed because it did not answer, which is no end of its own.

        An instance that ends again and again does so by itself. One that was not ready since its start hints at damage.
        """
        now = self._world.clock.monotonic()
        if self._world.shared.engine_outage.is_recent(now) and self._forgiven < MOST_FORGIVEN:
            self._backoff, self._forgiven = backoff.forgive(self._backoff), self._forgiven + 1
        else:
            self._fail(was_hung=was_hung)
        if not was_ready:
            self._world.shared.damage_reports.note(f"{self._instance.container_name}: {why}")
        log.warning("instance down", extra={"service": self._instance.service, "reason": why})

    def turn(self, router: RouterConfig) -> bool:
        """Restore what the start needs, then start it once its pause is over; return whether it was started.

        Raises EngineUnavailableError: when the engine is away; the next try waits for nothing.
        Raises SupervisorError: when it cannot be started, which counts as an end.
        """
        if self._is_restored is None:
            self._restore(router)
        if not backoff.may_start(self._backoff, self._world.clock.monotonic()):
            return False
        is_restored, self._is_restored = self._is_restored, None
        try:
            if not is_restored:
                restore(self._world, self._instance, self._definition, router)
            begin_anew(self._world, self._instance, self._definition)
            begin(self._world, self._instance, self._definition)
        except EngineUnavailableError:
            self._backoff = backoff.forgive(self._backoff)
            raise
        except SupervisorError as error:
            self._fail()
            self._world.shared.damage_reports.note(str(error))
            raise
        self._is_taught = False
        return True

    def observe(self, now: float, *, is_ready: bool) -> None:
        """Record whether it is ready: once it was for a while, its pauses begin anew."""
        self._backoff = backoff.observe(self._backoff, is_ready, now)
        self._forgiven = 0 if backoff.is_stable(self._backoff, now) else self._forgiven

    def teach(self, router: RouterConfig) -> None:
        """Give a daemon that was started again its former knowledge, as soon as it listens. May be repeated."""
        if not self._is_taught:
            self._is_taught = teach_again(self._world, self._instance, self._definition, router)

    def _restore(self, router: RouterConfig) -> None:
        """Use the pause before a start for what it needs; if that fails it is done at the start, whose error counts."""
        self._is_restored = False
        with suppress(SupervisorError):
            restore(self._world, self._instance, self._definition, router)
            self._is_restored = True

    def _fail(self, *, was_hung: bool = False) -> None:
        now = self._world.clock.monotonic()
        self._backoff = backoff.fail(self._backoff, now, random.random())  # noqa: S311  (jitter, not a secret)
        if not was_hung:
            self._by_itself = backoff.fail(self._by_itself, now, 0.0)
