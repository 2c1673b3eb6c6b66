"""Decides when a configuration that was lost has come back: less than what services have replaces nothing."""

from __future__ import annotations

from supervisor.loop.generations.allocation import with_frontends
from supervisor.loop.generations.definitions import Definitions
from supervisor.loop.supervision.audit_log import AuditLog
from supervisor.loop.world import World
from supervisor.values.errors import SupervisorError
from supervisor.values.release import InstanceState
from supervisor.values.router import RouterConfig
from supervisor.values.state import AddressFrontend, Instance, ResolvedFrontend

LOST_SECONDS = 3600.0
AWAITS_CONFIGURATION = "the configuration was lost: services go on with what they have until all of it is sent again"


def is_awaited(world: World, router: RouterConfig, audit_log: AuditLog) -> bool:
    """True if the configuration was lost and `router` is not all of it. That it is back is recorded.

    What is sent is collected until the router's networks are among it and no service would lose what clients reach it
    at, as a management server sends all of it. What does not come within an hour was taken away meanwhile: then
    the next command brings what there is.
    """
    lost = world.store.configuration_lost
    if lost is None:
        return False
    is_over = world.clock.now() - lost > LOST_SECONDS
    if not router.networks or (not is_over and any(_would_lose(world, active, router) for active in _actives(world))):
        return True
    world.store.await_configuration(None)
    audit_log.record("", "configuration-back", "the configuration was sent again and is applied")
    return False


def _actives(world: World) -> list[Instance]:
    return [instance for instance, state in world.store.instances() if state is InstanceState.ACTIVE]


def _would_lose(world: World, instance: Instance, router: RouterConfig) -> bool:
    """True if clients reach the service somewhere now, and with this configuration not any more."""
    try:
        definition = Definitions(world.store, world.origin.read_definition, instance.service)(instance.definition)
        fresh = with_frontends(world.renderer, definition, router, instance).frontends
    except SupervisorError:  # what cannot be read or rendered is refused when it is to be applied
        return False
    return bool(set(map(_place, instance.frontends)) - set(map(_place, fresh)))


def _place(frontend: ResolvedFrontend) -> object:
    if isinstance(frontend, AddressFrontend):
        return frontend.outside
    return frontend.protocol, frontend.port, frontend.interfaces
