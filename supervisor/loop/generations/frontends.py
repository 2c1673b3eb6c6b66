"""Opens and shuts frontends as the configuration says (`open` in the manifest): traffic changes, no instance does."""

from __future__ import annotations

from supervisor.decisions.traffic import shut_of, with_shut
from supervisor.loop.generations.allocation import with_frontends
from supervisor.loop.world import World
from supervisor.values.listing import listed
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance
from supervisor.values.status import EventRecord


def open_and_shut(world: World, active: tuple[Instance, ServiceDefinition] | None, router: RouterConfig) -> None:
    """Open and shut the frontends of the active instance as `router` says, at once, whatever else is under way.

    Raises RenderError, NetworkError or StateError: to be repeated.
    """
    if active and any(frontend.open for frontend in active[1].manifest.frontends):
        instance, definition = active
        shut(world, with_frontends(world.renderer, definition, router, instance))


def shut(world: World, instance: Instance) -> None:
    """Shut those frontends of the service that are shut in this instance, and open its others. May be repeated.

    It is recorded for every generation: a supervisor that comes back must not open one before it has its configuration.
    """
    names, store = shut_of(instance), world.store
    is_changed = world.switchboard.shut(instance.service, names)
    known = [(recorded, with_shut(recorded, names), state) for recorded, state in store.instances(instance.service)]
    unrecorded = [(wanted, state) for recorded, wanted, state in known if shut_of(wanted) != shut_of(recorded)]
    if not is_changed and not unrecorded:
        return
    with store.together():
        for wanted, state in unrecorded:
            store.save_instance(wanted, state)
        text = f"nothing is led to {listed(sorted(names), ', ')}" if names else "all frontends are open"
        store.log_event(EventRecord(world.clock.now(), instance.service, "frontends", text))
