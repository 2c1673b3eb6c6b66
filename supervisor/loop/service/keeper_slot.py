"""The place of the keeper of what serves, and the configuration that each generation was given."""

from __future__ import annotations

from collections.abc import Callable

from supervisor.decisions.plan import Next
from supervisor.loop.care.keeper import Keeper
from supervisor.loop.handover.cleanup import MOST_ALIVE
from supervisor.loop.service.comparison import compare, is_configured
from supervisor.loop.service.isolation import Isolation
from supervisor.loop.world import World
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.release import Version
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance, RenderedFile


class KeeperSlot:
    """Puts a keeper on the instance that serves.

    Lives on the worker's thread. There is no keeper while nothing serves.
    """

    def __init__(
        self,
        world: World,
        isolation: Isolation,
        digest: Callable[[bytes], str],
        on_exit: Callable[[], None],
        look_after: Callable[[Instance, ServiceDefinition, RouterConfig], None],
    ) -> None:
        """`on_exit` is called, from any thread, when what serves ends; `look_after` when its configuration changes."""
        self._world, self._isolation, self._digest, self._on_exit = world, isolation, digest, on_exit
        self._look_after = look_after
        self._given: dict[int, RouterConfig] = {}  # generation -> the configuration its daemon has, newest last
        self.keeper: Keeper | None = None

    @property
    def active(self) -> tuple[Instance, ServiceDefinition] | None:
        """The instance that serves; None while nothing does."""
        keeper = self.keeper
        return (keeper.instance, keeper.definition) if keeper else None

    def given(self, generation: int) -> RouterConfig | None:
        """Return the configuration that a generation was given; None: this supervisor gave it none."""
        return self._given.get(generation)

    def serves(self, router: RouterConfig) -> bool:
        """True if what serves has this configuration, and is ready."""
        keeper = self.keeper
        if keeper is None or not keeper.is_ready:
            return False
        given = self._given.get(keeper.instance.generation)
        return given is router or given == router

    def expect(self, generation: int, router: RouterConfig) -> None:
        """Record that a candidate is made with this configuration."""
        self._given[generation] = router

    def give(self, generation: int, router: RouterConfig) -> None:
        """Record that a daemon has this configuration now: its probes are rendered for that, and not before."""
        self._given = dict([*self._given.items(), (generation, router)][-2 * MOST_ALIVE :])
        keeper = self.keeper
        if keeper and keeper.instance.generation == generation:
            self._isolation.guard("configure", lambda: keeper.configure(router))
            self._look_after(keeper.instance, keeper.definition, router)

    def give_active(self, router: RouterConfig) -> None:
        """Record that what serves has this configuration now; nothing happens while nothing serves."""
        if self.keeper:
            self.give(self.keeper.instance.generation, router)

    def compare(self, desired: Version | None, router: RouterConfig) -> tuple[tuple[RenderedFile, ...], Next]:
        """Compare what serves with the desired version and this configuration; see `comparison`."""
        return compare(self._world, self.active, desired, router, self._digest)

    def keep(
        self, instance: Instance, definition: ServiceDefinition, router: RouterConfig, *, is_proved: bool = False
    ) -> None:
        """Keep this instance running from now on. It is taken to have `router` unless it was given something else."""
        self.let_go()
        given = self._given.get(instance.generation)
        self.keeper = Keeper(self._world, instance, definition, given or router, self._on_exit, is_proved=is_proved)
        # An instance of an earlier supervisor has what that gave it, which is not recorded.
        if given is None and not is_configured(self._world, instance, definition, router, self._digest):
            self.keeper.doubt_configuration()
        self._look_after(instance, definition, given or router)

    def let_go(self) -> None:
        """Leave what serves to itself. May be repeated."""
        if self.keeper:
            self.keeper.release()
        self.keeper = None
