"""The keeper of what serves, and which configuration each generation was given."""

from __future__ import annotations

from collections.abc import Callable

from supervisor.loop.care.keeper import Keeper
from supervisor.loop.handover.cleanup import MOST_ALIVE
from supervisor.loop.service.comparison import is_configured
from supervisor.loop.service.isolation import Isolation
from supervisor.loop.world import World
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance


class Keeping:
    """Lives on the worker's thread; `keeper` is read by others and replaced whole."""

    def __init__(
        self,
        world: World,
        isolation: Isolation,
        digest: Callable[[bytes], str],
        on_exit: Callable[[], None],
        follow: Callable[[Instance, ServiceDefinition, RouterConfig], None],
    ) -> None:
        """`follow` is called with the configuration of what serves."""
        self._world, self._isolation, self._digest, self._on_exit = world, isolation, digest, on_exit
        self._follow = follow
        self._given: dict[int, RouterConfig] = {}  # generation -> the configuration its daemon has, newest last
        self.keeper: Keeper | None = None

    @property
    def active(self) -> tuple[Instance, ServiceDefinition] | None:
        keeper = self.keeper
        return (keeper.instance, keeper.definition) if keeper else None

    def given(self, generation: int) -> RouterConfig | None:
        return self._given.get(generation)

    def serves(self, router: RouterConfig) -> bool:
        """True if what serves has this configuration, and is ready."""
        keeper = self.keeper
        if keeper is None or not keeper.is_ready:
            return False
        given = self._given.get(keeper.instance.generation)
        return given is router or given == router

    def expect(self, generation: int, router: RouterConfig) -> None:
        """A candidate is made with this configuration."""
        self._given[generation] = router

    def give(self, generation: int, router: RouterConfig) -> None:
        """A daemon has this configuration now: its probes are worded accordingly, and not before."""
        self._given = dict([*self._given.items(), (generation, router)][-2 * MOST_ALIVE :])
        keeper = self.keeper
        if keeper and keeper.instance.generation == generation:
            self._isolation.guard("configure", lambda: keeper.configure(router))
            self._follow(keeper.instance, keeper.definition, router)

    def keep(
        self, instance: Instance, definition: ServiceDefinition, router: RouterConfig, *, is_proved: bool = False
    ) -> None:
        """Keep this instance running from now on; `router`: what it is taken to have unless it was given something."""
        self.let_go()
        given = self._given.get(instance.generation)
        self.keeper = Keeper(self._world, instance, definition, given or router, self._on_exit, is_proved=is_proved)
        # Where nothing is known of it an earlier supervisor gave it something.
        if given is None and not is_configured(self._world, instance, definition, router, self._digest):
            self.keeper.doubt_words()
        self._follow(instance, definition, given or router)

    def let_go(self) -> None:
        """Leave what serves to itself, or there is nothing left to keep."""
        if self.keeper:
            self.keeper.release()
        self.keeper = None
