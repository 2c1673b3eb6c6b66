"""The first steps of a supervisor: it names what its memory lost, recalls what runs, and puts traffic in place."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable

from supervisor.loop.chores import Chores
from supervisor.loop.recalling import recall_all
from supervisor.loop.switchboard import recorded
from supervisor.loop.world import World
from supervisor.values.errors import NetworkError
from supervisor.values.router import RouterConfig

log = logging.getLogger(__name__)

AWAITS_CONFIGURATION = "the configuration was lost: services go on with what they have until all of it is sent again"

Tell = Callable[[str, str, str], None]
"""Keeps an event of a service (empty: of the router), with its name and its message."""


def come_back(world: World, chores: Chores, tell: Tell, *, is_engine_here: bool) -> None:
    """Before a worker begins. An engine that is not here yet is asked when each service is adopted."""
    for loss in world.store.losses:
        log.error("memory damaged", extra={"reason": loss})
        tell("", "memory-damaged", loss)
    if is_engine_here:
        chores.do("memory", functools.partial(recall_all, world))
    elif world.store.losses and not world.store.instances():
        return  # nobody can say what serves yet, and what a former supervisor set goes on serving
    try:
        world.switchboard.restore(recorded(world.store.instances()))
    except NetworkError:
        chores.do("traffic", world.switchboard.refresh)


def is_awaited(world: World, router: RouterConfig, tell: Tell) -> bool:
    """True if the configuration was lost and this is not all of it: less than what services have replaces nothing.

    What is sent is collected until the router's networks are among it, as a management server sends them.
    """
    if not world.store.awaits_configuration:
        return False
    if not router.networks:
        return True
    world.store.await_configuration(is_lost=False)
    tell("", "configuration-back", "the configuration was sent again and is applied")
    return False
