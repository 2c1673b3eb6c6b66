"""Keeps the active instance of one service running: notices its end at once, asks its probes, starts it again."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

from supervisor.decisions import asking, backoff, health
from supervisor.loop.generations.instances import begin, enlarge_buffers, restore, target_of
from supervisor.loop.handover.counting import begin_anew
from supervisor.loop.handover.knowledge import Noting, teach_again
from supervisor.loop.world import World
from supervisor.values.errors import EngineError, EngineUnavailableError, NoSuchContainerError, SupervisorError
from supervisor.values.manifest import ServiceDefinition, Watch
from supervisor.values.router import RouterConfig
from supervisor.values.state import ContainerState, Instance, ProbeResult, ProbeTarget, ResolvedProbe, Usage

log = logging.getLogger(__name__)

EVENT_BACKSTOP_SECONDS = 10.0  # the engine is asked this often in case an exit was not noticed
INSPECT_AGAIN_SECONDS = 2.0  # after the engine failed
LOOKS = 20  # after an exit, while the engine has not heard of it yet
LOOK_SECONDS = 0.1
MOST_FORGIVEN = 3  # ends, until it was well for a while
LATE_SECONDS = 0.2  # a probe never takes longer than its time-out by itself
READY_INTERVAL_SECONDS = 5.0  # what is ready is asked for readiness this rarely: liveness watches it meanwhile


class Keeper:
    """Lives on the worker's thread; only `notice` comes from another one."""

    def __init__(
        self,
        world: World,
        instance: Instance,
        definition: ServiceDefinition,
        router: RouterConfig,
        notice: Callable[[], None],
        *,
        is_proved: bool = False,
    ) -> None:
        self.instance, self.definition = instance, definition
        self.since = world.clock.now()
        self.restarts = 0
        self.message = ""
        self.usage: Usage | None = None  # when its container was looked at last
        self._world, self._notice = world, notice
        now = world.clock.monotonic()
        self.readiness = health.presumed(now) if is_proved else health.adopted(now)
        self.liveness = health.presumed(now)
        self._backoff = backoff.Backoff()
        self._watch: AbstractContextManager[None] | None = None
        self._pid: int | None = None
        self._is_down = False
        self._is_restored: bool | None = None  # has it what its next start needs? None: nobody looked yet
        self.is_gone = False
        self.is_missed = False  # its process has ended, and the engine cannot be asked
        self._inspected = 0.0
        self._looks = 0
        self._was_ready = False  # since it was started last
        self._forgiven = 0  # ends that its engine had brought about, since it was last well for a while
        self._target: ProbeTarget
        self._probes: dict[int, tuple[ResolvedProbe, ...]]
        self._noting = Noting(world)
        self._is_taught = True  # False: it was started again, and has found nothing out yet
        self._unproven: set[ResolvedProbe] = set()  # never held, and perhaps never could
        self.blind = ""  # why its probes cannot be asked
        self.configure(router)

    @property
    def router(self) -> RouterConfig:
        """The configuration that its daemon has, as far as that is known."""
        return self._router

    @property
    def is_ready(self) -> bool:
        return not self._is_down and self.readiness.is_known and self.readiness.is_good

    @property
    def is_down(self) -> bool:
        return self._is_down

    @property
    def is_hung(self) -> bool:
        """Does it run, and not answer? One that answered just now is not touched."""
        return not self._is_down and not self.liveness.is_good and not self.liveness.streak

    @property
    def failures(self) -> int:
        """How often it went down in the last ten minutes."""
        return backoff.recent_failures(self._backoff, self._world.clock.monotonic())

    def configure(self, router: RouterConfig) -> None:
        """Ask the probes as this configuration words them; ask none while it words none, and tell why."""
        self._router, self._is_doubtful = router, False
        self._word()
        self.liveness = health.presumed(self._world.clock.monotonic())  # what was found was found with other words

    def doubt_words(self) -> None:
        """What configuration it has is not known: a probe that does not hold tells nothing until it has held once.

        Until one tells something it is taken for good: that it runs is all there is to go by.
        """
        self.readiness = health.presumed(self._world.clock.monotonic())
        self._is_doubtful = True
        self._doubt()

    def _word(self) -> None:
        manifest, self._worded_at = self.definition.manifest, self._world.clock.monotonic()
        try:
            self._target = target_of(self._world.folders, self.instance, self.definition)
            self._probes = {
                id(watch): self._world.renderer.probes(watch.probes, self._router, self.instance)
                for watch in (manifest.readiness, manifest.liveness)
            }
        except SupervisorError as error:
            self._probes, self.blind = {}, f"cannot watch {self.instance.container_name}: {error}"
        else:
            self.blind = ""
        self._doubt()

    def _doubt(self) -> None:
        probes = (probe for probes in self._probes.values() for probe in probes)
        self._unproven = set(probes) if self._is_doubtful else set()

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
            return 0.0 if self._is_restored is None else max(0.0, self._backoff.until - now)
        inspection = self._inspected + EVENT_BACKSTOP_SECONDS
        if self.blind:
            return max(0.0, min(self._worded_at + READY_INTERVAL_SECONDS, inspection) - now)
        liveness = self.liveness.due if self._has_begun(now) else self.readiness.due
        return max(0.0, min(self.readiness.due, liveness, inspection) - now)

    def exited(self) -> None:
        """The process that was watched has ended, or may have."""
        self._inspected, self._looks = 0.0, LOOKS

    def turn(self) -> None:
        """Look, ask and heal as far as it is due."""
        now = self._world.clock.monotonic()
        if self._is_down:
            if self._is_restored is None:
                self._restore()
            if backoff.may_start(self._backoff, self._world.clock.monotonic()):
                self._restart()
            return
        if now >= self._inspected + EVENT_BACKSTOP_SECONDS:
            self._inspect(now)
        if self._is_down:
            return
        if self.blind and now >= self._worded_at + READY_INTERVAL_SECONDS:
            self._word()
        if self.blind:
            return
        manifest = self.definition.manifest
        if health.is_due(self.readiness, now):
            self._teach()
            self.readiness = self._ask(self.readiness, manifest.readiness)
            self._backoff = backoff.observe(self._backoff, self.readiness.is_good, now)
            self._forgiven = 0 if backoff.is_stable(self._backoff, now) else self._forgiven
        if health.is_due(self.liveness, now) and self._has_begun(now):
            self.liveness = self._ask(self.liveness, manifest.liveness)
        if self.is_ready and self.liveness.is_good and not self.liveness.streak:
            self._noting.turn(self.instance, self.definition, self._router)

    def _teach(self) -> None:
        """Give a daemon that was started again its former knowledge, as soon as it listens."""
        if not self._is_taught:
            self._is_taught = teach_again(self._world, self.instance, self.definition, self._router)

    def _answers_patiently(self) -> bool:
        """Before it is called hung it is asked once more, with the time that a candidate gets: slow is not hung."""
        found = self._found(self.definition.manifest.readiness)
        return found is not None and found.is_good

    def _has_begun(self, now: float) -> bool:
        """What was just started may be slow to listen: it is judged once it was ready, or had the time for it."""
        watch = self.definition.manifest.readiness
        self._was_ready = self._was_ready or self.readiness.is_good
        return self._was_ready or health.has_missed_deadline(self.readiness, watch, now)

    def _ask(self, before: health.Health, watch: Watch) -> health.Health:
        manifest = self.definition.manifest
        now = self._world.clock.monotonic
        found = self._found(watch)
        steady = health.advance(before, watch, found, now())
        if watch is manifest.readiness and steady.is_good and steady.is_known and not steady.streak:
            # A candidate is asked many times a second; what is ready already need not be.
            steady = health.postpone(steady, max(watch.interval, READY_INTERVAL_SECONDS))
        is_hung = watch is manifest.liveness and not steady.is_good and not steady.streak
        if is_hung and self._answers_patiently():
            steady = health.postpone(health.presumed(now()), watch.interval)  # its answers must not pile up
        if (steady.is_good, steady.is_known) != (before.is_good, before.is_known):
            self._tell(steady, "readiness" if watch is manifest.readiness else "liveness")
        return steady

    def _tell(self, changed: health.Health, which: str) -> None:
        if changed.is_good:
            enlarge_buffers(self._world, self.instance, self.definition)
        facts = {"watch": which, "is_good": changed.is_good, "reason": changed.message}
        log.info("health changed", extra={"service": self.instance.service, **facts})

    def _found(self, watch: Watch) -> ProbeResult | None:
        return health.merge(self._results(watch), is_asked=bool(self._probes[id(watch)]))

    def _results(self, watch: Watch) -> tuple[ProbeResult, ...]:
        """Return what its probes find, up to the first failure that decides."""
        asked: list[tuple[ResolvedProbe, ProbeResult]] = []
        for probe in self._probes[id(watch)]:
            if not asking.is_needed(probe, asked):
                continue
            result = self._world.prober.ask(probe, self._target)
            is_late = result.seconds > probe.timeout + LATE_SECONDS  # we were, not the daemon: that tells nothing
            if not result.is_good and (is_late or probe in self._unproven):
                continue
            if result.is_good:
                self._unproven.discard(probe)
            asked.append((probe, result))
            if asking.is_settled(asked):
                break
        return asking.results(asked)

    def _inspect(self, now: float) -> None:
        self._inspected = now
        try:
            with self._world.shared.engine_outage.noticed(self._world.clock.monotonic):
                container = self._world.engine.inspect(self.instance.container_name)
        except NoSuchContainerError:
            self.is_gone = True
            self._went_down("its container is gone")
            return
        except EngineError:  # soon again, but the probes are asked in between: they need no engine
            self.is_missed = bool(self._looks)
            again = LOOK_SECONDS if self._looks else INSPECT_AGAIN_SECONDS  # what has ended is not left lying
            self._inspected = now - EVENT_BACKSTOP_SECONDS + again
            raise
        self.is_missed = False
        if container.state is ContainerState.RUNNING and container.pid:
            if container.pid != self._pid:
                self.release()
                self._pid = container.pid
                self.since = container.started or self.since
                self._watch = self._world.kernel.exits.watch(container.pid, self._notice)
                self._watch.__enter__()
                self._looks = 0
                self._measure()
            elif self._looks:
                self._looks -= 1
                self._inspected = now + LOOK_SECONDS - EVENT_BACKSTOP_SECONDS
            else:
                self._measure()
        elif container.state is not ContainerState.PAUSED:
            self._went_down(f"it ended with exit code {container.exit_code}")

    def _measure(self) -> None:
        with suppress(EngineError):  # it may be ending: whoever watches it says so
            self.usage = self._world.engine.usage(self.instance.container_name)

    def end_hung(self) -> None:
        """Kill what runs and does not answer; it is started again after its pause."""
        with self._world.shared.engine_outage.noticed(self._world.clock.monotonic):
            self._world.engine.kill(self.instance.container_name, "SIGKILL")
        self._went_down(f"it does not answer: {self.liveness.message}")

    def _went_down(self, why: str) -> None:
        self.release()
        now = self._world.clock.monotonic()
        self._is_down, self.usage = True, None
        # It ended with its engine, not by a fault of its own; what does so again and again did not.
        if self._world.shared.engine_outage.is_recent(now) and self._forgiven < MOST_FORGIVEN:
            self._backoff, self._forgiven = backoff.forgive(self._backoff), self._forgiven + 1
        else:
            self._backoff = backoff.fail(self._backoff, now, random.random())  # noqa: S311  (jitter, not a secret)
        if not self._was_ready:  # what was started ended at once
            self._world.shared.damage_reports.note(f"{self.instance.container_name}: {why}")
        self.message = f"{self.instance.container_name} is down: {why}"
        log.warning("instance down", extra={"service": self.instance.service, "reason": why})

    def _restore(self) -> None:
        """In the pause before a start there is time for what it needs; where that fails, the start tells why."""
        self._is_restored = False
        with suppress(SupervisorError):
            restore(self._world, self.instance, self.definition, self._router)
            self._is_restored = True

    def _restart(self) -> None:
        is_restored, self._is_restored = self._is_restored, None
        try:
            if not is_restored:
                restore(self._world, self.instance, self.definition, self._router)
            begin_anew(self._world, self.instance, self.definition)
            begin(self._world, self.instance, self.definition)
        except EngineUnavailableError:
            # It ended with its engine, not by a fault of its own: it shall not wait once that is back.
            self._backoff = backoff.forgive(self._backoff)
            raise
        except SupervisorError as error:
            self.is_gone = isinstance(error, NoSuchContainerError)  # removed by hand while it was ending
            now = self._world.clock.monotonic()
            self._backoff = backoff.fail(self._backoff, now, random.random())  # noqa: S311
            self._world.shared.damage_reports.note(str(error))
            self.message = str(error)
            return
        now = self._world.clock.monotonic()
        self._is_down, self._inspected, self.message, self._was_ready = False, 0.0, "", False
        self._is_taught = False
        self.is_gone = False
        self.since = self._world.clock.now()
        self.readiness, self.liveness = health.unproven(now), health.presumed(now)
        self._world.store.count_restart(self.instance.service)
        log.info("restarted", extra={"service": self.instance.service, "generation": self.instance.generation})
