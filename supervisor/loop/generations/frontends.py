"""Lets clients in as the configuration says (`open`, `interfaces` in manifests): traffic changes, no instance does."""

from __future__ import annotations

from supervisor.decisions.traffic import shut_of, sides_of, with_shut, with_sides
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
    if active and any(frontend.open or frontend.interfaces for frontend in active[1].manifest.frontends):
        instance, definition = active
        admit(world, with_frontends(world.renderer, definition, router, instance))


def admit(world: World, instance: Instance) -> None:
    """Let clients of the service in as the frontends of this instance say. May be repeated.

    It is recorded for every generation: a supervisor that comes back must not open one before it has its configuration.
    """
    store = world.store
    is_changed = world.switchboard.admit(instance)
    known = [(recorded, _as(recorded, instance), state) for recorded, state in store.instances(instance.service)]
    reopened = any(shut_of(wanted) != shut_of(recorded) for recorded, wanted, _ in known)
    moved = {name for recorded, wanted, _ in known for name in _other_sides(recorded, wanted)}
    if not is_changed and not reopened and not moved:
        return
    text = f"called at other interfaces: {listed(sorted(moved), ', ')}"
    if reopened or not moved:
        names = shut_of(instance)
        text = f"nothing is led to {listed(sorted(names), ', ')}" if names else "all frontends are open"
    with store.together():
        for recorded, wanted, state in known:
            if shut_of(wanted) != shut_of(recorded) or _other_sides(recorded, wanted):
                store.save_instance(wanted, state)
        store.log_event(EventRecord(world.clock.now(), instance.service, "frontends", text))


def _as(recorded: Instance, newest: Instance) -> Instance:
    """Return a recorded instance as the newest one says. The sides are for those of its definition."""
    is_same = recorded.definition == newest.definition
    return with_shut(with_sides(recorded, sides_of(newest)) if is_same else recorded, shut_of(newest))


def _other_sides(recorded: Instance, wanted: Instance) -> list[str]:
    before = sides_of(recorded)
    return [name for name, sides in sides_of(wanted).items() if sides != before[name]]
