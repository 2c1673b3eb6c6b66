"""Keeps the active instance of one service running: notices its end at once, asks its probes, starts it again."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from contextlib import AbstractContextManager

from supervisor.decisions import backoff, health
from supervisor.loop.instances import enlarge_buffers, revive, target_of
from supervisor.loop.world import World
from supervisor.values.errors import NoSuchContainerError, SupervisorError
from supervisor.values.manifest import ServiceDefinition, Watch
from supervisor.values.router import RouterConfig
from supervisor.values.state import ContainerState, Instance, ProbeResult, ProbeTarget, ResolvedProbe

log = logging.getLogger(__name__)

EVENT_BACKSTOP_SECONDS = 10.0  # the engine is asked this often in case an exit was not noticed
LOOKS = 20  # after an exit, while the engine has not heard of it yet
LOOK_SECONDS = 0.1


class Keeper:
    """Lives on the worker's thread; only `notice` comes from another one."""

    def __init__(
        self,
        world: World,
        instance: Instance,
        definition: ServiceDefinition,
        router: RouterConfig,
        notice: Callable[[], None],
    ) -> None:
        self.instance, self.definition = instance, definition
        self.since = world.clock.now()
        self.restarts = 0
        self.message = ""
        self._world, self._notice = world, notice
        now = world.clock.monotonic()
        self.readiness, self.liveness = health.adopted(now), health.presumed(now)
        self._backoff = backoff.Backoff()
        self._watch: AbstractContextManager[None] | None = None
        self._pid: int | None = None
        self._is_down = False
        self.is_gone = False
        self._inspected = 0.0
        self._looks = 0
        self._target: ProbeTarget
        self._probes: dict[int, tuple[ResolvedProbe, ...]]
        self.configure(router)

    @property
    def is_ready(self) -> bool:
        return not self._is_down and self.readiness.is_known and self.readiness.is_good

    @property
    def is_down(self) -> bool:
        return self._is_down

    def configure(self, router: RouterConfig) -> None:
        """Ask the probes as this configuration words them."""
        self._router = router
        manifest = self.definition.manifest
        self._target = target_of(self._world, self.instance, self.definition)
        self._probes = {
            id(watch): self._world.renderer.probes(watch.probes, router, self.instance)
            for watch in (manifest.readiness, manifest.liveness)
        }

    def release(self) -> None:
        """Let go of the instance without touching it."""
        if self._watch:
            self._watch.__exit__(None, None, None)
            self._watch, self._pid = None, None

    # ------------------------------------------------------------ turns

    def due_in(self) -> float:
        """Seconds until `turn` has something to do."""
        now = self._world.clock.monotonic()
        if self._is_down:
            return max(0.0, self._backoff.until - now)
        return max(0.0, min(self.readiness.due, self.liveness.due, self._inspected + EVENT_BACKSTOP_SECONDS) - now)

    def exited(self) -> None:
        """The process that was watched has ended, or may have."""
        self._inspected, self._looks = 0.0, LOOKS

    def turn(self) -> None:
        """Look, ask and heal as far as it is due."""
        now = self._world.clock.monotonic()
        if self._is_down:
            if backoff.may_start(self._backoff, now):
                self._restart()
            return
        if now >= self._inspected + EVENT_BACKSTOP_SECONDS:
            self._inspect(now)
        if self._is_down:
            return
        manifest = self.definition.manifest
        if health.is_due(self.readiness, now):
            self.readiness = self._ask(self.readiness, manifest.readiness)
            self._backoff = backoff.observe(self._backoff, self.readiness.is_good, now)
        if health.is_due(self.liveness, now):
            self.liveness = self._ask(self.liveness, manifest.liveness)
            if not self.liveness.is_good:
                self._end_hung()

    def _ask(self, before: health.Health, watch: Watch) -> health.Health:
        results: list[ProbeResult] = []
        for probe in self._probes[id(watch)]:
            result = self._world.prober.ask(probe, self._target)
            results.append(result)
            if not result.is_good:
                break
        steady = health.advance(before, watch, health.merge(results), self._world.clock.monotonic())
        if watch is self.definition.manifest.readiness and steady.is_good and steady.is_known and not steady.streak:
            # A candidate is asked many times a second; what is ready already need not be.
            liveness = self.definition.manifest.liveness
            steady = health.postpone(steady, max(watch.interval, liveness.interval))
        if steady.is_good != before.is_good or steady.is_known != before.is_known:
            if steady.is_good:
                enlarge_buffers(self._world, self.instance, self.definition)
            which = "readiness" if watch is self.definition.manifest.readiness else "liveness"
            log.info(
                "health changed",
                extra={
                    "service": self.instance.service,
                    "watch": which,
                    "is_good": steady.is_good,
                    "reason": steady.message,
                },
            )
        return steady

    def _inspect(self, now: float) -> None:
        self._inspected = now
        try:
            container = self._world.engine.inspect(self.instance.container_name)
        except NoSuchContainerError:
            self.is_gone = True
            self._went_down("its container is gone")
            return
        if container.state is ContainerState.RUNNING and container.pid:
            if container.pid != self._pid:
                self.release()
                self._pid = container.pid
                self.since = container.started or self.since
                self._watch = self._world.exits.watch(container.pid, self._notice)
                self._watch.__enter__()
                self._looks = 0
            elif self._looks:
                self._looks -= 1
                self._inspected = now + LOOK_SECONDS - EVENT_BACKSTOP_SECONDS
        elif container.state is not ContainerState.PAUSED:
            self._went_down(f"it ended with exit code {container.exit_code}")

    def _end_hung(self) -> None:
        self._world.engine.kill(self.instance.container_name, "SIGKILL")
        self._went_down(f"it does not answer: {self.liveness.message}")

    def _went_down(self, why: str) -> None:
        self.release()
        now = self._world.clock.monotonic()
        self._is_down = True
        self._backoff = backoff.fail(self._backoff, now, random.random())  # noqa: S311  (jitter, not a secret)
        self.message = f"{self.instance.container_name} is down: {why}"
        log.warning("instance down", extra={"service": self.instance.service, "reason": why})

    def _restart(self) -> None:
        try:
            revive(self._world, self.instance, self.definition, self._router)
        except SupervisorError as error:
            self.is_gone = isinstance(error, NoSuchContainerError)  # removed by hand while it was ending
            now = self._world.clock.monotonic()
            self._backoff = backoff.fail(self._backoff, now, random.random())  # noqa: S311
            self.message = str(error)
            return
        self._world.store.count_restart(self.instance.service)
        now = self._world.clock.monotonic()
        self._is_down, self._inspected, self.message = False, 0.0, ""
        self.since = self._world.clock.now()
        self.readiness, self.liveness = health.unproven(now), health.presumed(now)
        log.info("restarted", extra={"service": self.instance.service, "generation": self.instance.generation})
