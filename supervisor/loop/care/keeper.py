"""Keeps the active instance of one service running: a process watch, probes, and a start after each end, joined.

The process watch notices an end at once, the probes find what runs and does not answer, and what is down is started
again after a pause.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from supervisor.decisions import process_state
from supervisor.decisions.health import Health
from supervisor.decisions.process_state import Condition, State
from supervisor.loop.care.overload import OverloadWatch
from supervisor.loop.care.probe_set import ProbeSet
from supervisor.loop.care.probing import Probing
from supervisor.loop.care.process_watch import ProcessWatch
from supervisor.loop.care.restarting import Restarting
from supervisor.loop.generations.instances import enlarge_buffers, target_of
from supervisor.loop.handover.knowledge import Noting
from supervisor.loop.world import World
from supervisor.values.errors import EngineUnavailableError, NoSuchContainerError, SupervisorError
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance, Usage

log = logging.getLogger(__name__)


class Keeper:
    """Keeps one active instance running.

    Lives on the worker's thread; `notice` is called from another one, and attributes are read by others.
    """

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
        """Watch from the next turn on; `notice` is called when the process has ended, and leads to `exited`.

        `is_proved`: it was found ready a moment ago, and one odd answer says nothing.
        """
        self.instance, self.definition = instance, definition
        self.router = router  # that its daemon has, as far as that is known
        self.message = ""  # why it is down
        self._world = world
        name, manifest = instance.container_name, definition.manifest
        self._process_watch = ProcessWatch(
            name, world.engine, world.kernel.exits, world.shared.engine_outage, world.clock, notice
        )
        probes = ProbeSet(
            instance,
            manifest,
            world.renderer,
            world.prober,
            world.clock,
            lambda: target_of(world.folders, instance, definition),
        )
        connections = world.kernel.connections
        self.overload = OverloadWatch(
            instance.service, manifest.admission, probes, world.clock, world.store, lambda: connections.crowd(instance)
        )
        self._probing = Probing(
            instance.service,
            manifest,
            probes,
            self.overload,
            world.clock,
            lambda: enlarge_buffers(world, instance, definition),
            is_proved=is_proved,
        )
        self.restarting = Restarting(world, instance, definition)
        self._noting = Noting(world)
        self.configure(router)

    # ------------------------------------------------------------ what is so

    @property
    def since(self) -> float:
        """The time when its process began, or came into care, in seconds since the epoch."""
        return self._process_watch.since

    @property
    def usage(self) -> Usage | None:
        """The use of memory and processor when it was looked at last; None before that, and while it is down."""
        return self._process_watch.usage

    @property
    def readiness(self) -> Health:
        """The findings about readiness."""
        return self._probing.readiness

    @property
    def liveness(self) -> Health:
        """The findings about liveness."""
        return self._probing.liveness

    @property
    def blind(self) -> str:
        """The reason why its probes cannot be asked; empty while they can."""
        return self._probing.blind

    @property
    def condition(self) -> Condition:
        """The condition of the instance: the worst of those that hold."""
        process, is_blind, is_full = self._process_watch.process, bool(self.blind), self.overload.is_full
        return process_state.condition(process, self.readiness, self.liveness, is_blind=is_blind, is_full=is_full)

    @property
    def is_ready(self) -> bool:
        """True if traffic may be led there."""
        return process_state.is_ready(self._process_watch.process, self.readiness)

    @property
    def is_down(self) -> bool:
        """True if nothing of it runs."""
        return self._process_watch.process.is_down

    @property
    def is_gone(self) -> bool:
        """True if its container does not exist: it cannot be started again."""
        return self._process_watch.process.state is State.GONE

    @property
    def is_hung(self) -> bool:
        """True if it runs and does not answer."""
        return process_state.is_hung(self._process_watch.process, self.liveness)

    # ------------------------------------------------------------ its configuration

    def configure(self, router: RouterConfig) -> None:
        """Render the probes for this configuration; if that fails, probing stops and `blind` holds the reason."""
        self.router = router
        self._probing.configure(router)

    def doubt_configuration(self) -> None:
        """Take its configuration for a guess: a probe that does not hold says nothing until it has held once.

        Until a probe says something it is taken for ready: that it runs is all there is to go by.
        """
        self._probing.doubt()

    # ------------------------------------------------------------ turns

    def due_in(self) -> float:
        """Return the seconds until `turn` has something to do."""
        if self.is_down:
            return self.restarting.due_in()
        return min(self._process_watch.due_in(), self._probing.due_in())

    def turn(self) -> None:
        """Look at the process, ask the probes, or start again, as far as that is due.

        Raises EngineError: when the engine failed; the rest of the turn is done at the next one.
        """
        if self.is_down:
            self._start_again()
            return
        now = self._world.clock.monotonic()
        if why := self._process_watch.turn():
            self._went_down(why)
            return
        if not self._probing.can_ask():
            return
        if self._probing.is_readiness_due(now):
            self.restarting.teach(self.router)
            self._probing.ask_readiness()
            self.restarting.observe(now, is_ready=self.readiness.is_good)
        self._probing.ask_liveness(now)
        if self.is_ready and self._probing.is_sound:
            self._noting.turn(self.instance, self.definition, self.router)

    def exited(self) -> None:
        """Take note that its process has ended, or may have."""
        self._process_watch.exited()

    def end_hung(self) -> None:
        """Kill what runs and does not answer; it is started again after its pause.

        Raises EngineError: when the engine did not kill it.
        """
        self._process_watch.kill()
        self._went_down(f"it does not answer: {self.liveness.message}", was_hung=True)

    def release(self) -> None:
        """End the care without touching the instance. May be repeated."""
        self._process_watch.release()

    def _went_down(self, why: str, *, was_hung: bool = False) -> None:
        self.message = f"{self.instance.container_name} is down: {why}"
        self.restarting.ended(why, was_ready=self._probing.was_ready, was_hung=was_hung)

    def _start_again(self) -> None:
        try:
            if not self.restarting.turn(self.router):
                return
        except EngineUnavailableError:
            raise
        except SupervisorError as error:
            self._process_watch.not_started(is_missing=isinstance(error, NoSuchContainerError))
            self.message = str(error)
            return
        self.message = ""
        self._process_watch.started()
        self._probing.started()
        self._world.store.count_restart(self.instance.service)
        log.info("restarted", extra={"service": self.instance.service, "generation": self.instance.generation})
