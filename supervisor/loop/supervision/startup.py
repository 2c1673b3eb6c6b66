"""The first steps of a supervisor: it names what its memory lost, recalls what runs, and puts traffic in place."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable

from supervisor.loop.generations.allocation import with_frontends
from supervisor.loop.generations.definitions import Definitions
from supervisor.loop.generations.recall import recall_all
from supervisor.loop.supervision.startup_tasks import StartupTasks
from supervisor.loop.switchboard import recorded
from supervisor.loop.world import World
from supervisor.values.errors import NetworkError, SupervisorError
from supervisor.values.release import InstanceState
from supervisor.values.router import RouterConfig
from supervisor.values.state import AddressFrontend, Instance, ResolvedFrontend

log = logging.getLogger(__name__)

LOST_SECONDS = 3600.0
AWAITS_CONFIGURATION = "the configuration was lost: services go on with what they have until all of it is sent again"

Tell = Callable[[str, str, str], None]
"""Keeps an event of a service (empty: of the router), with its name and its message."""


def start_up(world: World, startup_tasks: StartupTasks, tell: Tell, *, is_engine_here: bool) -> None:
    """Before a worker begins. An engine that is not here yet is asked when each service is adopted."""
    for loss in world.store.losses:
        log.error("memory damaged", extra={"reason": loss})
        tell("", "memory-damaged", loss)
    if is_engine_here:
        startup_tasks.do("memory", functools.partial(recall_all, world))
    elif world.store.losses and not world.store.instances():
        return  # nobody can say what serves yet, and what a former supervisor set goes on serving
    try:
        world.switchboard.restore(recorded(world.store.instances()))
    except NetworkError:
        startup_tasks.do("traffic", world.switchboard.refresh)


def is_awaited(world: World, router: RouterConfig, tell: Tell) -> bool:
    """True if the configuration was lost and this is not all of it: less than what services have replaces nothing.

    What is sent is collected until the router's networks are among it and no service would lose what clients reach it
    at, as a management server sends all of it. What does not come within an hour was taken away meanwhile: then
    the next command brings what there is.
    """
    lost = world.store.configuration_lost
    if lost is None:
        return False
    is_over = world.clock.now() - lost > LOST_SECONDS
    if not router.networks or (not is_over and any(_would_lose(world, one, router) for one in _active(world))):
        return True
    world.store.await_configuration(None)
    tell("", "configuration-back", "the configuration was sent again and is applied")
    return False


def _active(world: World) -> list[Instance]:
    return [instance for instance, state in world.store.instances() if state is InstanceState.ACTIVE]


def _would_lose(world: World, instance: Instance, router: RouterConfig) -> bool:
    """True if clients reach the service somewhere now, and with this configuration not any more."""
    try:
        definition = Definitions(world.store, world.read_definition, instance.service)(instance.definition)
        fresh = with_frontends(world.renderer, definition, router, instance).frontends
    except SupervisorError:  # what cannot be read or rendered is refused when it is to be applied
        return False
    return bool({_place(one) for one in instance.frontends} - {_place(one) for one in fresh})


def _place(frontend: ResolvedFrontend) -> object:
    if isinstance(frontend, AddressFrontend):
        return frontend.outside
    return frontend.protocol, frontend.port, frontend.interfaces
